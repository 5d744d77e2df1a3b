"""What a verdict is about: the attempt or the call, the page, the parting to blame and the one that it goes back to.

Found by looking at the case again, with the verdict in hand: an oracle says what is wrong in words, and which cause. Says nothing itself.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sysfuzz.findings.guards import wording
from sysfuzz.findings.sides import EXACT_MARK, differs
from sysfuzz.findings.timeline import Place, Point, points, way
from sysfuzz.oracles.case import GUARD, MARK, Case, Parting
from sysfuzz.oracles.judge import BY_DESIGN, ORACLES
from sysfuzz.oracles.verdict import Verdict
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import Attempt, Reply, View
from sysfuzz.spec.doors import forbids
from sysfuzz.spec.expect import Dispatch, Signal, State
from sysfuzz.spec.promise import REFERENCE, Promise

# The parting that a verdict of these oracles reports, among those of its op and cause.
_REPORTED: Mapping[str, Callable[[Parting], bool]] = {
    "attribute-lost": lambda p: p.field == "attributes" and bool(p.expected & ~p.actual),
    "attribute-gained": lambda p: p.field == "attributes" and bool(p.actual & ~p.expected),
    "process-flag": lambda p: p.field == MARK,
    "guard": lambda p: p.field == GUARD,
    "state-changed": lambda p: p.failed,
    "map": lambda p: p.field not in ("attributes", MARK, GUARD),
}
_OF_ENTRIES = ("escape", "blocked", "sigill-frame", "dispatch", "lock")
_LONGEST = 7  # bytes of an opcode: a core that sees less than the CPU looks for it this far around


class Tried(NamedTuple):
    """An attempt, what the core did about it, what it had to do, and the states before."""

    promise: Promise  # what it is judged by
    pid: int
    lwp: int
    attempt: Attempt
    reply: Reply
    decision: Dispatch | Signal
    states: tuple[State, ...]

    @property
    def state(self) -> State:
        """The process, as it must be."""
        return next((state for state in self.states if state.pid == self.pid), State(self.pid, False, {}))


class Scene(NamedTuple):
    """All that an explanation is made from."""

    case: Case
    verdict: Verdict  # as the oracle that saw it gave it, whether documents state it or not
    points: list[Point]  # from boot up to the verdict: the call that it is about, or what was before the attempt
    tried: Tried | None  # of the oracles of the kernel entry
    place: (
        Place | None
    )  # the page that mattered, or page -1 for its process as a whole, behind the last point; None: none does
    root: Parting | None  # where core and spec first parted over it
    cause: Point | None  # the call that did that; without a root, the one that kept a mark too long

    @property
    def point(self) -> Point:
        """The call that the verdict is about; of a verdict about an attempt, the one before it."""
        return self.points[-1]

    @property
    def field(self) -> str:
        """What of the page, or of the process, mattered."""
        if self.root is not None:
            return self.root.field
        if self.verdict.oracle == "lock":
            return EXACT_MARK
        return GUARD if self.place is not None and self.place.page < 0 else "attributes"

    @property
    def core(self) -> Sequence[View]:
        """The core's maps at the verdict."""
        return self.point.views


def find(case: Case, verdict: Verdict) -> Scene:
    """The scene of a verdict of `case`."""
    verdict = _plain(case, verdict)
    tried = _tried(case, verdict) if verdict.oracle in _OF_ENTRIES else None
    known = points(case)
    if tried is not None:
        known = [p for p in known if p.op < verdict.op or (p.op == verdict.op and 0 <= p.event < verdict.event)]
    else:
        known = known[: index_of(known, verdict.op, verdict.event) + 1]
    parting = _parting(case, verdict, tried)
    if parting is None:
        place = _entry_place(verdict, tried)
        kept = _since(known, place, EXACT_MARK) if verdict.oracle == "lock" and place is not None else len(known)
        return Scene(case, verdict, known, tried, place, None, known[kept] if kept < len(known) else None)
    if (
        verdict.oracle == "insane"
    ):  # which speaks at the end of the program: the page is where it was when the two parted
        known = known[: index_of(known, parting.op, parting.event) + 1]
    root = _root(case, known, parting)
    cause = known[index_of(known, root.op, root.event)]
    return Scene(case, verdict, known, tried, Place(parting.pid, parting.page), root, cause)


