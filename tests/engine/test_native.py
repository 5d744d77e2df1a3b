"""Epochs of jobs that run code of the user's: a worker that dies of an input has died of that code, and the next one examines why."""

import os
from pathlib import Path

import pytest

from sysfuzz.engine.epoch import EpochResult, run_epoch
from sysfuzz.engine.settings import EpochSettings


def epoch(findings: Path, **settings: object) -> EpochResult:
    """Run a job that dies of some of its inputs."""
    job = {"findings": str(findings), **settings.pop("job", {})}  # type: ignore[dict-item]
    return run_epoch(EpochSettings(factory="native_jobs:Native", own=True, job=job, **settings))  # type: ignore[arg-type]


def examined(findings: Path) -> list[str]:
    """The inputs whose deaths were looked into."""
    return sorted(name.removeprefix("examined-") for name in os.listdir(findings) if name.startswith("examined-"))


@pytest.mark.parametrize("data", [b"segv", b"abort", b"kill", b"exit0"])
def test_a_death_is_examined_and_no_fault(data: bytes, tmp_path: Path) -> None:
    """The input goes to the next worker's job, counts as shown, is not executed again, and the epoch is whole."""
    result = epoch(tmp_path, runs=20, inputs=(data, b"zz"))
    assert examined(tmp_path) == [data.decode()]
    assert (result.faults, result.fault_count, result.restarts, result.shown) == ((), 0, 1, 1)
    assert (result.executions, result.complete) == (20, True)


def test_the_last_death_is_examined_too(tmp_path: Path) -> None:
    """Also when nothing may be executed any more. libFuzzer executes the empty input first."""
    result = epoch(tmp_path, runs=2, inputs=(b"segv",))
    assert examined(tmp_path) == ["segv"]
    assert (result.executions, result.faults, result.complete) == (2, (), True)


def test_a_hang_is_examined(tmp_path: Path) -> None:
    """A worker that stands still is ended, and its input is to blame."""
    result = epoch(tmp_path, runs=100, inputs=(b"hang",), hang_seconds=1.0)
    assert examined(tmp_path) == ["hang"]
    assert (result.faults, result.executions) == ((), 100)


def test_memory_goes_with_the_worker(tmp_path: Path) -> None:
    """A leak is the doing of no single input: the worker is replaced, and nobody is blamed."""
    result = epoch(tmp_path, runs=100, inputs=(b"memory",), rss_limit_mb=300)
    assert examined(tmp_path) == []
    assert (result.faults, result.restarts, result.executions) == ((), 1, 100)


def test_a_death_without_an_explanation_is_a_fault(tmp_path: Path) -> None:
    """What the job says when it cannot find out is told, with the input."""
    result = epoch(tmp_path, runs=100, inputs=(b"exit",))
    (fault,) = result.faults
    assert (fault.kind, fault.where, fault.data) == ("execute", "ValueError in native_jobs:examine", b"exit")
    assert result.executions == 100


def test_any_number_of_inputs_may_kill(tmp_path: Path) -> None:
    """A lane does not give up for a bug that many inputs meet."""
    deadly = (b"segv", b"abort", b"kill", b"exit0")
    result = epoch(tmp_path, runs=100, inputs=deadly, max_restarts=2)
    assert examined(tmp_path) == sorted(data.decode() for data in deadly)
    assert (result.restarts, result.executions, result.complete) == (4, 100, True)


def test_one_that_dies_of_everything_is_given_up(tmp_path: Path) -> None:
    """No worker gets past its first execution: another would not either."""
    result = epoch(tmp_path, runs=100, max_restarts=2, job={"dies": True})
    assert (result.restarts, result.complete) == (2, False)
