"""The canary of the weakness under test: whether its faulty code has run, and whether it has made a difference there.

These are two of Magma's three marks (Hazimeh, Herrera, Payer, 2020): a weakness is reached when its code runs, triggered when its condition
holds, and detected when somebody notices, which is the oracles' part. Triggered means that the weak core gave another answer, or made another
change, than the reference would have at that very point; what becomes of that is not looked at. One weak core runs at a time in a process, so
there is one canary; the reference has none.
"""

from typing import TypeVar

Answer = TypeVar("Answer")


class Canary:
    """The marks since the last `reset`."""

    def __init__(self) -> None:
        self.reached = False
        self.triggered = False

    def reset(self) -> None:
        """Forget both."""
        self.reached = self.triggered = False


CANARY = Canary()


def passed(differs: bool) -> None:
    """The faulty code runs; `differs`: the reference would have changed something else."""
    CANARY.reached = True
    if differs:
        CANARY.triggered = True


def instead(sound: object, weak: Answer) -> Answer:
    """The faulty code answers `weak` where the reference would have answered `sound`; the weak answer."""
    passed(weak != sound)
    return weak
