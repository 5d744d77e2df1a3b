"""What a planted weakness is, as a value."""

from typing import NamedTuple

from sysfuzz.kernel.protocol import Boot

BUDGETS = (1_000, 10_000, 100_000, 1_000_000)  # executions: how hard a weakness is to find, in powers of ten


class Planted(NamedTuple):
    """One weakness: the name that `--target sysfuzz.bench.weaknesses:NAME` takes, its family, what is wrong in a sentence, and the weak core.

    `grade` counts the steps of the smallest program that shows it: calls and runs, without what puts code into place or says whose turn it is.
    The family "sequence" is of those whose steps, three or more, are all harmless by themselves. `budget` is the least of BUDGETS that is twice
    what the full engine took with any seed: within so many executions each seed finds it.
    """

    name: str
    family: str
    grade: int
    budget: int
    summary: str
    boot: Boot
