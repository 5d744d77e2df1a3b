"""Golden programs: statements beside what came."""

import pytest

from sysfuzz.program.golden import Miss, StatesNothing, golden, misses
from sysfuzz.program.outcome import Event, Outcome, Panic, Result, Step
from sysfuzz.program.source import TextError
from sysfuzz.program.text import parse

TEXT = "mode amd64\n\nfork()  # -> 2\nfork()\nmunmap(0x1000, 0x1000)  # -> EINVAL\nrun(0x1000)  # -> done\n"


def outcome(*results: Result, panic: Panic | None = None) -> Outcome:
    """What came of ops with these results; "done" is a run's."""
    steps = [
        Step(0, 1, (Event("done"),), (), ()) if result == "done" else Step(result, 1, (), (), ()) for result in results
    ]
    return Outcome((), tuple(steps), panic)


@pytest.mark.parametrize(
    ("results", "missed"),
    [
        ((2, 3, "EINVAL", "done"), []),
        ((2, "EAGAIN", "EINVAL", "done"), []),  # nothing is said about the second
        (("EAGAIN", 3, 0, "done"), [Miss(0, 3, "2", "EAGAIN"), Miss(2, 5, "EINVAL", "0")]),
        ((2, "panic"), [Miss(2, 5, "EINVAL", ""), Miss(3, 6, "done", "")]),
        ((), [Miss(0, 3, "2", ""), Miss(2, 5, "EINVAL", ""), Miss(3, 6, "done", "")]),
    ],
)
def test_misses(results: tuple[Result, ...], missed: list[Miss]) -> None:
    """Each op that says something is compared, in order, with its line; one that was not reached is missed as well."""
    assert misses(golden(parse(TEXT)), outcome(*results)) == missed


def test_a_miss_in_words() -> None:
    """What was expected and what came, or that nothing did."""
    assert str(Miss(0, 3, "2", "EAGAIN")) == "expected 2, got EAGAIN"
    assert str(Miss(0, 3, "2", "")) == "expected 2, got nothing: the run ended before"


def test_nothing_stated() -> None:
    """A program that says nothing is refused by name."""
    with pytest.raises(StatesNothing, match=r"^a\.prog: nothing to check; an op says what it yields behind '# ->'$"):
        golden(parse("mode amd64\nfork()\n", "a.prog"))


def test_nonsense_stated() -> None:
    """A statement that means nothing is located."""
    with pytest.raises(TextError, match=r"^a\.prog:2:14: expectation of fork: unexpected 'two'"):
        golden(parse("mode amd64\nfork()  # -> two\n", "a.prog"))
