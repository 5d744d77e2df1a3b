"""A program, its outcome and the spec's account of it, side by side; and where core and spec part.

A parting is the first time that one field of one page (or the mark of one process) is not what the spec holds. `causes` names it. Oracles blame
what follows from a parting on it, so that one bug has one cause, whatever its face. A mark that is missing where the core knows of no attribute
follows from the attribute's loss and is no parting; a mark that outlives its reason costs time only, and is kept for the lock oracle to blame.

When the core lets in what the spec refuses, refuses what it lets in, or gives a wrong answer, the two have done different things and live in
different worlds: what comes after that is not compared. Nor is what comes of a table in user memory that the target cannot show. Nothing here
decides what is a violation.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sysfuzz.oracles.causes import Moment, guard_cause, parting_cause, result_cause
from sysfuzz.program.ir import Arg, Op, Program, Ref
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import NOSYSCALLS, Event, Outcome, Result, Step
from sysfuzz.spec.compare import diff
from sysfuzz.spec.expect import (
    UNSPECIFIED,
    Dispatch,
    Expectation,
    Expected,
    ExpectedEvent,
    ExpectedStep,
    State,
    accepts,
)
from sysfuzz.spec.promise import REFERENCE, Promise, Rows

MARK = "mark"  # the field of a parting that is about a process, not a page
GUARD = "guard"  # the same: what its design enforces in it beside the attributes of pages
KEPT = "kept"  # the field of what is no parting: a mark without a reason

# Fields of a page by which calls decide what they do to it.
_DECISIVE = ("mapped", "prot", "maxprot", "inherit", "wired")

# Calls that arm once: their answers go by what is armed.
_ONCE = frozenset(("syscallemu", "msyscall", "pinsyscalls"))

_Key = tuple[int, int, str]  # process, page, field


class Parting(NamedTuple):
    """Core and spec disagree from here on: at event `event` of op `op` (-1: at the op itself)."""

    op: int
    event: int
    pid: int
    page: int  # page number; -1 for what is about the process, `slot` for what is about one LWP
    field: str  # of spec.compare.Difference, MARK or GUARD
    expected: int  # of a guard, the number of rows
    actual: int
    cause: str
    failed: bool  # the call that did it had answered with an errno, rightly
    rows: tuple[Rows, Rows] = ((), ())  # of a guard, those expected and the actual ones


def slot(lwp: int) -> int:
    """What stands for an LWP in the place of a page; of 0, which is none, for the process."""
    return -1 - lwp


class Case:
    """What the oracles look at. `partings` are in the order in which they came about."""

    def __init__(self, program: Program, outcome: Outcome, expected: Expected, promise: Promise = REFERENCE) -> None:
        self.program = program
        self.promise = promise
        self.outcome = outcome
        self.expected = expected
        self.partings: list[Parting] = []
        self.wrong_results: list[Moment] = []
        self._known: dict[_Key, Parting] = {}  # those that last
        self._over: list[tuple[_Key, Parting, tuple[int, int]]] = []  # those that have ended, and where
        self._before: dict[_Key, Parting] = {}  # as they were when the call in hand was made
        self._end = self._first_other_decision()
        for moment in self._moments():
            if (moment.op, moment.event) >= self._end:
                break
            untold = moment.expected is UNSPECIFIED and moment.name() in promise.tables
            if not untold:
                self._compare(moment)
            if untold or self.wrong_results:
                self._end = (moment.op, moment.event)
                break

    def _first_other_decision(self) -> tuple[int, int]:
        """(op, event) where the core first decides an entry otherwise than the spec."""
        for index, _, step, expected in self.steps():
            for number, (event, wanted) in enumerate(zip(step.events, expected.events, strict=False)):
                reply, decision = event.reply, wanted.decision
                if reply is not None and decision is not None and bool(reply.call) != isinstance(decision, Dispatch):
                    return index, number
        return len(self.program.ops), 0

    def steps(self) -> Iterator[tuple[int, Op, Step, ExpectedStep]]:
        """(index, op, what happened, what must have) of every op that was answered; one that panicked was not.

        Beyond `_end` the two may have seen different numbers of events: by rights the process that runs may be gone.
        """
        answered = len(self.outcome.steps) - (self.outcome.panic is not None)
        rows = zip(
            self.program.ops[:answered],
            self.outcome.steps,
            self.expected.steps,
            strict=False,
        )
        for index, (op, step, expected) in enumerate(rows):
            yield index, op, step, expected

    def attempts(
        self,
    ) -> Iterator[tuple[int, int, int, Event, ExpectedEvent, tuple[State, ...]]]:
        """(op, event, pid, what happened, what must have, states before) of every attempt of every run that was answered."""
        states = self.expected.boot
        for index, _, step, expected in self.steps():
            for number, (event, wanted) in enumerate(zip(step.events, expected.events, strict=False)):
                if (index, number) > self._end:
                    return
                if event.attempt is not None and event.reply is not None and wanted.decision is not None:
                    yield index, number, step.pid, event, wanted, states
                states = wanted.states
            states = expected.states

    def blame(
        self,
        pid: int,
        pages: Iterator[int],
        op: int,
        event: int,
        fields: tuple[str, ...],
    ) -> str | None:
        """Cause of an earlier parting in one of `fields`, on one of `pages` or about `pid` or its LWP, that lasted until this event."""
        now = op, event
        for number in (*pages, slot(0), slot(self.lwp(op))):
            for field in fields:
                key = pid, number, field
                over = [parting for other, parting, end in self._over if other == key and end >= now]
                for parting in (*over, *filter(None, [self._known.get(key)])):
                    if (parting.op, parting.event) < now:
                        return parting.cause
        return None

    def lwp(self, op: int) -> int:
        """The LWP that does op number `op`: programs say it only where it changes, and LWPs end in between."""
        return self.expected.steps[op].lwp

    def _moments(self) -> Iterator[Moment]:
        before = self.expected.boot
        if self.outcome.boot or self.outcome.panic is None:  # a kernel that panics while it boots has no map to compare
            yield Moment(-1, -1, 1, "boot", (), 0, 0, before, before, self.outcome.boot, ())
        for index, op, step, expected in self.steps():
            told = step.transitions
            for number, (event, wanted) in enumerate(zip(step.events, expected.events, strict=False)):
                if event.kind == "enter" and event.reply is not None:
                    reply, decision, args = event.reply, wanted.decision, _six(event.reply.args)
                    goal: Expectation = decision.result if isinstance(decision, Dispatch) else UNSPECIFIED
                    now, views = wanted.states, event.views
                    yield Moment(
                        index,
                        number,
                        step.pid,
                        reply.call,
                        args,
                        reply.result,
                        goal,
                        before,
                        now,
                        views,
                        told,
                        expected.lwp,
                    )
                    before = now
            where, args = len(step.events) or -1, self._arguments(op)
            now, views = expected.states, step.views
            goal = expected.result
            yield Moment(
                index, where, step.pid, op.call, args, step.result, goal, before, now, views, told, expected.lwp
            )
            before = now

    def _compare(self, moment: Moment) -> None:
        """Note whether the answer is wrong, and every new difference between the core's maps and the spec's."""
        self._before = dict(self._known)
        wrong = not accepts(moment.expected, moment.result)
        if wrong:
            self.wrong_results.append(moment)
        failed = isinstance(moment.result, str) and not wrong
        seen: set[_Key] = set()
        views = {view.pid: view for view in moment.views}
        for state in moment.states:
            view = views.pop(state.pid, None)
            if view is None:
                seen.add(self._part(moment, state.pid, -1, "alive", 1, 0, wrong, failed))
                continue
            for page, field, expected, actual in diff(state, view):
                seen.add(self._part(moment, state.pid, page, field, expected, actual, wrong, failed))
            if view.guard != state.guard:
                for lwp, due, held in self._guards(state.guard, view.guard):
                    seen.add(
                        self._part(moment, state.pid, slot(lwp), GUARD, len(due), len(held), wrong, failed, (due, held))
                    )
            flagged = any(region.attributes & NOSYSCALLS for region in view.regions)
            if view.marked and not state.marked and not flagged:
                seen.add(self._part(moment, state.pid, -1, KEPT, 0, 1, wrong, failed))
            elif flagged and not view.marked and any(page.attributes & NOSYSCALLS for page in state.pages.values()):
                seen.add(self._part(moment, state.pid, -1, MARK, 1, 0, wrong, failed))
        for pid in views:
            seen.add(self._part(moment, pid, -1, "alive", 0, 1, wrong, failed))
        for key in [key for key in self._known if key not in seen]:
            # The two agree again: if they part once more, that is another matter.
            self._over.append((key, self._known.pop(key), (moment.op, moment.event)))

    def _guards(self, due: Rows, held: Rows) -> Iterator[tuple[int, Rows, Rows]]:
        """(LWP, or 0 for the process; rows that are due, rows that the core holds) of all that differ."""
        if not self.promise.by_lwp:
            yield 0, due, held
            return
        for lwp in sorted({max(row[0], 0) for row in (*due, *held)}):
            own, other = rows_of(due, lwp), rows_of(held, lwp)
            if own != other:
                yield lwp, own, other

    def _part(
        self,
        moment: Moment,
        pid: int,
        page: int,
        field: str,
        expected: int,
        actual: int,
        wrong: bool,
        failed: bool,
        rows: tuple[Rows, Rows] = ((), ()),
    ) -> _Key:
        """Note a difference, unless it is known; its key."""
        key = (pid, page, field)
        if key not in self._known:
            if wrong:
                cause = self.result_cause(moment)
            else:
                cause = self._inherited(moment, pid, page, field) or (
                    guard_cause(moment, pid, -1 - page, *rows, failed)
                    if field == GUARD
                    else self._named(moment, pid, page, field, expected, actual, failed)
                )
            parting = Parting(moment.op, moment.event, pid, page, field, expected, actual, cause, failed, rows)
            self._known[key] = parting
            if field != KEPT:
                self.partings.append(parting)
        return key

    def _named(self, moment: Moment, pid: int, page: int, field: str, expected: int, actual: int, failed: bool) -> str:
        cause = parting_cause(moment, pid, page, field, actual > expected, failed)
        return f"{cause}/shared" if field == MARK and _marks_a_sharer(moment, pid) else cause

    def _inherited(self, moment: Moment, pid: int, page: int, field: str) -> str | None:
        """The cause of what was wrong before, where this follows from it.

        fork and mremap copy it; calls decide by what a page is, so that one wrong field of it makes others wrong; a mark goes with an attribute.
        """
        source = None
        by_lwp = field == GUARD and self.promise.by_lwp
        if moment.call in ("fork", "vfork") and moment.result == pid:
            source = self._known.get((moment.pid, slot(moment.lwp) if by_lwp else page, field))
        elif by_lwp and moment.name() == "lwp_create" and moment.pid == pid and slot(_number(moment.result)) == page:
            source = self._known.get((pid, slot(moment.lwp), field))
        elif moment.call == "mremap" and isinstance(moment.result, int):
            old, oldlen = moment.args[:2]
            # A grown page is as the last old one. One that a move adds has a cause of its own all the same: whether it was lost with the move or
            # by growing, no run can tell.
            behind = min(page - moment.result // PAGE, -(-oldlen // PAGE) - 1)
            source = self._before.get((pid, old // PAGE + behind, field))
        if source is not None:
            return source.cause
        if field == KEPT:
            return next(
                (p.cause for p in self._before.values() if p.pid == pid and p.field in ("attributes", "mapped")), None
            )
        for other in () if field in (MARK, GUARD) else ("mapped",) if field == "attributes" else _DECISIVE:
            source = self._before.get((pid, page, other))
            if source is not None and other != field:
                return source.cause
        return None

    def result_cause(self, moment: Moment) -> str:
        """Cause of a wrong answer. What a call finds in a map, or a guard, that is wrong already follows from that."""
        return (
            self.map_blame(moment.pid, moment.op, moment.event)
            or self._guard_blame(moment)
            or result_cause(moment, LAYOUTS[self.program.mode])
        )

    def _guard_blame(self, moment: Moment) -> str | None:
        """Cause of an earlier parting over the guard by which the call goes. What arming leaves unguarded is its own."""
        call = moment.name()
        if call not in _ONCE:
            return None
        cause = self.blame(moment.pid, iter(()), moment.op, moment.event, (GUARD,))
        return None if cause == f"guard/{call}" else cause

    def map_blame(self, pid: int, op: int, event: int) -> str | None:
        """Cause of an earlier parting that makes the map of `pid` another one to calls and faults: an attribute does not, nor does a mark."""
        return self._blame(pid, op, event, lambda field: field not in ("attributes", MARK, GUARD, KEPT))

    def mark_blame(self, pid: int, op: int, event: int) -> str | None:
        """Cause of an earlier parting for which the core may think otherwise of whether `pid` needs the check."""
        return self._blame(pid, op, event, lambda field: field in ("attributes", "mapped", MARK, KEPT))

    def _blame(self, pid: int, op: int, event: int, matters: Callable[[str], bool]) -> str | None:
        """Cause of the first parting of process `pid` before this event that lasted until it and `matters`."""
        now = op, event
        lasting = [(key, parting) for key, parting, end in self._over if end >= now]
        for (who, _, field), parting in (*lasting, *self._known.items()):
            if who == pid and matters(field) and (parting.op, parting.event) < now:
                return parting.cause
        return None

    def _arguments(self, op: Op) -> tuple[int, ...]:
        """What an op was given."""
        return tuple([self.number(arg) for arg in op.args])

    def number(self, arg: Arg) -> int:
        """An argument's number; the result of an op that has none counts as all ones, bytes as 0."""
        if isinstance(arg, Ref):
            result = self.outcome.steps[arg.op].result
            return (result if isinstance(result, int) else -1) + arg.offset & LAYOUTS[self.program.mode].mask
        return arg if isinstance(arg, int) else 0


def rows_of(rows: Rows, lwp: int) -> Rows:
    """Those rows that are `lwp`'s; of 0, those that name no LWP."""
    return tuple(row for row in rows if max(row[0], 0) == lwp)


def _number(result: Result) -> int:
    return result if isinstance(result, int) else -1


def _six(args: tuple[object, ...]) -> tuple[int, ...]:
    """What a core says that code has given it, as six numbers: it may say anything."""
    numbers = [arg if isinstance(arg, int) else 0 for arg in args]
    return tuple((numbers + [0] * 6)[:6])


def _marks_a_sharer(moment: Moment, pid: int) -> bool:
    """Whether the core has marked another process that uses the map of process `pid`; after vfork that is so by itself."""
    if moment.call == "vfork":
        return False
    pages = {state.pid: state.pages for state in moment.states}
    return any(view.marked and view.pid != pid and pages.get(view.pid) is pages[pid] for view in moment.views)
