"""Programs for designs whose guard is put up by a call: valid, armed, and aimed at what the idiom wanted to be forbidden."""

from collections import Counter
from random import Random

import pytest

from sysfuzz.generate.arming import armed
from sysfuzz.generate.fresh import fresh
from sysfuzz.oracles import judge
from sysfuzz.program.ir import SPECIAL, Program
from sysfuzz.program.names import MAP
from sysfuzz.spec.promise import PROMISES, REFERENCE
from sysfuzz.targets.designs import DESIGNS
from sysfuzz.targets.table import get

COUNT = 400
GUARDED = [name for name, promise in PROMISES.items() if promise.calls]
# The call that puts up each guard.
ARMS = {
    "syscallemu": "syscallemu",
    "msyscall": "msyscall",
    "pinsyscalls": "pinsyscalls",
    "sud": "sud",
    "sud-inclusive": "sud",
    "seccomp-ip": "seccomp",
}  # fmt: skip


def programs(name: str) -> list[Program]:
    """Armed programs of consecutive seeds."""
    return [armed(fresh(Random(seed)), Random(seed), PROMISES[name]) for seed in range(COUNT)]


@pytest.mark.parametrize("name", GUARDED)
def test_programs_are_valid_and_make_the_designs_own_calls_alone(name: str) -> None:
    """Every call of the design comes up, none of another one does."""
    calls = {op.call for program in programs(name) for op in program.validate().ops}
    assert calls & set(SPECIAL) == PROMISES[name].calls


@pytest.mark.parametrize("name", GUARDED)
def test_most_programs_are_armed(name: str) -> None:
    """Four of five, and in most of those the call succeeds."""
    target = get(name)
    results = Counter(
        isinstance(step.result, int)
        for program in programs(name)
        for op, step in zip(program.ops, target.run(program).steps, strict=False)
        if op.call == ARMS[name]
    )
    assert results.total() > 0.8 * COUNT
    assert results[True] > 0.5 * results.total()


@pytest.mark.parametrize("name", GUARDED)
def test_the_guard_is_met(name: str) -> None:
    """Entries are refused in one program of ten at least, and let in in as many."""
    target = get(name)
    refused = entered = 0
    for program in programs(name):
        replies = [
            event.reply
            for step in target.run(program).steps
            for event in step.events
            if event.attempt and event.attempt.gate
        ]
        refused += any(reply is not None and reply.signal is not None for reply in replies)
        entered += any(reply is not None and reply.call != "" for reply in replies)
    assert refused > COUNT / 10
    assert entered > COUNT / 10


@pytest.mark.parametrize("name", GUARDED)
def test_every_verdict_is_known(name: str) -> None:
    """What these programs show is a weakness that the design is known for, or is by design: nothing else, so nothing false."""
    target = get(name)
    design = DESIGNS[name]
    for program in programs(name):
        for verdict in judge(program, target.run(program), target.promise):
            assert verdict.oracle == "by-design" or design.weakness(verdict.cause), verdict


def test_flags_that_would_be_refused_are_left_out() -> None:
    """On a design that refuses unknown bits, MAP_NOSYSCALLS would cost the mapping."""
    for program in programs("msyscall"):
        assert not any(op.call == "mmap" and op.args[3] & MAP["MAP_NOSYSCALLS"] for op in program.ops)  # type: ignore[operator]


def test_the_reference_needs_no_arming() -> None:
    """Its programs stay as they are."""
    program = fresh(Random(1))
    assert armed(program, Random(1), REFERENCE) is program


def test_choices_come_from_the_generator_alone() -> None:
    """The same seed, the same program."""
    assert programs("sud") == programs("sud")
