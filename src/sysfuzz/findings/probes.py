"""Ops that let a wrong map be seen: what is to be done after two maps have parted for results and events to differ as well.

A finding may lie in the map alone, where a golden program cannot state it: the attribute of a page is lost, and nobody has made a call from
there yet. For each field of a page this table knows the shortest ops whose answer depends on it. Whether they do show the difference in a
given program is for those to find out who run them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from sysfuzz.oracles.case import MARK, Case, Parting
from sysfuzz.program.ir import Mode, Op, Program, ProgramError, Ref
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE, PROT

# Entry and return: legal in every process of the mode, whoever made the CPU.
_ENTRY: Mapping[Mode, bytes] = {"amd64": bytes.fromhex("0f05c3"), "i386": bytes.fromhex("cd80c3")}
_RETURN = b"\xc3"
_READ_EXEC = PROT["PROT_READ"] | PROT["PROT_EXEC"]
_ALL = _READ_EXEC | PROT["PROT_WRITE"]

_MAX_PROBES = 16  # of one program: what the first pages do not show the others do not show either


class Probed(NamedTuple):
    """A program whose ops from number `kept` on were added."""

    program: Program
    kept: int


def probed(program: Program, case: Case, causes: Collection[str]) -> Iterator[Probed]:
    """`program`, of which `case` is a run, up to where maps part for one of `causes`, and ops that may show it; the fewest first.

    What breaks a limit of programs is left out.
    """
    found: list[tuple[tuple[Op, ...], tuple[Op, ...]]] = []
    for parting in case.partings:
        if parting.cause not in causes:
            continue
        kept = program.ops[: parting.op + 1]
        current = case.outcome.steps[parting.op].pid if kept else 1
        switch = () if parting.pid == current else (Op("as", (parting.pid, 0)),)
        for page in _pages(case, parting):
            first = len(kept) + len(switch)
            found += [(kept, (*switch, *ops)) for ops in _ops(program.mode, parting.field, page, first)]
    for kept, added in sorted(found[:_MAX_PROBES], key=lambda pair: len(pair[1])):
        with suppress(ProgramError):
            yield Probed(program._replace(ops=kept + added).validate(), len(kept))


def _pages(case: Case, parting: Parting) -> list[int]:
    """Addresses of the pages that can show a parting; for a mark those with an attribute, for a process none that matters."""
    if parting.field == MARK:
        states = case.expected.steps[parting.op].states if parting.op >= 0 else case.expected.boot
        flagged = [
            n for state in states if state.pid == parting.pid for n, page in state.pages.items() if page.attributes
        ]
        return [number * PAGE for number in sorted(flagged)]
    return [max(parting.page, 0) * PAGE]


def _ops(mode: Mode, field: str, page: int, index: int) -> Sequence[tuple[Op, ...]]:
    """What may show that `field` of `page` is wrong, each by itself; the first op will have number `index`."""
    enter = (Op("poke", (page, _ENTRY[mode])), Op("run", (page, 0)))
    leave = (Op("poke", (page, _RETURN)), Op("run", (page, 0)))
    match field:
        case "attributes" | "mark":
            # A page without PROT_EXEC gets it: what it carries is not to change by that.
            return enter, (Op("mprotect", (page, PAGE, _READ_EXEC)), *enter)
        case "mapped":
            return ((Op("poke", (page, _RETURN)),),)
        case "prot":  # mincore writes one byte, as user code would; mlock refuses a page without any protection
            return (Op("mincore", (LAYOUTS[mode].stack, PAGE, page)),), (Op("mlock", (page, PAGE)),), leave
        case "maxprot":
            return ((Op("mprotect", (page, PAGE, _ALL)),),)
        case "wired":
            return ((Op("munlock", (page, PAGE)),),)
        case "inherit":
            child = (Op("fork"), Op("as", (Ref(index), 0)))
            return ((*child, Op("poke", (page, _RETURN))),)
        case "alive":
            return ((Op("poke", (LAYOUTS[mode].stack, _RETURN)),),)
        case _:  # advice: no call's answer depends on it
            return ()
