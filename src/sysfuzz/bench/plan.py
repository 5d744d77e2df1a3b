"""Which trials there are, and in which order: such that a file that was written halfway compares like with like."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Planned(NamedTuple):
    """A trial that is to be run: what identifies it in a file of results."""

    weakness: str
    engine: str
    seed: int


class Budget(NamedTuple):
    """What each trial may use; whichever is used up first ends it."""

    executions: int
    seconds: float


def plan(weaknesses: Sequence[str], engines: Sequence[str], seeds: Iterable[int]) -> list[Planned]:
    """All trials: seed by seed, in each weakness by weakness, and there each engine in turn."""
    return [Planned(weakness, engine, seed) for seed in seeds for weakness in weaknesses for engine in engines]
