"""The epoch: (corpus, seed, budget) -> (new inputs, features, faults, numbers), by one or more worker processes.

Each lane fuzzes on its own, from the same corpus and a seed of its own; nothing passes between them, so that an epoch of a given number of
runs is reproducible. Findings are the job's: they are on disk when they are found. This side alone looks at the clock.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from sysfuzz.engine.faults import Fault, distinct
from sysfuzz.engine.lane import Lane
from sysfuzz.engine.memory import in_memory
from sysfuzz.engine.process import EngineError
from sysfuzz.engine.settings import EpochSettings
from sysfuzz.feedback.counters import MAP_SIZE

_POLL_SECONDS = 0.02  # how late the end of a worker is noticed


class Progress(NamedTuple):
    """How the epoch stands."""

    seconds: float
    executions: int
    corpus: int  # new inputs that libFuzzer keeps
    features: Mapping[str, int]  # number of counters seen, by domain
    faults: int  # all, not only distinct ones
    shown: int  # executions that showed a bug
    restarts: int
    idle: int  # executions since a lane met something new: the least of all lanes


Event = Progress | Fault


class EpochResult(NamedTuple):
    """What an epoch leaves."""

    executions: int
    seconds: float
    inputs: tuple[bytes, ...]  # new ones, each once, by lane
    features: Mapping[str, frozenset[int]]  # indices of the counters seen, by domain
    points: tuple[tuple[str, int], ...]  # (module, line) by mark; mark n sets counter n % size of domain "code"
    faults: tuple[Fault, ...]  # distinct ones
    fault_count: int  # all
    shown: int
    restarts: int
    complete: bool  # the budget was used up: nobody stopped the epoch, no lane gave up


def run_epoch(
    settings: EpochSettings,
    on_event: Callable[[Event], None] = lambda event: None,
    stop: Callable[[], bool] = lambda: False,
    report_seconds: float = 0.5,
) -> EpochResult:
    """Run one epoch to its end, or until `stop` answers True (asked 50 times a second).

    `on_event` gets a Progress every `report_seconds` and at the end, and each distinct fault once. All files of the epoch lie
    in a temporary directory that is removed; it is made in memory unless TMPDIR names a place. ValueError: bad settings.
    EngineError: no worker can run, with the reason. After any exception, also one from `on_event`, no worker is left.
    """
    settings.validate()
    with tempfile.TemporaryDirectory(prefix="sysfuzz-", dir=in_memory()) as name:
        if "," in name:  # libFuzzer separates paths with it
            raise EngineError(f"temporary files cannot lie in {name}, as it has a comma in its name; set TMPDIR")
        lanes: list[Lane] = []
        try:
            started = time.monotonic()
            for index, runs in enumerate(_shares(settings)):
                lanes.append(Lane(settings, index, runs, Path(name) / str(index)))
            stopped = _watch(settings, lanes, started, on_event, stop, report_seconds)
            return _result(settings, lanes, time.monotonic() - started, stopped)
        finally:
            for lane in lanes:
                lane.close()


def _shares(settings: EpochSettings) -> list[int | None]:
    """The runs of each lane; they differ by at most one, and none is 0."""
    if settings.runs is None:
        return [None] * settings.workers
    share, rest = divmod(settings.runs, settings.workers)
    shares = [share + (index < rest) for index in range(settings.workers)]
    return [runs for runs in shares if runs]


def _watch(
    settings: EpochSettings,
    lanes: list[Lane],
    started: float,
    on_event: Callable[[Event], None],
    stop: Callable[[], bool],
    report_seconds: float,
) -> bool:
    """Wait until no lane lives; return whether `stop` was the reason."""
    told: list[Fault] = []
    ending = stopped = False
    next_report = started + report_seconds
    while [lane for lane in lanes if lane.poll()]:  # a list: each must be asked, since that replaces its dead worker
        now = time.monotonic()
        if not ending:
            stopped = stop()
            ending = stopped or (settings.seconds is not None and now - started >= settings.seconds)
            if ending:
                for lane in lanes:
                    lane.stop()
        if now >= next_report:
            next_report = now + report_seconds
            _report(lanes, now - started, told, on_event)
        time.sleep(_POLL_SECONDS)
    _report(lanes, time.monotonic() - started, told, on_event)
    return stopped


def _report(lanes: list[Lane], seconds: float, told: list[Fault], on_event: Callable[[Event], None]) -> None:
    """Tell the faults that `told` does not hold, and the progress."""
    faults = distinct([*told, *(fault for lane in lanes for fault in lane.faults())])
    for fault in faults[len(told) :]:
        on_event(fault)
    told[:] = faults
    on_event(
        Progress(
            seconds=seconds,
            executions=sum(lane.executions for lane in lanes),
            corpus=sum(lane.corpus_size for lane in lanes),
            features={domain: len(seen) - seen.count(0) for domain, seen in _seen(lanes).items()},
            faults=sum(lane.fault_count for lane in lanes),
            shown=sum(lane.shown for lane in lanes),
            restarts=sum(lane.restarts for lane in lanes),
            idle=min(lane.idle for lane in lanes),
        )
    )


def _result(settings: EpochSettings, lanes: list[Lane], seconds: float, stopped: bool) -> EpochResult:
    known = set(settings.inputs)
    inputs = dict.fromkeys(data for lane in lanes for data in lane.inputs() if data not in known)
    return EpochResult(
        executions=sum(lane.executions for lane in lanes),
        seconds=seconds,
        inputs=tuple(inputs),
        features={
            domain: frozenset(index for index, mark in enumerate(seen) if mark) for domain, seen in _seen(lanes).items()
        },
        points=tuple(lanes[0].layout().points),
        faults=tuple(distinct(fault for lane in lanes for fault in lane.faults())),
        fault_count=sum(lane.fault_count for lane in lanes),
        shown=sum(lane.shown for lane in lanes),
        restarts=sum(lane.restarts for lane in lanes),
        complete=not stopped and not any(lane.gave_up for lane in lanes),
    )


def _seen(lanes: list[Lane]) -> dict[str, bytes]:
    """A byte for each counter, not 0 if any lane has seen it, by domain."""
    total = 0
    for lane in lanes:
        total |= int.from_bytes(lane.seen(), "little")
    seen = total.to_bytes(MAP_SIZE, "little")
    slices = {}
    start = 0
    for domain, size in lanes[0].layout().slices.items():
        slices[domain] = seen[start : start + size]
        start += size
    return slices
