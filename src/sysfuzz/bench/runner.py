"""The runner: all planned trials that a file does not hold yet, some at a time, each in a child of the nursery, into that file.

`main` is what the nursery calls. A trial whose child dies is told, left out and run again next time: a death says nothing about how good an
engine is.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sysfuzz.bench.apart import BAD_INPUT, FAULT, INTERRUPTED, tell
from sysfuzz.bench.ledger import Ledger
from sysfuzz.bench.lines import BadLines
from sysfuzz.bench.nursery import Death, Warm, in_children
from sysfuzz.bench.plan import Budget, Planned, plan
from sysfuzz.bench.trial import run_trial, versions

# To start, and for the last execution to end; a single one took 0.1 s at most. Who needs longer hangs.
_GRACE_SECONDS = 20.0
_TOLD_EVERY = 10.0  # seconds between two lines about the progress


def main(warm: Warm, settings: Mapping[str, Any]) -> int:
    """Run what `settings` say: "out" (a path), "weaknesses", "engines", "seeds" (how many), "executions", "seconds", "jobs"; the exit code."""
    budget = Budget(settings["executions"], settings["seconds"])
    trials = plan(settings["weaknesses"], settings["engines"], range(1, settings["seeds"] + 1))
    out = Path(settings["out"])
    try:
        with Ledger(out, budget, versions()) as ledger:
            if ledger.cut:
                tell(f"{out}: cut off half a line at its end, {ledger.cut} bytes that a run left when it was killed")
            left = [trial for trial in trials if trial not in ledger.done]
            tell(f"{len(trials):,} trials, {len(trials) - len(left):,} of them done: {out}")
            deaths = run_trials(warm, ledger, left, budget, settings["jobs"])
    except KeyboardInterrupt:
        tell(f"interrupted; the same command goes on where {out} ends")
        return INTERRUPTED
    except BadLines as error:
        tell(str(error))
        return BAD_INPUT
    return FAULT if deaths else 0


def run_trials(warm: Warm, ledger: Ledger, trials: Sequence[Planned], budget: Budget, jobs: int) -> int:
    """Run these and add their records, as they come, to the ledger; how many died."""
    tasks = ((trial, partial(run_trial, trial, budget, warm)) for trial in trials)
    progress = _Progress(len(trials))
    for trial, result in in_children(tasks, budget.seconds + _GRACE_SECONDS, jobs):
        if isinstance(result, Death):
            progress.dead(trial, result)
        else:
            ledger.add(result)
            progress.ended(result)
    return progress.deaths


class _Progress:
    """What is told while trials run."""

    def __init__(self, total: int) -> None:
        self.deaths = 0
        self._total = total
        self._ended = self._detected = 0
        self._started = self._told = time.monotonic()

    def ended(self, record: Mapping[str, object]) -> None:
        """A trial has its record."""
        self._ended += 1
        self._detected += record["detected"] is not None
        self._tell()

    def dead(self, trial: Planned, death: Death) -> None:
        """A trial has none."""
        self.deaths += 1
        words = death.words.strip().splitlines()
        what = " ".join([f"{death.how}: {death.detail}", *(f"({line})" for line in words[-1:])])
        tell(f"{trial.weakness}, {trial.engine}, seed {trial.seed}: the trial died, {what}")
        self._tell()

    def _tell(self) -> None:
        """One line, now and then and at the end."""
        now = time.monotonic()
        if now - self._told < _TOLD_EVERY and self._ended + self.deaths < self._total:
            return
        self._told = now
        seconds = now - self._started
        died = f", {self.deaths:,} died" if self.deaths else ""
        tell(f"{self._ended:,} of {self._total:,} trials in {seconds:.0f} s, {self._detected:,} detected{died}")
