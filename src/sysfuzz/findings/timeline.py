"""One run as a sequence of points, core and spec side by side, and the way of one page through it.

A point is a call that was answered, by an op or by code. A page has a place, (pid, page number), that changes: mremap moves it, fork makes
another of it. So its way is followed backwards from where it mattered. Nothing here knows verdicts or words.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sysfuzz.oracles.case import Case, slot
from sysfuzz.program.ir import Arg, Ref
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import OP_NAMES, PAGE
from sysfuzz.program.outcome import Outcome, Result, View
from sysfuzz.spec.expect import Dispatch, Expectation, State
from sysfuzz.spec.promise import REFERENCE


class Place(NamedTuple):
    """Where a page is: a process and a page number; -1 stands for the process as a whole, less for one LWP, as in a parting."""

    pid: int
    page: int


class Point(NamedTuple):
    """A call, and the maps behind it. `event` is the entry that made it within the run `op`; -1: the op itself."""

    op: int  # -1: boot
    event: int
    pid: int  # who made the call
    call: str  # as the op or the core names it
    args: tuple[Arg, ...]
    result: Result
    due: Expectation | None  # None: by rights there was no such call
    views: tuple[View, ...]
    states: tuple[State, ...]
    transitions: tuple[str, ...]  # what the core says that its maps did
    design: str = REFERENCE.name  # whose rows the guards of views and states have
    lwp: int = 1  # who made the call

    @property
    def name(self) -> str:
        """The call as programs name it."""
        return OP_NAMES.get(self.call, self.call)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The arguments as numbers, a poke's bytes as 0."""
        return tuple(arg if isinstance(arg, int) else 0 for arg in self.args)


def points(case: Case) -> list[Point]:
    """All points of a run in order, from boot to the last op that was answered."""
    outcome = case.outcome
    design = case.promise.name
    found = [Point(-1, -1, 1, "boot", (), 0, 0, outcome.boot, case.expected.boot, (), design)]
    for index, op, step, expected in case.steps():
        for number, (event, wanted) in enumerate(zip(step.events, expected.events, strict=False)):
            reply, decision = event.reply, wanted.decision
            if event.kind == "enter" and reply is not None:
                due = decision.result if isinstance(decision, Dispatch) else None
                told = step.transitions
                found.append(
                    Point(
                        index,
                        number,
                        step.pid,
                        reply.call,
                        reply.args,
                        reply.result,
                        due,
                        event.views,
                        wanted.states,
                        told,
                        design,
                        expected.lwp,
                    )
                )
        args = arguments(case, index)
        found.append(
            Point(
                index,
                -1,
                step.pid,
                op.call,
                args,
                step.result,
                expected.result,
                step.views,
                expected.states,
                step.transitions,
                design,
                expected.lwp,
            )
        )
    return found


def arguments(case: Case, op: int) -> tuple[Arg, ...]:
    """The arguments of an op, with numbers for references to earlier results."""
    return tuple(_resolved(arg, case.outcome, LAYOUTS[case.program.mode].mask) for arg in case.program.ops[op].args)


def _resolved(arg: Arg, outcome: Outcome, mask: int) -> Arg:
    if isinstance(arg, Ref):
        result = outcome.steps[arg.op].result
        return (result if isinstance(result, int) else -1) + arg.offset & mask
    return arg


def way(found: Sequence[Point], last: Place) -> list[Place]:
    """The place of a page behind each of `found`, which is `last` behind the last of them."""
    places = [last]
    for point in reversed(found[1:]):
        places.append(before(point, places[-1]))
    return places[::-1]


def before(point: Point, place: Place) -> Place:
    """Where the page was before `point` that is at `place` behind it; a page that was added is as the one that it is like."""
    if point.name in ("fork", "vfork") and point.result == place.pid:
        return Place(point.pid, slot(point.lwp) if place.page < slot(0) else place.page)
    if point.name == "lwp_create" and isinstance(point.result, int) and place == (point.pid, slot(point.result)):
        return Place(point.pid, slot(point.lwp))
    if point.name == "mremap" and isinstance(point.result, int) and place.page >= 0 and _same_map(point, place.pid):
        old, oldlen, _, newlen, _ = point.numbers
        first, behind = point.result // PAGE, place.page - point.result // PAGE
        if 0 <= behind < -(-newlen // PAGE) and (first != old // PAGE or behind >= -(-oldlen // PAGE)):
            return Place(place.pid, old // PAGE + max(min(behind, -(-oldlen // PAGE) - 1), 0))
    return place


def _same_map(point: Point, pid: int) -> bool:
    """Whether `pid` uses the map of the process that made the call."""
    pages = {state.pid: state.pages for state in point.states}
    return pid == point.pid or (pid in pages and pages.get(point.pid) is pages[pid])
