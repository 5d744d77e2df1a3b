"""What is worked out of a look is worked out once, however many pages show it, what rests on the findings alone once for each change."""

from collections import deque
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from sysfuzz.campaign.state import State

T = TypeVar("T")

_KEPT = 2  # the look that pages show, and the one that is being made ready


def latest(function: Callable[[State], T]) -> Callable[[State], T]:
    """`function`, which remembers its answers for the last states; two threads that ask at once may both work one out."""
    return _remembering(function, lambda known, state: known is state)


def latest_findings(function: Callable[[State], T]) -> Callable[[State], T]:
    """As `latest`, for a function of a campaign's findings and of what never changes in it."""
    return _remembering(function, lambda known, state: known.findings is state.findings and known.home == state.home)


def _remembering(function: Callable[[State], T], same: Callable[[State, State], bool]) -> Callable[[State], T]:
    answers: deque[tuple[State, T]] = deque(maxlen=_KEPT)

    @wraps(function)
    def remembering(state: State) -> T:
        for known, answer in tuple(answers):
            if same(known, state):
                return answer
        answer = function(state)
        answers.append((state, answer))
        return answer

    return remembering
