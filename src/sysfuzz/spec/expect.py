"""What the spec says about an outcome: expected results, decisions and states, as plain frozen values.

Where the semantics leave a choice, or say nothing, the expectation says so instead of guessing: `Anywhere`,
`AnyBytes`, `UNSPECIFIED`, and None or "" in the fields that allow it. Nothing here compares maps (`compare.py`) or
judges.
"""

from typing import Final, NamedTuple

from sysfuzz.program.outcome import PANIC, Result
from sysfuzz.spec.pages import Pages


class Anywhere(NamedTuple):
    """Success at a free place, where the core did not answer with one; a legal answer is expected as itself.

    The address is a multiple of `align`, [address, address + size) free and in bounds; the result is the address +
    `pageoff`.
    """

    size: int
    align: int
    pageoff: int


class AnyBytes(NamedTuple):
    """Success of a peek of what is not known: this many bytes, whatever they hold."""

    size: int


class Unspecified(NamedTuple):
    """Any result but a panic: the semantics say nothing about it."""


UNSPECIFIED: Final = Unspecified()

Expectation = int | str | bytes | Anywhere | AnyBytes | Unspecified


def accepts(expected: Expectation, actual: Result) -> bool:
    """Whether `actual` is what a correct core answers: never for `Anywhere`, as a legal place is expected as itself."""
    match expected:
        case Anywhere():
            return False
        case AnyBytes():
            return isinstance(actual, bytes) and len(actual) == expected.size
        case Unspecified():
            return actual != PANIC
        case _:
            return type(actual) is type(expected) and actual == expected


class State(NamedTuple):
    """One live process. `pages` is never changed later, and is the same object as long as nothing changes it."""

    pid: int
    marked: bool
    pages: Pages
    guard: tuple[tuple[int, ...], ...] = ()  # as in `outcome.View`


class Dispatch(NamedTuple):
    """The entry must reach the dispatcher."""

    call: str  # as in `outcome.Reply.call`
    args: tuple[int, ...] | None  # None: not compared (unreadable, or the semantics give the call no arguments)
    result: Expectation
    ends: str  # "exit", "exec" or "": whether this LWP returns, as in `outcome.Reply.ends`


class Signal(NamedTuple):
    """The attempt must be answered with a signal. For a gate this means: blocked, with no other effect."""

    signal: str  # "": the semantics give this vector no signal
    code: str  # "": the semantics give it no code
    addr: int | None  # None: the semantics give it no si_addr
    pc: int
    regs: tuple[int, ...]
    handled: bool | None  # False: surely no handler, so the run ends; None: there may be one, masked or not
    # The instruction could not be fetched, and `addr` is why, so that it had no right to become an attempt. How the
    # registers were before it nobody knows: `regs` are those of the attempt.
    unfetched: bool = False


class ExpectedEvent(NamedTuple):
    """What must have happened at one event of a run.

    `decision` is None where nothing can be predicted: the event is no attempt, or by rights the LWP no longer exists.
    """

    decision: Dispatch | Signal | None
    marked: bool  # the process's mark at the attempt; without it the core may not take the map lock
    states: tuple[State, ...]  # all live processes after the event


class ExpectedStep(NamedTuple):
    """What must have happened at one op; `events` are parallel to those of the outcome's step."""

    result: Expectation
    events: tuple[ExpectedEvent, ...]
    states: tuple[State, ...]  # all live processes after the op
    lwp: int = 1  # who did the op, in the process that the outcome names


class Expected(NamedTuple):
    """What must have happened in one run of a program; `steps` are parallel to those of the outcome."""

    boot: tuple[State, ...]
    steps: tuple[ExpectedStep, ...]