def index_of(known: Sequence[Point], op: int, event: int) -> int:
    """Index of the point of that event, or else of the op itself; the last before it if it has none."""
    for index, point in enumerate(known):
        if point.op == op and point.event in (event, -1):
            return index
    return sum(1 for point in known if point.op < op) - 1


def panicked_op(case: Case) -> int:
    """Index of the op that panicked; -1: the boot."""
    return len(case.outcome.steps) - 1 if case.outcome.boot else -1


def opcode_pages(attempt: Attempt) -> list[int]:
    """Numbers of the pages that hold an opcode byte, as the CPU read them."""
    mask = (1 << attempt.bits) - 1
    return sorted({(attempt.opcode + i & mask) // PAGE for i in range(max(attempt.size, 1))})


def flagged(tried: Tried) -> list[int]:
    """Those of them from which, by pages, no call may come: none on a design that goes by ranges or by places."""
    promise, state = tried.promise, tried.state
    if not wording(promise.name).by_pages:
        return []
    return [
        number
        for number in opcode_pages(tried.attempt)
        if (promise is not REFERENCE or number in state.pages)
        and forbids(promise, state.pages, state.guard, tried.lwp, number * PAGE)
    ]


def _plain(case: Case, verdict: Verdict) -> Verdict:
    """What the oracle said that saw what documents state; any other verdict is that already."""
    if verdict.oracle != BY_DESIGN:
        return verdict
    told = (verdict.op, verdict.event, verdict.cause, verdict.expected)
    for oracle in ORACLES.values():
        for plain in oracle(case):
            if (plain.op, plain.event, plain.cause, plain.expected) == told:
                return plain
    raise LookupError(f"no oracle says what is documented: {verdict.cause}")


def _tried(case: Case, verdict: Verdict) -> Tried | None:
    for op, number, pid, event, wanted, states in case.attempts():
        if (op, number) == (verdict.op, verdict.event):
            assert event.attempt is not None and event.reply is not None and wanted.decision is not None
            lwp = case.lwp(op)
            return Tried(case.promise, pid, lwp, event.attempt, event.reply, wanted.decision, states)
    return None


def _parting(case: Case, verdict: Verdict, tried: Tried | None) -> Parting | None:
    """The parting that `verdict` reports or blames."""
    same = [p for p in case.partings if p.cause == verdict.cause and (p.op, p.event) <= (verdict.op, verdict.event)]
    if verdict.oracle == "insane":
        return case.partings[0] if same else None
    if tried is None:
        fits = _REPORTED.get(verdict.oracle)
        at = [p for p in same if (p.op, p.event) == (verdict.op, verdict.event)]
        return next((p for p in at if fits(p)), None) if fits is not None else None
    opcode = tried.attempt.opcode
    near = range((opcode - _LONGEST) // PAGE, (opcode + _LONGEST) // PAGE + 1)
    own = [p for p in same if p.pid == tried.pid and (p.page in near or p.page < 0)]
    exact = set(flagged(tried) or opcode_pages(tried.attempt))
    return next((p for p in reversed(own) if p.page in exact), own[-1] if own else None)


def _entry_place(verdict: Verdict, tried: Tried | None) -> Place | None:
    """The page of the instruction, where no parting names one."""
    if tried is None:
        return None
    if verdict.oracle == "lock" or not wording(tried.promise.name).by_pages:
        return Place(tried.pid, -1)
    return Place(tried.pid, (flagged(tried) or opcode_pages(tried.attempt))[0])


def _root(case: Case, known: Sequence[Point], parting: Parting) -> Parting:
    """The parting that `parting` goes back to: a page that is wrong when it is moved or copied stays wrong for the same cause."""
    upto = known[: index_of(known, parting.op, parting.event) + 1]
    places = way(upto, Place(parting.pid, parting.page))
    first = _since(upto, places[-1], parting.field)
    for earlier in case.partings:
        here = index_of(known, earlier.op, earlier.event) == first and (earlier.pid, earlier.page) == places[first]
        if here and (earlier.cause, earlier.field) == (parting.cause, parting.field):
            return earlier
    return parting


def _since(known: Sequence[Point], place: Place, field: str) -> int:
    """Index of the first point since which core and spec have disagreed on the page that is at `place` behind the last."""
    places = way(known, place)
    first = len(known)
    while first and differs(known[first - 1], places[first - 1], field):
        first -= 1
    return first
