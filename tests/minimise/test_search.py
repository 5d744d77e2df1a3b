"""The mechanism: every step goes down, nothing is asked twice, every limit holds, and nothing but the best program matters."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from showing import MODEST, program

from strategies import programs
from sysfuzz.minimise.order import is_smaller
from sysfuzz.minimise.passes import PASSES
from sysfuzz.minimise.search import Budget, NothingShown, Pass, Predicate, Shown, Step, minimise
from sysfuzz.program.ir import Op, Program, ProgramError
from sysfuzz.program.outcome import Result

START = program(
    """\
mode i386
reg eax = 0x14
reg ebx = 0x20008
mmap(0x20000, 0x3000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_ANON|MAP_NOSYSCALLS, -1, 0)
fork()
as(r1)
poke(r0+8, "9090b81400000066cd80c3")
run(r0+8, blocks=30)
munmap(0x20000, 0x3000)
fork()
"""
)
RESULTS = (0x20000, 2, 0, 0, 0, 0, 3)


def has(*calls: str) -> Predicate:
    """The predicate "these calls are there, in this order"."""

    def ask(asked: Program) -> Sequence[Result] | None:
        left = iter(op.call for op in asked.ops)
        return RESULTS[: len(asked.ops)] if all(call in left for call in calls) else None

    return ask


class Asked:
    """A predicate that remembers what it was asked."""

    def __init__(self, predicate: Predicate) -> None:
        self.programs: list[Program] = []
        self._predicate = predicate

    def __call__(self, asked: Program) -> Sequence[Result] | None:
        self.programs.append(asked)
        return self._predicate(asked)


def steps_of(start: Program, predicate: Predicate, budget: Budget = Budget()) -> list[Step]:  # noqa: B008  # a tuple
    """The accepted steps."""
    steps: list[Step] = []
    minimise(start, predicate, PASSES, budget, on_step=steps.append)
    return steps


CALLS = st.lists(st.sampled_from(("mmap", "fork", "poke", "run", "munmap")), max_size=3)


@MODEST
@given(programs(max_ops=5), CALLS)
def test_each_step_goes_down_and_shows(start: Program, calls: list[str]) -> None:
    """Each accepted program is valid, smaller than the one before, and shows; the last of them is the result."""
    predicate = has(*calls)
    if predicate(start) is None:
        with pytest.raises(NothingShown):
            minimise(start, predicate, PASSES)
        return
    steps: list[Step] = []
    found = minimise(start, predicate, PASSES, Budget(executions=150), on_step=steps.append)
    before = start
    for step in steps:
        assert is_smaller(step.program.validate(), before)
        assert predicate(step.program) is not None
        before = step.program
    assert (found.program, found.steps) == (before, len(steps))


def test_the_least_that_shows_is_found() -> None:
    """What the predicate does not need is gone; the rest has the simplest arguments of all."""
    assert minimise(START, has("mmap", "run"), PASSES).program == program("mmap(0, 0, PROT_NONE, 0, -1, 0)\nrun(0)")
    assert minimise(START, has(), PASSES).program == Program()


def test_no_program_is_asked_about_twice() -> None:
    """However often the passes propose it."""
    asked = Asked(has("mmap", "poke"))
    found = minimise(START, asked, PASSES)
    assert len(set(asked.programs)) == len(asked.programs) == found.executions
    assert found.ending == "minimal"


@pytest.mark.parametrize("executions", [1, 2, 7, 50])
def test_executions_are_kept_exactly(executions: int) -> None:
    """A search that is not done makes as many as it may, no more; the best of them is the result."""
    asked = Asked(has("mmap", "poke"))
    found = minimise(START, asked, PASSES, Budget(executions))
    assert (len(asked.programs), found.executions, found.ending) == (executions, executions, "executions")
    steps = steps_of(START, has("mmap", "poke"), Budget(executions))
    assert found.program == (steps[-1].program if steps else START)


def test_a_budget_that_is_just_enough_is_enough() -> None:
    """Whoever is done with the last execution has not run out of them."""
    needed = minimise(START, has("mmap"), PASSES).executions
    assert minimise(START, has("mmap"), PASSES, Budget(needed)).ending == "minimal"
    assert minimise(START, has("mmap"), PASSES, Budget(needed - 1)).ending == "executions"


def test_seconds_are_those_of_the_clock() -> None:
    """The clock is looked at before each program, and none is asked about when the time is up."""
    now = 100.0
    asked: list[float] = []

    def predicate(_: Program) -> Sequence[Result] | None:
        nonlocal now
        asked.append(now)
        now += 1.0
        return None if len(asked) > 1 else RESULTS

    found = minimise(START, predicate, PASSES, Budget(seconds=5.0), clock=lambda: now)
    assert asked == [100.0, 101.0, 102.0, 103.0, 104.0]
    assert (found.program, found.ending) == (START, "seconds")


def test_it_stops_when_it_is_told() -> None:
    """Before the next program; what was found until then is the result."""
    asked = Asked(has("mmap"))
    steps: list[Step] = []
    found = minimise(START, asked, PASSES, stop=lambda: len(steps) == 3, on_step=steps.append)
    assert (found.ending, found.steps) == ("stopped", 3)
    assert found.program == asked.programs[-1] == steps[-1].program


@pytest.mark.parametrize("calls", [("mmap", "run"), ("poke", "run"), ("fork", "as")])
def test_a_search_from_any_of_its_steps_goes_the_same_way(calls: tuple[str, ...]) -> None:
    """Nothing but the best program has to be kept for a search to go on as if it had not been interrupted."""
    steps = steps_of(START, has(*calls))
    for number in range(len(steps) - 1):
        again = steps_of(steps[number].program, has(*calls))
        assert [step.program for step in again] == [step.program for step in steps[number + 1 :]]


def test_a_step_is_told_before_anything_else_is_asked() -> None:
    """So that the best is on disk before the next program is run."""
    asked = Asked(has("mmap"))
    last: list[bool] = []
    minimise(START, asked, PASSES, on_step=lambda step: last.append(asked.programs[-1] == step.program))
    assert last
    assert all(last)


def test_a_program_that_shows_nothing_is_refused() -> None:
    """There is nothing to make smaller, whatever the budget."""
    with pytest.raises(NothingShown):
        minimise(START, has("exec"), PASSES, Budget(executions=1))


def test_a_pass_that_does_not_go_down_is_a_bug() -> None:
    """The order is not left to the passes."""

    def grow(shown: Shown) -> Iterator[Program]:
        yield Program(ops=(*shown.program.ops, Op("fork")))

    with pytest.raises(AssertionError, match="pass grow proposed a program that is not smaller"):
        minimise(Program(), has(), [Pass("grow", grow)])


def test_a_pass_that_breaks_programs_is_a_bug() -> None:
    """Nor is validity."""

    def breaking(shown: Shown) -> Iterator[Program]:
        yield Program(ops=(Op("fork", (1,)),))

    with pytest.raises(ProgramError):
        minimise(START, has(), [Pass("break", breaking)])
