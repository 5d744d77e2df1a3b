"""Trials for the tests of what is made of them: as values, and as the lines that `sysfuzz bench run` writes."""

import json
from collections.abc import Iterable

from sysfuzz.bench.records import Effort, Trial

BUDGET = Effort(1000, 10.0)
RATE = 100  # executions a second
VERSIONS = (("sysfuzz", "1.0"), ("unicorn", "2.1.4"))


def made(
    engine: str = "full",
    weakness: str = "merge_ignores",
    seed: int = 1,
    found: int | None = None,
    spent: int | None = None,
    budget: Effort = BUDGET,
    versions: tuple[tuple[str, str], ...] = VERSIONS,
    rate: float = RATE,
) -> Trial:
    """A trial that detected at execution `found`, or ended without at `spent`, which is the budget if not given."""
    end = found if found is not None else spent if spent is not None else int(budget.executions)
    mark = Effort(end, end / rate) if found is not None else None
    return Trial(
        weakness,
        engine,
        seed,
        budget,
        spent=Effort(end, end / rate),
        reached=Effort(1, 0.0),
        triggered=mark,
        detected=mark,
        bucket=None if found is None else "attribute/merge",
        versions=versions,
    )


def row(engine: str, weakness: str, found: Iterable[int | None], **other: object) -> list[Trial]:
    """One engine on one weakness, with the seeds from 1 on."""
    return [made(engine, weakness, seed, one, **other) for seed, one in enumerate(found, 1)]  # type: ignore[arg-type]


def as_line(trial: Trial) -> str:
    """The line of a file of records."""
    return json.dumps({
        "weakness": trial.weakness,
        "engine": trial.engine,
        "seed": trial.seed,
        "budget": trial.budget._asdict(),
        **trial.spent._asdict(),
        "reached": trial.reached and list(trial.reached),
        "triggered": trial.triggered and list(trial.triggered),
        "detected": trial.detected and list(trial.detected),
        "bucket": trial.bucket,
        "versions": dict(trial.versions),
    })  # fmt: skip
