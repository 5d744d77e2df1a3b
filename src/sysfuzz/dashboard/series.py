"""A campaign over time, as numbers on one grid: what the plots draw and the tables beside them say.

Counts are what they were at each time. A rate is the slope over a window that holds some epochs, since each tells all its executions at once.
Knows no picture.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sysfuzz.campaign.history import Point
from sysfuzz.campaign.state import State
from sysfuzz.dashboard.latest import latest, latest_findings
from sysfuzz.dashboard.listing import BUGS
from sysfuzz.findings.severity import Severity
from sysfuzz.findings.times import time_of

_STEPS = 120  # between points: a plot is some 500 pixels wide
_EPOCHS = 3  # of each worker, in the window of a rate


class Series(NamedTuple):
    """Every column has a value for each of `times`, which are at equal distances."""

    start: datetime
    times: tuple[float, ...]  # seconds since `start`
    rate: tuple[float, ...]  # executions a second
    executions: tuple[float, ...]
    features: tuple[float, ...]
    domains: dict[str, tuple[float, ...]]  # features, by domain
    programs: tuple[float, ...]
    findings: dict[str, tuple[float, ...]]  # bugs, by the severity that they have now
    resumed: tuple[float, ...]  # seconds since `start` when further runs started


@latest
def series_of(state: State) -> Series | None:
    """The series of a campaign; None if no time has passed yet."""
    points = state.series
    start = time_of(state.campaign.created)
    if not points or points[-1].when <= start:
        return None
    by_time = {start: Point(start, 0, {}, 0, 0)} | {point.when: point for point in points if point.when >= start}
    points = tuple(by_time.values())  # of those of one second, the last
    span = (points[-1].when - start).total_seconds()
    times = tuple(span * step / _STEPS for step in range(_STEPS + 1))
    at = [(point.when - start).total_seconds() for point in points]
    last = [points[bisect_right(at, time) - 1] for time in times]
    domains = dict.fromkeys(
        domain for point in reversed(points) for domain in point.features
    )  # as the last one has them
    executions = [float(point.executions) for point in points]
    epoch = state.seconds * len(state.workers) / max(state.epochs, 1)  # seconds that one takes
    window = max(span / _STEPS, _EPOCHS * epoch)
    return Series(
        start=start,
        times=times,
        rate=tuple(_slope(at, executions, time, window) for time in times),
        executions=tuple(_value(at, executions, time) for time in times),
        features=tuple(float(sum(point.features.values())) for point in last),
        domains={domain: tuple(float(point.features.get(domain, 0)) for point in last) for domain in domains},
        programs=tuple(float(point.programs) for point in last),
        findings={severity: _found(seen, times) for severity, seen in _seen(state).items()},
        resumed=tuple((when - start).total_seconds() for when in state.starts[1:]),
    )


def _slope(at: Sequence[float], values: Sequence[float], time: float, window: float) -> float:
    """How fast `values` grew in the window that ends at `time`; a shorter one at the beginning."""
    begin = max(time - window, 0.0)
    return (_value(at, values, time) - _value(at, values, begin)) / (time - begin) if time > begin else 0.0


def _value(at: Sequence[float], values: Sequence[float], time: float) -> float:
    """A value between two that are known."""
    after = bisect_right(at, time)
    if after == len(at):
        return values[-1]
    if after == 0:
        return values[0]
    before = after - 1
    share = (time - at[before]) / (at[after] - at[before])
    return values[before] + share * (values[after] - values[before])


def _found(seen: Sequence[float], times: Sequence[float]) -> tuple[float, ...]:
    # A finding is noticed within the second in which time is written down.
    return tuple(float(bisect_right(seen, time + 1.0)) for time in times)


@latest_findings
def _seen(state: State) -> dict[Severity, list[float]]:
    """When each bug was first seen, in seconds since the campaign began, in order; by the severity that it has now."""
    start = time_of(state.campaign.created)
    seen: dict[Severity, list[float]] = {severity: [] for severity in BUGS}
    for found in state.findings:
        if found.entry.finding.severity in seen:
            seen[found.entry.finding.severity].append((found.entry.finding.first_seen - start) / timedelta(seconds=1))
    return {severity: sorted(times) for severity, times in seen.items()}
