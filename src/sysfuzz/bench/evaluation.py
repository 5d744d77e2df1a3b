"""What the trials of a benchmark say, as values: how each engine stands, the full one against each other, and what does not fit together.

The page, the plots and the JSON are made of this; none of them counts anything itself.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from sysfuzz.bench.contrast import Contrast, contrasts
from sysfuzz.bench.records import FULL, Effort, Trial, engines
from sysfuzz.bench.survival import SCALES, Curve, Scale, curve, horizons, restricted_mean, seen

_SHOWN = 5  # odd trials by name; more than these are one and the same fault


class Cell(NamedTuple):
    """One engine on one weakness."""

    seeds: int
    found: int  # seeds that detected it
    means: Mapping[Scale, float]  # restricted


class Standing(NamedTuple):
    """One engine over all its trials."""

    engine: str
    trials: int
    reached: int  # trials
    triggered: int
    detected: int
    executions_per_second: float | None  # None if it took no time that could be measured
    cells: Mapping[str, Cell]  # by weakness
    curves: Mapping[Scale, Curve]

    @property
    def in_all(self) -> int:
        """Weaknesses that every seed detected."""
        return sum(cell.found == cell.seeds for cell in self.cells.values())

    @property
    def in_none(self) -> int:
        """Weaknesses that no seed detected."""
        return sum(cell.found == 0 for cell in self.cells.values())

    @property
    def in_some(self) -> int:
        """Weaknesses that some seeds detected."""
        return len(self.cells) - self.in_all - self.in_none

    def mean(self, scale: Scale) -> float:
        """The mean of the restricted means, in which each weakness counts the same."""
        return fmean(cell.means[scale] for cell in self.cells.values())


class Evaluation(NamedTuple):
    """All of it."""

    trials: int
    seeds: tuple[int, ...]
    budgets: tuple[Effort, ...]
    versions: Mapping[str, tuple[str, ...]]  # by package; more than one if trials differ
    horizons: Mapping[Scale, Mapping[str, float]]  # by weakness
    standings: Mapping[str, Standing]  # by engine, full first
    contrasts: Mapping[Scale, tuple[Contrast, ...]]
    warnings: tuple[str, ...]  # sentences about what does not fit together

    @property
    def weaknesses(self) -> list[str]:
        """By the full engine's restricted mean executions, the quickest first."""
        cells = self.standings[FULL].cells
        names = {name for standing in self.standings.values() for name in standing.cells}
        return sorted(
            names, key=lambda name: (cells[name].means["executions"] if name in cells else float("inf"), name)
        )


def evaluate(trials: Sequence[Trial]) -> Evaluation:
    """Raises KeyError("full") if no trial is of the full engine."""
    by_engine = {name: [trial for trial in trials if trial.engine == name] for name in engines(trials)}
    full = by_engine[FULL]
    others = {name: own for name, own in by_engine.items() if name != FULL}
    ends = {scale: horizons(trials, scale) for scale in SCALES}
    return Evaluation(
        trials=len(trials),
        seeds=tuple(sorted({trial.seed for trial in trials})),
        budgets=tuple(sorted({trial.budget for trial in trials})),
        versions=_versions(trials),
        horizons=ends,
        standings={name: _standing(name, own, ends) for name, own in by_engine.items()},
        contrasts={scale: tuple(contrasts(full, others, scale, ends[scale])) for scale in SCALES},
        warnings=tuple(_warnings(trials, by_engine)),
    )


def _standing(engine: str, trials: Sequence[Trial], ends: Mapping[Scale, Mapping[str, float]]) -> Standing:
    rows: dict[str, list[Trial]] = {}
    for trial in trials:
        rows.setdefault(trial.weakness, []).append(trial)
    seconds = sum(trial.spent.seconds for trial in trials)
    return Standing(
        engine=engine,
        trials=len(trials),
        reached=sum(trial.reached is not None for trial in trials),
        triggered=sum(trial.triggered is not None for trial in trials),
        detected=sum(trial.detected is not None for trial in trials),
        executions_per_second=sum(trial.spent.executions for trial in trials) / seconds if seconds else None,
        cells={
            weakness: _cell(row, {scale: ends[scale][weakness] for scale in SCALES}) for weakness, row in rows.items()
        },
        curves={scale: curve([seen(trial, scale) for trial in trials]) for scale in SCALES},
    )


def _cell(trials: Sequence[Trial], ends: Mapping[Scale, float]) -> Cell:
    return Cell(
        seeds=len(trials),
        found=sum(trial.detected is not None for trial in trials),
        means={
            scale: restricted_mean([seen(trial, scale, ends[scale]) for trial in trials], ends[scale])
            for scale in SCALES
        },
    )


def _versions(trials: Iterable[Trial]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for trial in trials:
        for package, version in trial.versions:
            found.setdefault(package, set()).add(version)
    return {package: tuple(sorted(found[package])) for package in sorted(found)}


def _warnings(trials: Sequence[Trial], by_engine: Mapping[str, Sequence[Trial]]) -> Iterable[str]:
    """What the reader must know before any figure."""
    for package, versions in _versions(trials).items():
        if len(versions) > 1:
            counts = Counter(version for trial in trials for name, version in trial.versions if name == package)
            kinds = ", ".join(f"{version} ({counts[version]:,})" for version in versions)
            yield f"Trials are of different versions of {package} (trials of each): {kinds}."
    budgets: dict[str, set[Effort]] = {}
    for trial in trials:
        budgets.setdefault(trial.weakness, set()).add(trial.budget)
    if unequal := [weakness for weakness, kinds in budgets.items() if len(kinds) > 1]:
        yield f"Trials of one weakness have different budgets, of which the smallest counts: {', '.join(unequal)}."
    everything = {(trial.weakness, trial.seed) for trial in trials}
    for engine, own in by_engine.items():
        if len(own) < len(everything):
            yield f"{engine} has run {len(own):,} of {len(everything):,} pairs of weakness and seed."
    if odd := [f"{trial.weakness} by {trial.engine} with seed {trial.seed}" for trial in trials if trial.odd]:
        more = f" and {len(odd) - _SHOWN:,} more" if len(odd) > _SHOWN else ""
        yield f"Detected or triggered without what should come before, so perhaps not the planted weakness: {', '.join(odd[:_SHOWN])}{more}."
    for engine, count in sorted(Counter(trial.engine for trial in trials if trial.lost).items()):
        yield f"Trials of {engine} that ended without a detection before either budget was used up, as if they had been stopped: {count:,}."
