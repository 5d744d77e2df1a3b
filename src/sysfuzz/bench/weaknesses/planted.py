"""What a planted weakness is, as a value."""

from typing import NamedTuple

from sysfuzz.kernel.protocol import Boot


class Planted(NamedTuple):
    """One weakness: the name that `--target sysfuzz.bench.weaknesses:NAME` takes, its family, what is wrong in a sentence, and the weak core.

    `grade` counts the steps of the smallest program that shows it: calls and runs, without what puts code into place or says whose turn it is.
    The family "sequence" is of those whose steps, three or more, are all harmless by themselves.
    """

    name: str
    family: str
    grade: int
    summary: str
    boot: Boot
