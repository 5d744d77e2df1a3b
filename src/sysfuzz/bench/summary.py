"""All figures of a benchmark's page, and those that it has no room for, as JSON: for scripts, and to compare two runs."""

from typing import Any

from sysfuzz.bench.contrast import Contrast, magnitude
from sysfuzz.bench.evaluation import Evaluation, Standing
from sysfuzz.bench.survival import SCALES

Json = dict[str, object]


def summary(evaluation: Evaluation) -> Json:
    """What the help of `sysfuzz bench report` promises; plain JSON values, numbers to six digits."""
    whole: Json = _rounded({
        "trials": evaluation.trials,
        "seeds": list(evaluation.seeds),
        "budgets": [budget._asdict() for budget in evaluation.budgets],
        "versions": {package: list(found) for package, found in evaluation.versions.items()},
        "warnings": list(evaluation.warnings),
        "horizons": {scale: dict(evaluation.horizons[scale]) for scale in SCALES},
        "engines": {name: _standing(one) for name, one in evaluation.standings.items()},
        "contrasts": {scale: {one.engine: _contrast(one) for one in evaluation.contrasts[scale]} for scale in SCALES},
    })  # fmt: skip
    return whole


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _standing(one: Standing) -> Json:
    return {
        "trials": one.trials,
        "reached": one.reached,
        "triggered": one.triggered,
        "detected": one.detected,
        "weaknesses_by_seeds": {"all": one.in_all, "some": one.in_some, "none": one.in_none},
        "execs_per_second": one.executions_per_second,
        "restricted_mean": {scale: one.mean(scale) for scale in SCALES},
        "weaknesses": {
            name: {"seeds": cell.seeds, "found": cell.found, "restricted_mean": dict(cell.means)}
            for name, cell in one.cells.items()
        },
    }


def _contrast(one: Contrast) -> Json:
    return {
        "trials": one.trials,
        "restricted_mean": {"full": one.full, "other": one.other},
        "difference": one.difference,
        "interval": one.interval and list(one.interval),
        "a12": one.a12,
        "magnitude": magnitude(one.a12),
        "a12_pooled": one.a12_pooled,
        "p": one.tests._asdict(),
        "p_holm": one.adjusted._asdict(),
        "standing": {1: "ahead", 0: "open", -1: "behind"}[one.standing],
        "weaknesses": {duel.weakness: {"full": duel.full, "other": duel.other, "a12": duel.a12} for duel in one.duels},
    }
