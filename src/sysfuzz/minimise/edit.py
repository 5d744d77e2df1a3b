"""Edits that passes are made of: valid programs from valid programs.

A reference to an op that goes becomes the number that the op had yielded, so that nothing else changes. Which edits are worth a try is not
known here.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sysfuzz.minimise.search import Shown
from sysfuzz.program.ir import CALLS, Arg, Kind, Mode, Op, Program, Ref, int_range, width
from sysfuzz.program.names import REGISTERS

# Calls that make something that has a number, which later ops say.
SPAWNING = frozenset(("fork", "vfork", "lwp_create"))


class Site(NamedTuple):
    """A place of an argument."""

    op: int
    position: int
    kind: str


def sites(program: Program) -> Iterator[tuple[Site, Arg]]:
    """All arguments in order."""
    for index, op in enumerate(program.ops):
        for position, (param, arg) in enumerate(zip(CALLS[op.call], op.args, strict=True)):
            yield Site(index, position, param.kind), arg


def with_args(program: Program, new: Mapping[Site, Arg]) -> Program:
    """The program with other arguments at some sites."""
    changed: dict[int, list[Arg]] = {}
    for site, arg in new.items():
        changed.setdefault(site.op, list(program.ops[site.op].args))[site.position] = arg
    return program._replace(
        ops=tuple(
            Op(op.call, tuple(changed[index])) if index in changed else op for index, op in enumerate(program.ops)
        ),
    )


def with_registers(program: Program, values: Mapping[str, int]) -> Program:
    """The program with these registers, all others zero."""
    return program._replace(regs=tuple((name, values[name]) for name in REGISTERS[program.mode] if values.get(name)))


def without(shown: Shown, dropped: Collection[int]) -> Program:
    """The program without some of its ops."""
    return arranged(shown, [index for index in range(len(shown.program.ops)) if index not in dropped])


def arranged(shown: Shown, order: Sequence[int]) -> Program:
    """The program of the ops whose indices are given, in that order, each at most once."""
    places = {old: new for new, old in enumerate(order)}

    def moved(op: Op, at: int) -> Op:
        def change(kind: str, arg: Arg) -> Arg:
            if not isinstance(arg, Ref):
                return arg
            place = places.get(arg.op, at)
            return Ref(place, arg.offset) if place < at else value(shown, arg, kind)

        return map_args(op, change)

    return shown.program._replace(ops=tuple(moved(shown.program.ops[old], new) for new, old in enumerate(order)))


def renumbered(shown: Shown, dropped: Collection[int]) -> Program | None:
    """The program without ops that make processes or LWPs, later numbers counted down; None if there are none among `dropped`."""
    gone = [(index, shown.results[index]) for index in sorted(dropped) if index < len(shown.results)]
    numbers = [
        (index, result)
        for index, result in gone
        if isinstance(result, int) and shown.program.ops[index].call in SPAWNING
    ]
    if not numbers:
        return None
    new: dict[Site, Arg] = {}
    for site, arg in sites(shown.program):
        if site.kind in (Kind.NUMBER, Kind.LWP) and isinstance(arg, int):
            above = sum(index < site.op and result < arg for index, result in numbers)
            if above:
                new[site] = arg - above
    return without(Shown(with_args(shown.program, new), shown.results), dropped)


def map_args(op: Op, change: Callable[[str, Arg], Arg]) -> Op:
    """The op with every argument changed; `change` is told the kind."""
    return Op(op.call, tuple(change(param.kind, arg) for param, arg in zip(CALLS[op.call], op.args, strict=True)))


def value(shown: Shown, reference: Ref, kind: str) -> int:
    """The number that a reference stood for, as an argument of `kind`; a result that is none counts as all ones."""
    result = shown.results[reference.op] if reference.op < len(shown.results) else -1
    number = (result if isinstance(result, int) else -1) + reference.offset
    _, high = int_range(kind, shown.program.mode)
    return number & address_mask(shown.program.mode) & high


def address_mask(mode: Mode) -> int:
    """All bits of an address."""
    return (1 << width(mode)) - 1


def unique(programs: Iterable[Program]) -> Iterator[Program]:
    """Each program once, in order."""
    seen: set[Program] = set()
    for program in programs:
        if program not in seen:
            seen.add(program)
            yield program
