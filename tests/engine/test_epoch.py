"""Whole epochs: real workers, real libFuzzer, toy jobs."""

import itertools
import os
from pathlib import Path

import pytest

from sysfuzz.engine.epoch import EpochResult, Event, Progress, run_epoch
from sysfuzz.engine.faults import Fault
from sysfuzz.engine.process import EngineError
from sysfuzz.engine.settings import EpochSettings


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory in which an epoch makes its own."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setenv("TMPDIR", str(directory))
    monkeypatch.setattr("tempfile.tempdir", None)
    return directory


def is_solution(name: str) -> bool:
    """Whether a puzzle has left this file for an input that begins with its word."""
    return name.startswith(b"fuzz".hex())


def epoch(toy: str = "Puzzle", **settings: object) -> EpochResult:
    """Run a toy job."""
    return run_epoch(EpochSettings(factory=f"toy_jobs:{toy}", **settings))  # type: ignore[arg-type]


def workers_in(directory: Path) -> list[int]:
    """Process ids of the workers whose files lie in `directory`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = entry.read_bytes().split(b"\0")
        except OSError:  # it has just ended
            continue
        if b"sysfuzz.engine.worker" in arguments and any(os.fsencode(directory) in argument for argument in arguments):
            found.append(int(entry.parent.name))
    return found


@pytest.mark.parametrize(("runs", "workers"), [(1, 1), (2, 1), (3, 2), (1, 3), (1000, 1), (1001, 3)])
def test_runs_are_exact(runs: int, workers: int) -> None:
    """As many inputs are executed as were asked for, by however many workers."""
    result = epoch(runs=runs, workers=workers)
    assert (result.executions, result.complete) == (runs, True)


@pytest.mark.parametrize("inputs", [0, 1, 5, 50])
def test_runs_are_exact_with_a_corpus(inputs: int) -> None:
    """Also when the corpus alone has more inputs than may be executed."""
    result = epoch(runs=20, inputs=tuple(bytes([97]) * (number + 1) for number in range(inputs)))
    assert result.executions == 20


@pytest.mark.parametrize("workers", [1, 2])
def test_same_seed_same_epoch(workers: int, tmp_path: Path) -> None:
    """Two epochs of the same settings do, find, keep and see the same; another seed does not."""
    results, found = [], []
    for name, seed in (("first", 5), ("second", 5), ("other", 6)):
        findings = tmp_path / name
        findings.mkdir()
        result = epoch(
            "Trouble",
            runs=20_000,
            workers=workers,
            seed=seed,
            inputs=(b"zu", b"fu", b"raise", b"abort", b"abc"),
            job={"findings": str(findings)},
        )
        # The log of a dead worker holds addresses and process ids.
        faults = tuple(fault._replace(detail="") for fault in result.faults)
        results.append(result._replace(seconds=0, faults=faults))
        found.append(sorted(os.listdir(findings)))
    assert results[0] == results[1]
    assert found[0] == found[1]
    assert any(map(is_solution, found[0]))
    assert (results[0], found[0]) != (results[2], found[2])


def test_features_guide() -> None:
    """A word of four letters, of which no single mutation makes two, is found letter by letter."""
    result = epoch(runs=20_000)
    assert result.features["letters"] == {0, 1, 2, 3}
    assert result.shown > 0
    assert any(data.startswith(b"fuzz") for data in result.inputs)


def test_the_jobs_own_mutators_run() -> None:
    """libFuzzer's mutators would use other bytes than the job's do (see counters.load_libfuzzer)."""
    assert set(b"".join(epoch(runs=5_000).inputs)) <= set(b"fuzabc\n")


def test_features_are_those_of_the_inputs() -> None:
    """Every feature seen was seen in an input that was kept, but for the empty input, which libFuzzer tries first."""
    result = epoch(runs=5_000, workers=2)
    lengths = {min(len(data), 15) for data in result.inputs}
    assert result.features["lengths"] == lengths | {0, 1}
    letters = {number for number in range(4) for data in result.inputs if data.startswith(b"fuzz"[: number + 1])}
    assert result.features["letters"] == letters


def test_branches_of_the_core_are_features() -> None:
    """An instrumented core's branches are seen as such, and named by line."""
    result = epoch("Cored", runs=20_000, packages=("toy_core",), code_counters=16)
    assert result.points == tuple(("toy_core", line) for line in (6, 7, 6, 9, 8))
    assert result.features["code"] == {0, 1, 2, 3, 4}


def test_the_corpus_is_executed_and_not_returned() -> None:
    """A known solution shows its bug at once, and only what is new comes back."""
    result = epoch(runs=4, inputs=(b"fuzz", b"fu"))
    assert result.shown == 1
    assert not {b"fuzz", b"fu"} & set(result.inputs)


def test_seconds_end_an_epoch() -> None:
    """The clock is a budget, too: the worker's findings are complete when it runs out."""
    result = epoch(seconds=2.0)
    assert result.complete
    assert result.seconds >= 2.0
    assert result.executions > 0


def test_stop_ends_an_epoch(tmp_path: Path) -> None:
    """When asked to stop, workers leave in order (their jobs are closed), and the result holds what there was."""

    def stop() -> bool:
        told = os.listdir(tmp_path)
        return {"began-0", "began-1"} <= set(told) and any(map(is_solution, told))

    settings = EpochSettings(factory="toy_jobs:Puzzle", workers=2, job={"findings": str(tmp_path)})
    result = run_epoch(settings, stop=stop)
    assert not result.complete
    assert result.inputs
    assert {"closed-0", "closed-1"} <= set(os.listdir(tmp_path))


