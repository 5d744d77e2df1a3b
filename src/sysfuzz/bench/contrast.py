"""Two engines on the same trials: the full one against another, with effect sizes and tests.

A trial of both is a weakness and a seed that both have run. Two units are used, and kept apart: within a weakness, seeds are repetitions of one
experiment (A12); over weaknesses, of which the planted ones are a sample, the unit is the weakness (differences, their interval, the signed-rank
test). Tests that pool all trials speak of the planted weaknesses alone. Nothing here knows a page.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from lifelines.statistics import logrank_test
from scipy.stats import bootstrap, mannwhitneyu, wilcoxon

from sysfuzz.bench.records import Trial
from sysfuzz.bench.survival import Scale, Seen, restricted_mean, seen

ALPHA = 0.05

# Vargha and Delaney, "A critique and improvement of the CL common language effect size statistics of McGraw and Wong", 2000.
_MAGNITUDES = ((0.714, "large"), (0.638, "medium"), (0.556, "small"), (0.0, "negligible"))

_SEED = 1  # of the bootstrap, any: that the page is the same each time


class Tests(NamedTuple):
    """Two-sided p-values."""

    log_rank: float  # all trials: the two survival curves are one
    mann_whitney: float  # all trials: neither engine's tend to be the longer ones
    signed_rank: float  # restricted means by weakness, paired: their differences lie around 0


class Duel(NamedTuple):
    """Both engines on one weakness."""

    weakness: str
    full: float  # restricted mean
    other: float
    a12: float  # the chance that the full engine's trial is the shorter one

    @property
    def factor(self) -> float:
        """How many times the full engine's restricted mean goes into the other's; 1 where neither took anything."""
        return 1.0 if self.full == self.other else self.other / self.full if self.full else math.inf


class Contrast(NamedTuple):
    """The full engine against `engine` on one scale; means are of the restricted means, over weaknesses."""

    engine: str
    scale: Scale
    trials: int  # of each engine, on the same weaknesses and seeds
    duels: tuple[Duel, ...]
    interval: tuple[float, float] | None  # of `difference`, 95 %; None with a single weakness
    a12_pooled: float  # of any two trials, whatever their weaknesses
    tests: Tests
    adjusted: Tests  # by Holm over all engines that the full one is compared with

    @property
    def full(self) -> float:
        return fmean(duel.full for duel in self.duels)

    @property
    def other(self) -> float:
        return fmean(duel.other for duel in self.duels)

    @property
    def difference(self) -> float:
        """What the other engine takes more."""
        return self.other - self.full

    @property
    def a12(self) -> float:
        """The chance that a trial of the full engine is shorter than one of the other on the same weakness."""
        return fmean(duel.a12 for duel in self.duels)

    @property
    def standing(self) -> int:
        """1 if the full engine is ahead by the means, A12 and all tests, -1 if the other is, 0 if these do not agree."""
        if max(self.adjusted) >= ALPHA:
            return 0
        signs = {_sign(self.difference), _sign(self.a12 - 0.5)}
        return signs.pop() if len(signs) == 1 else 0


def contrasts(
    full: Sequence[Trial], others: Mapping[str, Sequence[Trial]], scale: Scale, horizons: Mapping[str, float]
) -> list[Contrast]:
    """`full` against each of `others`, as far as they share trials; the p-values are adjusted for all of them."""
    found = [one for name, trials in others.items() if (one := _contrast(full, name, trials, scale, horizons))]
    adjusted = zip(*(holm(family) for family in zip(*(one.tests for one in found), strict=True)), strict=True)
    return [one._replace(adjusted=Tests(*values)) for one, values in zip(found, adjusted, strict=True)]


def shared(one: Iterable[Trial], other: Iterable[Trial]) -> list[tuple[Trial, Trial]]:
    """The trials of two engines on the same weakness with the same seed, in the first one's order."""
    partners = {(trial.weakness, trial.seed): trial for trial in other}
    return [(trial, partners[key]) for trial in one if (key := (trial.weakness, trial.seed)) in partners]


def _contrast(
    full: Sequence[Trial], engine: str, others: Sequence[Trial], scale: Scale, horizons: Mapping[str, float]
) -> Contrast | None:
    """The p-values are not adjusted yet. None if there is no trial of both."""
    cells: dict[str, tuple[list[Seen], list[Seen]]] = {}
    for pair in shared(full, others):
        for side, trial in zip(cells.setdefault(pair[0].weakness, ([], [])), pair, strict=True):
            side.append(seen(trial, scale, horizons[trial.weakness]))
    if not cells:
        return None
    duels = tuple(_duel(weakness, *cell, horizons[weakness]) for weakness, cell in cells.items())
    ours, theirs = ([one for cell in cells.values() for one in cell[side]] for side in (0, 1))
    differences = [duel.other - duel.full for duel in duels]
    tests = Tests(_log_rank(ours, theirs), _mann_whitney(ours, theirs), _signed_rank(differences))
    pooled = a12(_ranked(theirs), _ranked(ours))
    return Contrast(engine, scale, len(ours), duels, interval(differences), pooled, tests, tests)


def _duel(weakness: str, ours: Sequence[Seen], theirs: Sequence[Seen], horizon: float) -> Duel:
    return Duel(
        weakness,
        restricted_mean(ours, horizon),
        restricted_mean(theirs, horizon),
        a12(_ranked(theirs), _ranked(ours)),
    )


def _ranked(observations: Iterable[Seen]) -> list[float]:
    """What ranks are made of: without a detection a trial is longer than all that have one."""
    return [one.time if one.detected else math.inf for one in observations]


def a12(first: Sequence[float], second: Sequence[float]) -> float:
    """Vargha and Delaney's: the chance that a value of `first` is larger than one of `second`, half of that for equal ones."""
    ordered = sorted(second)
    wins = sum(bisect_left(ordered, value) + bisect_right(ordered, value) for value in first)
    return wins / (2 * len(first) * len(second))


def magnitude(a12: float) -> str:
    """large, medium, small or negligible, whichever side it favours."""
    distance = round(max(a12, 1 - a12), 9)  # so that 0.286 is as large as 0.714
    return next(word for least, word in _MAGNITUDES if distance >= least)


def holm(values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values of a family, in its order."""
    adjusted = [0.0] * len(values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = largest
    return adjusted


def interval(differences: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of the mean of `differences`, one for each weakness: percentiles of resampled weaknesses. None for fewer than two."""
    if len(differences) < 2:
        return None
    found = bootstrap((differences,), _mean, confidence_level=1 - ALPHA, method="percentile", rng=_SEED)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _mean(sample: Any, axis: int) -> Any:
    return sample.mean(axis=axis)


def _log_rank(ours: Sequence[Seen], theirs: Sequence[Seen]) -> float:
    sides = ours, theirs
    times, detected = ([[one[field] for one in side] for side in sides] for field in (0, 1))
    return float(logrank_test(*times, *detected).p_value)


def _mann_whitney(ours: Sequence[Seen], theirs: Sequence[Seen]) -> float:
    return float(mannwhitneyu(_ranked(ours), _ranked(theirs), alternative="two-sided").pvalue)


def _signed_rank(differences: Sequence[float]) -> float:
    """1 for a single difference, which is on its side of 0 as often as on the other."""
    return float(wilcoxon(differences, alternative="two-sided").pvalue) if len(differences) > 1 else 1.0


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
