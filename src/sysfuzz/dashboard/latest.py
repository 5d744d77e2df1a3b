"""What is worked out of a look is worked out once, however many pages show it."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from sysfuzz.campaign.state import State

T = TypeVar("T")


def latest(function: Callable[[State], T]) -> Callable[[State], T]:
    """`function`, which remembers its answer for the last state; two threads that ask at once may both work it out."""
    known: list[tuple[State, T]] = []

    @wraps(function)
    def remembering(state: State) -> T:
        for of, value in known:
            if of is state:
                return value
        value = function(state)
        known[:] = [(state, value)]
        return value

    return remembering