@pytest.mark.parametrize(
    ("data", "kind", "where"),
    [
        (b"raise", "execute", "ValueError in toy_jobs:execute"),
        (b"leave", "execute", "SystemExit in toy_jobs:execute"),
        (b"abort", "abort", "SIGABRT in tests/toy_jobs:execute"),
        (b"segv", "abort", "SIGSEGV in ctypes/__init__:string_at"),
        (b"kill", "abort", "SIGKILL"),
        (b"exit", "exit", "exit status 9"),
        (b"exit0", "exit", "exit status 0"),
        (b"hang", "hang", "no progress in tests/toy_jobs:execute"),
        (b"memory", "memory", "memory limit"),
    ],
)
def test_trouble_has_a_culprit(data: bytes, kind: str, where: str) -> None:
    """Whatever an input does to its worker, it is named, and the others are executed all the same."""
    # libFuzzer goes by the peak that getrusage tells, and that of a child begins at its parent's: pytest's own, which may be large.
    limits = {"hang_seconds": 1.0 if kind == "hang" else 20.0, "rss_limit_mb": 300 if kind == "memory" else 2048}
    result = epoch("Trouble", runs=500, inputs=(data, b"fu"), **limits)
    assert [(fault.kind, fault.where, fault.data) for fault in result.faults] == [(kind, where, data)]
    assert (result.executions, result.fault_count, result.complete) == (500, 1, True)
    assert result.restarts == (kind != "execute")
    assert data not in result.inputs


def test_quarantined_inputs_are_not_executed() -> None:
    """An input that is known to kill does no harm, be it in the corpus or not."""
    result = epoch("Trouble", runs=500, inputs=(b"abort",), quarantine=frozenset([b"abort"]))
    assert (result.faults, result.restarts, result.executions) == ((), 0, 500)


def test_a_worker_that_keeps_dying_is_given_up() -> None:
    """After max_restarts replacements the lane ends; a death between executions blames no input."""
    result = epoch("Trouble", runs=500, job={"mutators": "abort"}, max_restarts=2)
    assert (result.restarts, result.complete, result.fault_count) == (2, False, 3)
    assert [fault.where for fault in result.faults] == ["SIGABRT in tests/toy_jobs:mutate"]
    assert result.executions < 500


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (
            {"mutators": "raise"},
            {("mutate", "KeyError in toy_jobs:mutate"), ("crossover", "KeyError in toy_jobs:crossover")},
        ),
        ({"mutators": "huge"}, {("mutate", "ValueError in sysfuzz.engine.guard:_checked")}),
        ({"close": "raise"}, {("close", "OSError in toy_jobs:close")}),
    ],
)
def test_failing_calls_are_faults(job: dict[str, object], expected: set[tuple[str, str]]) -> None:
    """A job that fails outside of executions is reported, and the budget is used all the same."""
    result = epoch("Trouble", runs=500, job=job)
    assert {(fault.kind, fault.where) for fault in result.faults} == expected
    assert (result.executions, result.restarts, result.complete) == (500, 0, True)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("toy_jobs:unbuildable", "RuntimeError: cannot be built"),
        ("toy_jobs:nowhere", "nowhere"),
        ("no_such_module:Job", "no_such_module"),
    ],
)
def test_a_job_that_cannot_be_built_is_said_at_once(factory: str, message: str, temporary: Path) -> None:
    """The error holds the worker's own words, and nothing is left behind."""
    with pytest.raises(EngineError, match=message):
        run_epoch(EpochSettings(factory=factory, workers=2))
    assert list(temporary.iterdir()) == []
    assert workers_in(temporary) == []


def test_events() -> None:
    """Progress never goes back, each distinct fault is told once, and the last progress is the result."""
    events: list[Event] = []
    settings = EpochSettings(factory="toy_jobs:Trouble", runs=30_000, workers=2, inputs=(b"raise", b"abort"))
    result = run_epoch(settings, events.append, report_seconds=0.1)
    reports = [event for event in events if isinstance(event, Progress)]
    told = sorted((event.kind, event.where) for event in events if isinstance(event, Fault))
    assert told == sorted((fault.kind, fault.where) for fault in result.faults)
    assert len(told) == 2
    for before, after in itertools.pairwise(reports):
        assert before.seconds <= after.seconds
        assert before.executions <= after.executions
        assert before.faults <= after.faults
    last = reports[-1]
    assert (last.executions, last.shown, last.faults, last.restarts) == (30_000, result.shown, result.fault_count, 2)
    assert last.features == {domain: len(seen) for domain, seen in result.features.items()}


def test_an_exception_leaves_no_worker(temporary: Path) -> None:
    """If the caller fails, workers and files are gone before its exception goes on."""

    def fail(event: Event) -> None:
        assert workers_in(temporary)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_epoch(EpochSettings(factory="toy_jobs:Puzzle", workers=2), fail, report_seconds=0.01)
    assert workers_in(temporary) == []
    assert list(temporary.iterdir()) == []


def test_nothing_is_left(temporary: Path) -> None:
    """After an ordinary epoch the temporary directory is gone."""
    epoch(runs=100)
    assert list(temporary.iterdir()) == []


def test_a_comma_in_the_path_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """libFuzzer could not read the corpus from such a directory, so the user is told."""
    (tmp_path / "a,b").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "a,b"))
    monkeypatch.setattr("tempfile.tempdir", None)
    with pytest.raises(EngineError, match="TMPDIR"):
        epoch(runs=1)
