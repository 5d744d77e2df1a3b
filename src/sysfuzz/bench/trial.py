"""A trial: one engine on one planted weakness with one seed, until the weakness is detected or the budget is used up.

Its record tells when the weakness was reached, triggered and detected, each for the first time; null stands for not within the budget, which
is a censored observation and no failure. All that is seen of an engine are its executions.
"""

import time
from typing import NoReturn

from sysfuzz.bench.engines import ENGINES, build
from sysfuzz.bench.nursery import Report, Warm
from sysfuzz.bench.plan import Budget, Planned
from sysfuzz.bench.weaknesses import target
from sysfuzz.bench.weaknesses.canary import CANARY
from sysfuzz.engine.job import FuzzJob
from sysfuzz.findings.provenance import installed_versions

_VERSIONS = ("sysfuzz", "python", "unicorn", "atheris")  # what decides about a trial


def versions() -> dict[str, str]:
    """What a trial's record rests on."""
    installed = installed_versions()
    return {name: installed[name] for name in _VERSIONS}


def run_trial(trial: Planned, budget: Budget, warm: Warm, report: Report) -> NoReturn:
    """Run it to its end in this process, which nothing has run in, and report its record. Seconds count from here."""
    started = time.monotonic()
    engine = ENGINES[trial.engine]
    bench = build(engine, warm, target(trial.weakness), trial.seed)
    CANARY.reset()
    watch = _Watch(trial, budget, bench.job, started, report)
    engine.drive(bench, watch.execute)


class _Watch:
    """Looks at the marks after each execution, and ends the trial."""

    def __init__(self, trial: Planned, budget: Budget, job: FuzzJob, started: float, report: Report) -> None:
        self._trial = trial
        self._budget = budget
        self._job = job
        self._started = started
        self._report = report
        self._executions = 0
        self._reached: list[float] | None = None
        self._triggered: list[float] | None = None

    def execute(self, data: bytes) -> None:
        """Execute one input; after the last, report."""
        self._executions += 1
        shown = self._job.execute(data)
        seconds = time.monotonic() - self._started
        if self._reached is None and CANARY.reached:
            self._reached = [self._executions, round(seconds, 4)]
        if self._triggered is None and CANARY.triggered:
            self._triggered = [self._executions, round(seconds, 4)]
        if shown or self._executions >= self._budget.executions or seconds >= self._budget.seconds:
            self._leave(shown[0] if shown else None, round(seconds, 4))

    def _leave(self, bucket: str | None, seconds: float) -> NoReturn:
        self._report(
            {
                **self._trial._asdict(),
                "budget": self._budget._asdict(),
                "executions": self._executions,
                "seconds": seconds,
                "reached": self._reached,
                "triggered": self._triggered,
                "detected": [self._executions, seconds] if bucket else None,
                "bucket": bucket,
                "versions": versions(),
            }
        )
