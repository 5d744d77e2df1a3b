"""The worker's calls, in this process: what libFuzzer would see of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sysfuzz.engine.faults import FaultLog, read_faults
from sysfuzz.engine.guard import Guard
from sysfuzz.engine.journal import Journal
from sysfuzz.feedback.counters import CounterMap
from toy_jobs import Trouble


@pytest.fixture
def counters() -> CounterMap:
    """The map that the job writes into."""
    return CounterMap()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal that allows 10 executions."""
    journal = Journal(tmp_path / "journal", 64, 64, create=True)
    journal.allow(10)
    yield journal
    journal.close()


def guard(journal: Journal, counters: CounterMap, tmp_path: Path, **settings: object) -> Guard:
    """A worker of a job that misbehaves as the settings and its inputs say."""
    return Guard(Trouble(settings, counters), counters, journal, FaultLog(tmp_path, 1), frozenset([b"quarantined"]))


def test_an_execution_is_journalled(journal: Journal, counters: CounterMap, tmp_path: Path) -> None:
    """Executions and those that show a bug are counted, the last input stands in the journal, and its counters are set."""
    subject = guard(journal, counters, tmp_path)
    subject.execute(b"fuzz")
    subject.execute(b"fu")
    numbers = journal.numbers()
    assert (numbers.executions, numbers.shown, numbers.executing, journal.input()) == (2, 1, False, b"fu")


def test_the_seeds_are_seen(journal: Journal, counters: CounterMap, tmp_path: Path) -> None:
    """What the first executions do is published without libFuzzer's help: it prints nothing for single seeds."""
    guard(journal, counters, tmp_path).execute(b"fu")
    assert [bool(value) for value in journal.seen()[:8]] == [True, True, *[False] * 6]  # the slice "letters"


def test_a_failed_execution_leaves_no_counters(journal: Journal, counters: CounterMap, tmp_path: Path) -> None:
    """An input whose execution fails is a fault and shows no feature, so that libFuzzer has no reason to keep it."""
    subject = guard(journal, counters, tmp_path)
    subject.execute(b"fu")  # its counters stay: libFuzzer is not here to clear them
    subject.execute(b"raise")
    assert (journal.numbers().faults, journal.numbers().executing) == (1, False)
    assert [fault.data for fault in read_faults(tmp_path)] == [b"raise"]
    published = journal.seen()
    counters.clear()
    counters.tally()
    assert counters.seen() == published[: len(counters.seen())]


def test_quarantined_inputs_are_passed_over(journal: Journal, counters: CounterMap, tmp_path: Path) -> None:
    """They are not executed and do not count."""
    guard(journal, counters, tmp_path).execute(b"quarantined")
    assert journal.numbers().executions == 0


@pytest.mark.parametrize("mutators", ["raise", "huge"])
def test_failed_mutators_give_the_input_back(
    mutators: str, journal: Journal, counters: CounterMap, tmp_path: Path
) -> None:
    """libFuzzer goes on with the old input, cut to what it has room for: an exception would abort the process."""
    subject = guard(journal, counters, tmp_path, mutators=mutators)
    assert subject.mutate(b"abcdef", 4, 1) == b"abcd"
    assert [fault.kind for fault in read_faults(tmp_path)] == ["mutate"]


def test_mutants_fit(journal: Journal, counters: CounterMap, tmp_path: Path) -> None:
    """What the job returns within the limit is what libFuzzer gets."""
    subject = guard(journal, counters, tmp_path)
    for seed in range(50):
        assert 1 <= len(subject.mutate(b"fuzz", 4, seed)) <= 4
        assert 1 <= len(subject.crossover(b"fuzz", b"abc", 4, seed)) <= 4
    assert journal.numbers().faults == 0
