"""A program, its outcome and the spec's account of it, side by side; and where core and spec part.

A parting is the first time that one field of one page (or the mark of one process) is not what the spec holds. Its cause names the call
and what the map did there, never an address. Oracles blame what follows from a parting on it, so that one bug has one cause, whatever its face.

When the core lets in what the spec refuses, refuses what it lets in, or gives a wrong answer, the two have done different things and live in
different worlds: what comes after that is not compared. Nothing here decides what is a violation.
"""

from collections.abc import Iterator
from typing import NamedTuple

from sysfuzz.program.ir import Arg, Op, Program, Ref
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import Event, Outcome, Result, Step, View
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

# Calls that code knows by another name than programs do: one bug is one bug, whoever made the call.
_OP_NAMES = {"execve": "exec", "_lwp_create": "lwp_create", "_lwp_exit": "lwp_exit"}

MARK = "mark"  # the field of a parting that is about a process, not a page


class Parting(NamedTuple):
    """Core and spec disagree from here on: at event `event` of op `op` (-1: at the op itself)."""

    op: int
    event: int
    pid: int
    page: int  # page number; -1 for the mark
    field: str  # of spec.compare.Difference, or MARK
    expected: int
    actual: int
    cause: str
    failed: bool  # the call that did it had answered with an errno, rightly


class Moment(NamedTuple):
    """One answer of the core that can be compared: an op, or an entry that reached the dispatcher in the run `op`."""

    op: int
    event: int
    pid: int  # who made the call
    call: str
    result: Result
    expected: Expectation
    states: tuple[State, ...]
    views: tuple[View, ...]
    transitions: tuple[str, ...]


