"""The conformance kit: the golden programs, and how a target stands to each of them.

A golden program is a fact of one design, the reference's unless its header says `# target: T`; its directory is the area that it is about. They
lie in `programs` beside this file: a link to where their tests are, files where sysfuzz is installed. What a core says that it does not have
is not asked of it. How programs are run without harm to who asks, and what is told of them, is decided elsewhere.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from sysfuzz.kernel.protocol import Boot
from sysfuzz.program.golden import Golden, golden, misses
from sysfuzz.program.ir import CALLS
from sysfuzz.program.names import OP_NAMES
from sysfuzz.program.outcome import Outcome, Panic
from sysfuzz.program.text import load
from sysfuzz.targets.table import DESIGNS, Target

REFERENCE = "nosyscalls"
PROGRAMS = Path(__file__).with_name("programs")

# Ops that the target does by other methods than `call`.
NO_CALLS = frozenset(("as", "poke", "peek", "run"))
_STATED = "# target:"
_NOSYS = "ENOSYS"


class Fact(NamedTuple):
    """A golden program."""

    name: str  # its path below PROGRAMS
    area: str  # its directory
    design: str  # whose fact it is
    golden: Golden


class Wrong(NamedTuple):
    """Where a program first yields what it shall not."""

    line: int  # 0: at none
    call: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.call}: expected {self.expected}, got {self.actual}"


class Answers(NamedTuple):
    """How often a call, made by ops, was answered."""

    asked: int = 0
    right: int = 0
    nosys: int = 0  # ENOSYS, where that was wrong


class Result(NamedTuple):
    """How a target stands to one program."""

    name: str
    wrong: Wrong | None = None  # None: all is as it shall be
    answers: Mapping[str, Answers] = {}  # by call


class Declared(NamedTuple):
    """What a target says about itself."""

    promise: str = REFERENCE  # the design whose facts are its own
    unsupported: frozenset[str] = frozenset()  # calls that it does not have: they answer ENOSYS


def facts(directory: Path = PROGRAMS) -> list[Fact]:
    """All golden programs, in order. OSError if there are none: an installation without them must not pass."""
    found = []
    for path in sorted(directory.rglob("*.prog")):
        stated = golden(load(path))
        named = [line.removeprefix(_STATED).strip() for line in stated.source.preamble if line.startswith(_STATED)]
        name = path.relative_to(directory)
        found.append(Fact(name.as_posix(), name.parent.as_posix(), named[0] if named else REFERENCE, stated))
    if not found:
        raise FileNotFoundError(2, "no golden program here", str(directory))
    return found


def needs(stated: Golden) -> frozenset[str]:
    """Names of the calls that a program is about: those of its ops, and those that code must get through to."""
    calls = {op.call for op in stated.source.program.ops} - NO_CALLS
    entered = {event.call for expected in stated.expectations if expected for event in expected.events} - {""}
    return frozenset(calls | {OP_NAMES.get(call, call) for call in entered})


def declared(target: Target) -> Declared:
    """What a target says about itself."""
    if target.name in DESIGNS:
        return Declared(target.name)
    return Declared(target.promise.name, target.promise.without)


def own_boot(name: str) -> Boot | None:
    """What makes the core `module:attribute`, whose target has been made; None if the name is of another kind."""
    module, _, attribute = name.partition(":")
    boot: Boot | None = getattr(sys.modules.get(module), attribute, None) if attribute else None
    return boot


def examine(target: Target, fact: Fact) -> Result:
    """Run a program and compare. Whatever comes out of the target is a core that follows no protocol, and is told."""
    try:
        outcome = target.run(fact.golden.source.program)
    except (Exception, SystemExit) as error:
        return Result(
            fact.name, Wrong(0, "protocol", "an answer", f"{type(error).__name__}: {' '.join(str(error).split())}")
        )
    return Result(fact.name, _first_wrong(fact.golden, outcome), dict(_answers(fact.golden, outcome)))


def total(results: Iterable[Result]) -> dict[str, Answers]:
    """The answers of many programs, by call, in the order of CALLS."""
    sums: dict[str, Answers] = {}
    for result in results:
        for call, answers in result.answers.items():
            sums[call] = Answers(*map(sum, zip(sums.get(call, Answers()), answers, strict=True)))
    return {call: sums[call] for call in CALLS if call in sums}


def _first_wrong(stated: Golden, outcome: Outcome) -> Wrong | None:
    for miss in misses(stated, outcome):
        call = stated.source.program.ops[miss.op].call
        actual = miss.actual or "nothing: the run ended before"
        if outcome.panic is not None and miss.op >= len(outcome.steps) - 1:
            actual = _panic(outcome.panic)
        return Wrong(miss.line, call, miss.expected, actual)
    if outcome.insane:
        return Wrong(0, "check", "a sane core", " ".join(outcome.insane.split()))
    return None


def _panic(panic: Panic) -> str:
    exception = f"{panic.exception}: " if panic.exception else ""
    return f"panic: {exception}{panic.reason} ({panic.where})"


def _answers(stated: Golden, outcome: Outcome) -> Iterator[tuple[str, Answers]]:
    """The calls of a program whose answers it states, up to the first that is wrong, as the rest may follow from that."""
    missed = {miss.op for miss in misses(stated, outcome)}
    sums: dict[str, Answers] = {}
    for op, expectation in enumerate(stated.expectations):
        call = stated.source.program.ops[op].call
        if expectation is not None and call not in NO_CALLS:
            before = sums.get(call, Answers())
            nosys = op in missed and op < len(outcome.steps) and outcome.steps[op].result == _NOSYS
            sums[call] = Answers(before.asked + 1, before.right + (op not in missed), before.nosys + nosys)
        if op in missed:
            break
    yield from sums.items()
