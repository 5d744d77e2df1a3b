"""One epoch of one worker, as a pure and retryable task: what it is told, and what it brings back.

The same task brings back the same programs wherever it runs, and can be run again when whoever ran it has died. It writes nothing of the
campaign but findings, which the store counts. What becomes of an outcome is the business of `shard`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sysfuzz.engine.epoch import Event, run_epoch
from sysfuzz.engine.faults import Fault
from sysfuzz.engine.recorded import FACTORY
from sysfuzz.engine.settings import HANG_SECONDS, NATIVE_HANG_SECONDS, EpochSettings
from sysfuzz.engine.survey import packages_of, survey_names
from sysfuzz.program.wire import decode, encode
from sysfuzz.targets.table import is_library, is_own

Features = Mapping[str, Sequence[str]]  # by domain and name

_BATCH = 256  # programs that one process is asked about: what is lost if one of them ends it, and 0.2 s of a core are for starting it
_START = 60.0  # seconds, as the engine gives a worker
_EACH = 1.0  # seconds for a program, which takes less than a millisecond; a busy machine is no fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What an epoch is made of. An epoch that takes longer than `seconds` ends early: the core is slow, not broken."""

    shard: str
    number: int
    seed: int
    target: str
    inputs: tuple[bytes, ...]
    quarantine: frozenset[bytes]
    findings: str  # a directory
    runs: int
    seconds: float
    rss_limit_mb: int
    sources: str = ""  # of the accelerator


class Surveyed(NamedTuple):
    """A program in the engine's form, and its features; none, and a fault, if it ended the process that was asked."""

    data: bytes
    features: Features
    fault: Fault | None = None


class Outcome(NamedTuple):
    """What an epoch brings back. Programs are in the engine's canonical form, each once."""

    executions: int
    seconds: float
    programs: tuple[Surveyed, ...]
    faults: tuple[Fault, ...]  # distinct ones
    fault_count: int
    shown: int  # executions that showed a bug
    restarts: int
    complete: bool


def perform(
    task: Task, on_event: Callable[[Event], None] = lambda event: None, stop: Callable[[], bool] = lambda: False
) -> Outcome:
    """Run an epoch, and ask what its new programs show. EngineError: no worker can run."""
    settings = EpochSettings(
        factory=FACTORY,
        job={"target": task.target, "findings": task.findings},
        packages=packages_of(task.target),
        own=is_own(task.target),
        hang_seconds=NATIVE_HANG_SECONDS if is_library(task.target) else HANG_SECONDS,
        inputs=task.inputs,
        quarantine=task.quarantine,
        seed=task.seed,
        runs=task.runs,
        seconds=task.seconds,
        rss_limit_mb=task.rss_limit_mb,
        sources=task.sources,
    )
    result = run_epoch(settings, on_event, stop)
    known = set(task.inputs) | task.quarantine
    new = dict.fromkeys(encode(decode(data)) for data in result.inputs)
    programs = surveyed(task.target, [data for data in new if data not in known])
    faults = (*result.faults, *(program.fault for program in programs if program.fault))
    return Outcome(
        executions=result.executions,
        seconds=result.seconds,
        programs=tuple(programs),
        faults=faults,
        fault_count=result.fault_count + len(faults) - len(result.faults),
        shown=result.shown,
        restarts=result.restarts,
        complete=result.complete,
    )


def surveyed(target: str, inputs: Sequence[bytes]) -> list[Surveyed]:
    """What each input shows, in order. EngineError: no process can start."""
    found: list[Surveyed] = []
    while len(found) < len(inputs):
        batch = inputs[len(found) : len(found) + _BATCH]
        rows, end = survey_names(target, packages_of(target), batch, _START + _EACH * len(batch))
        found += [Surveyed(data, row) for data, row in zip(batch, rows, strict=False)]
        if len(rows) < len(batch):
            data = batch[len(rows)]
            found.append(Surveyed(data, {}, Fault("survey", end.partition("\n")[0], data, end, 0)))
    return found