class Case:
    """What the oracles look at. `partings` are in the order in which they came about."""

    def __init__(self, program: Program, outcome: Outcome, expected: Expected) -> None:
        self.program = program
        self.outcome = outcome
        self.expected = expected
        self.partings: list[Parting] = []
        self.wrong_results: list[Moment] = []
        self._known: dict[tuple[int, int, str], Parting] = {}  # those that last
        self._before: dict[tuple[int, int, str], Parting] = {}  # as they were when the call in hand was made
        self._end = self._first_other_decision()
        for moment in self._moments():
            if (moment.op, moment.event) >= self._end:
                break
            self._compare(moment)
            if self.wrong_results:
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
        """Cause of an earlier parting in one of `fields`, on one of `pages` or about the mark of `pid`."""
        for number in (*pages, -1):
            for field in fields:
                parting = self._known.get((pid, number, field))
                if parting is not None and (parting.op, parting.event) < (op, event):
                    return parting.cause
        return None

    def _moments(self) -> Iterator[Moment]:
        if self.outcome.boot or self.outcome.panic is None:  # a kernel that panics while it boots has no map to compare
            yield Moment(-1, -1, 1, "boot", 0, 0, self.expected.boot, self.outcome.boot, ())
        for index, op, step, expected in self.steps():
            for number, (event, wanted) in enumerate(zip(step.events, expected.events, strict=False)):
                if event.kind == "enter" and event.reply is not None:
                    call, result = event.reply.call, event.reply.result
                    decision = wanted.decision
                    goal: Expectation = decision.result if isinstance(decision, Dispatch) else UNSPECIFIED
                    states, views = wanted.states, event.views
                    yield Moment(index, number, step.pid, call, result, goal, states, views, step.transitions)
            where = len(step.events) or -1
            result, goal, states, views = step.result, expected.result, expected.states, step.views
            yield Moment(index, where, step.pid, op.call, result, goal, states, views, step.transitions)

    def _compare(self, moment: Moment) -> None:
        """Note whether the answer is wrong, and every new difference between the core's maps and the spec's."""
        self._before = dict(self._known)
        wrong = not accepts(moment.expected, moment.result)
        if wrong:
            self.wrong_results.append(moment)
        failed = isinstance(moment.result, str) and not wrong
        seen: set[tuple[int, int, str]] = set()
        views = {view.pid: view for view in moment.views}
        for state in moment.states:
            view = views.pop(state.pid, None)
            if view is None:
                seen.add(self._part(moment, state.pid, -1, "alive", 1, 0, wrong, failed))
                continue
            for page, field, expected, actual in diff(state, view):
                seen.add(self._part(moment, state.pid, page, field, expected, actual, wrong, failed))
            if not view.marked and any(page.attributes for page in state.pages.values()):
                seen.add(self._part(moment, state.pid, -1, MARK, 1, 0, wrong, failed))
        for pid in views:
            seen.add(self._part(moment, pid, -1, "alive", 0, 1, wrong, failed))
        for key in [key for key in self._known if key not in seen]:
            del self._known[key]  # the two agree again: if they part once more, that is another matter

    def _part(
        self, moment: Moment, pid: int, page: int, field: str, expected: int, actual: int, wrong: bool, failed: bool
    ) -> tuple[int, int, str]:
        """Note a difference, unless it is known; its key."""
        key = (pid, page, field)
        if key not in self._known:
            if wrong:
                cause = result_cause(moment)
            else:
                family = "failed" if failed else {"attributes": "attribute", "mapped": "mapping"}.get(field, field)
                words = [family, _OP_NAMES.get(moment.call, moment.call), *self._verb(moment, page)]
                cause = self._inherited(moment, pid, page, field) or "/".join(words)
            parting = Parting(moment.op, moment.event, pid, page, field, expected, actual, cause, failed)
            self._known[key] = parting
            self.partings.append(parting)
        return key

    def _inherited(self, moment: Moment, pid: int, page: int, field: str) -> str | None:
        """fork and mremap copy what was wrong before: for the copy, the cause of the original."""
        if moment.call in ("fork", "vfork") and moment.result == pid:
            source = self._known.get((moment.pid, page, field))
        elif moment.call == "mremap" and isinstance(moment.result, int):
            old, oldlen = self._old_range(moment)
            # A grown page is as the last old one.
            behind = min(page - moment.result // PAGE, -(-oldlen // PAGE) - 1)
            source = self._before.get((pid, old // PAGE + behind, field))
        else:
            return None
        return source.cause if source is not None else None

    def _verb(self, moment: Moment, page: int) -> list[str]:
        """What the call did to this page, in a word; nothing where the call has only one way of doing it."""
        if moment.call == "mmap":
            return ["merge"] if any(word.startswith("merge") for word in moment.transitions) else ["enter"]
        if moment.call == "mremap" and isinstance(moment.result, int):
            return [self._mremap_verb(moment, page)]
        return []

    def _mremap_verb(self, moment: Moment, page: int) -> str:
        """Pages that were in the old range moved; those behind them grew."""
        old, oldlen = self._old_range(moment)
        assert isinstance(moment.result, int)
        if page >= moment.result // PAGE + -(-oldlen // PAGE):
            return "grow"
        return "shrink" if moment.result == old else "move"

    def _old_range(self, moment: Moment) -> tuple[int, int]:
        """Address and length that mremap was given."""
        old, oldlen = self.arguments(moment)[:2]
        return old, oldlen

    def arguments(self, moment: Moment) -> tuple[int, ...]:
        """What the call was given, by an op or by code."""
        op = self.program.ops[moment.op]
        if op.call == "run":
            reply = self.outcome.steps[moment.op].events[moment.event].reply
            assert reply is not None
            return reply.args
        return tuple([self._number(arg) for arg in op.args])

    def _number(self, arg: Arg) -> int:
        """An argument's number; the result of an op that has none counts as all ones."""
        if isinstance(arg, Ref):
            result = self.outcome.steps[arg.op].result
            return (result if isinstance(result, int) else -1) + arg.offset & LAYOUTS[self.program.mode].mask
        return arg if isinstance(arg, int) else 0


def result_cause(moment: Moment) -> str:
    """Cause of a wrong answer: the call, what was due and what came, without numbers."""
    return "/".join(["result", _OP_NAMES.get(moment.call, moment.call), word(moment.expected), word(moment.result)])


def word(result: object) -> str:
    """An errno name as it is, anything else as `value`."""
    return result if isinstance(result, str) else "value"
