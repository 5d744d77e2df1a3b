"""A regression test made of a finding: a golden program that states what is right, so that it fails where the bug is.

What is right is said by the spec, as it follows the run of the program on the reference. What the spec leaves open (a free address, the bytes
of a peek, the signal of a vector that the semantics do not mention) is not stated; where the program lets the core choose a place, the place
is asked for instead, if the bug shows then as well. The text is tried before it is given away: it must fail on the finding's target at an op
where the oracles see the finding's bucket, and pass on the reference.

Where a run of the program differs in nothing that a golden program states, since the bug is in the map alone, `probes` has ops that may show it.

The header says `found on:`, not `target:`. `sysfuzz check` and the pytest plugin take the latter for the target that the statements are about,
and these are not about the one with the bug: they hold on every correct core. So `check FILE` means the reference and passes, `--target` (in
pytest `--sysfuzz-target`, or the ini file) names what is to be tested, and a kernel project that drops the file beside its tests runs it against
its own core without editing it.
"""

import shlex
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import NamedTuple

from sysfuzz.findings.bucket import bucket_of, one_line
from sysfuzz.findings.probes import Probed, probed
from sysfuzz.findings.reproducer import printable, program_text
from sysfuzz.oracles import judge
from sysfuzz.oracles.case import Case
from sysfuzz.program.expect import render
from sysfuzz.program.golden import Miss, StatesNothing, golden, misses
from sysfuzz.program.ir import Op, Program
from sysfuzz.program.names import MAP
from sysfuzz.program.outcome import Outcome
from sysfuzz.program.source import Mark, Source, Statement
from sysfuzz.program.text import format_op, format_source, parse
from sysfuzz.spec.expect import AnyBytes, Expected, ExpectedEvent, ExpectedStep, Signal, Unspecified
from sysfuzz.spec.follow import follow
from sysfuzz.targets.table import Target

_ADDED = "# added: in the finding itself the bug shows in the map alone; these ops make an answer depend on it"
_PLACES = {"mmap": (0, 3), "mremap": (2, 4)}  # number of the argument that asks for a place, and of the flags


class Unstatable(ValueError):
    """No golden program can be made of this finding; `str(error)` is one line that says why."""


class Regression(NamedTuple):
    """A golden program that passes on the reference and fails on the target with the bug."""

    text: str
    miss: Miss  # where it fails there


def regression(program: Program, bucket: str, target: Target, reference: Target, name: str) -> Regression:
    """The regression test of `bucket`, which `program` shows on `target`; `name` is that of the file it will be. Raises Unstatable."""
    if target.promise.name != reference.promise.name:
        raise Unstatable(f"no core here keeps the promise of {target.promise.name}, which would show what is right")
    outcome = target.run(program)
    causes = {verdict.cause for verdict in judge(program, outcome) if bucket_of(verdict) == bucket}
    if not causes:
        raise Unstatable(f"the program does not show {bucket} on {target.name} now")
    if judge(program, reference.run(program)):
        raise Unstatable(
            f"{reference.name} does not do what the spec says about the program, so that nothing can be relied on"
        )
    case = Case(program, outcome, follow(program, outcome))
    for candidate in _candidates(program, case, causes, reference):
        made = _tried(candidate, bucket, target, reference, name)
        if made is not None:
            return made
    raise Unstatable(
        f"{bucket} shows neither in results nor in events on {target.name}, which is all that a golden program can state"
    )


def _candidates(program: Program, case: Case, causes: Collection[str], reference: Target) -> Iterator[Probed]:
    """The program itself, then with probes; of each first a form that leaves the core no choice."""
    for candidate in (Probed(program, len(program.ops)), *probed(program, case, causes)):
        fixed = pinned(candidate.program, reference.run(candidate.program))
        if fixed != candidate.program:
            yield candidate._replace(program=fixed)
        yield candidate


def _tried(candidate: Probed, bucket: str, target: Target, reference: Target, name: str) -> Regression | None:
    """The regression test that `candidate` makes; None if it would not fail for this bug, or not pass."""
    program, kept = candidate
    right = reference.run(program)
    if judge(program, right):
        return None
    source = _stated(program, right, kept)
    wrong = target.run(program)
    ops = {verdict.op for verdict in judge(program, wrong) if bucket_of(verdict) == bucket}
    try:
        # What a probe answers has a bucket of its own, as any wrong answer; it is there to differ for the one before it.
        found = [miss for miss in misses(golden(source), wrong) if ops and (miss.op in ops or miss.op >= kept)]
    except StatesNothing:
        return None
    if not found:
        return None
    yields = one_line(f"{format_op(program.ops[found[0].op])} yields {found[0].actual}")
    header = (
        f"# bucket: {bucket}",
        f"# found on: {target.name}",
        f"# there: {yields}",
        f"# check: {printable(shlex.join(['sysfuzz', 'check', name, '--target', target.name]))}",
    )
    return Regression(format_source(replace(source, preamble=header)), found[0])


# -- statements -------------------------------------------------------------------------------------------------------


def due(program: Program, outcome: Outcome, expected: Expected) -> list[str | None]:
    """What the spec says about each op, as an expectation; None where it leaves open what comes. `outcome` is as expected."""
    marks = [
        _mark(program, outcome, op, wanted) if op < len(outcome.steps) else None
        for op, wanted in enumerate(expected.steps)
    ]
    return marks + [None] * (len(program.ops) - len(marks))


def _mark(program: Program, outcome: Outcome, op: int, wanted: ExpectedStep) -> str | None:
    step = outcome.steps[op]
    if step.events:
        return render(step) if all(map(_is_decided, wanted.events)) else None
    if isinstance(wanted.result, AnyBytes | Unspecified):
        return None
    return None if _is_choice(program, outcome, op) else render(step)


def _is_decided(event: ExpectedEvent) -> bool:
    """Whether the semantics name what comes of an event: not of a vector without a signal."""
    return not (isinstance(event.decision, Signal) and not event.decision.signal)


def _is_choice(program: Program, outcome: Outcome, op: int) -> bool:
    """Whether the spec learns the answer from the core: it says another thing if the core gives none."""
    step = outcome.steps[op]
    silent = outcome._replace(steps=(*outcome.steps[:op], step._replace(result="")))
    return follow(program, silent).steps[op].result != step.result


def pinned(program: Program, outcome: Outcome) -> Program:
    """The program with each place that a core may choose asked for, where `outcome` has it: the same on every core."""
    ops = list(program.ops)
    for index, (op, step) in enumerate(zip(program.ops, outcome.steps, strict=False)):
        place = step.result
        if op.call in _PLACES and isinstance(place, int) and _is_choice(program, outcome, index):
            address, asked = _PLACES[op.call]
            args = list(op.args)
            flags = args[asked]
            assert isinstance(flags, int)
            args[address], args[asked] = place, flags | MAP["MAP_FIXED"]
            ops[index] = Op(op.call, tuple(args))
    return program._replace(ops=tuple(ops))


def _stated(program: Program, outcome: Outcome, kept: int) -> Source:
    """The program with what is due at each op, and a word above the ops that were added."""
    source = parse(program_text(program))
    marks = due(program, outcome, follow(program, outcome))
    return replace(source, statements=tuple(_marked(source, marks, kept)))


def _marked(source: Source, marks: list[str | None], kept: int) -> Iterator[Statement]:
    for statement in source.statements:
        op = statement.subject
        if not isinstance(op, int):
            yield statement
            continue
        mark = marks[op]
        yield statement._replace(
            expectation=None if mark is None else Mark(mark), above=(_ADDED,) if op == kept else statement.above
        )
