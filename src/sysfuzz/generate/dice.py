"""Dice: every choice of the generator, drawn from one random.Random that was passed in.

They are `random()` alone: `randrange`, `choice` and `choices` cost five to ten times as much, and dice are a large part of what a program
costs. A choice by weight is a uniform choice from a deck in which names are repeated (`weights.deck`).
"""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """The choices that can be drawn from `rng`."""

    __slots__ = ("random", "rng")

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.random = rng.random

    def chance(self, share: float) -> bool:
        """True in `share` of all cases."""
        return self.random() < share

    def below(self, limit: int) -> int:
        """A number from 0 to limit - 1; limit is 1 to 2^53."""
        return int(self.random() * limit)

    def pick(self, deck: Sequence[T]) -> T:
        """One of `deck`, each position as likely as any other."""
        return deck[int(self.random() * len(deck))]
