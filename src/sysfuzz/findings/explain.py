"""Why a program shows a bug: one run of it, looked at again from the verdict back to where core and spec parted.

`scene` finds what the worst verdict of the bucket is about, `life` tells what became of the page, `summary`, `facts` and `rulebook` have the
words. Here they are put together, with the entry, what was due, and the core's map on both sides of the parting.
"""

from collections.abc import Collection, Iterator, Sequence

from sysfuzz.findings.bucket import group, one_line
from sysfuzz.findings.designbook import IMMUTABLE
from sysfuzz.findings.explanation import Entered, Explanation, Moment, Row
from sysfuzz.findings.facts import facts, frame_differences, signal_differences
from sysfuzz.findings.instruction import instruction_of
from sysfuzz.findings.life import Code, life
from sysfuzz.findings.rule import Rule
from sysfuzz.findings.rulebook import RULES
from sysfuzz.findings.ruling import rule_of_answer, rule_of_door, rule_of_flags, rule_of_map
from sysfuzz.findings.scene import Scene, Tried, find, opcode_pages, panicked_op
from sysfuzz.findings.sides import both
from sysfuzz.findings.summary import summary, verb_of
from sysfuzz.findings.timeline import Place, arguments, before
from sysfuzz.findings.wording import answer, call_text, due, entry
from sysfuzz.oracles import judge
from sysfuzz.oracles.case import GUARD
from sysfuzz.oracles.judge import case_of
from sysfuzz.oracles.origin import family
from sysfuzz.program.ir import Mode, Program
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import Region, Reply, View
from sysfuzz.spec.expect import Dispatch, Signal
from sysfuzz.spec.promise import REFERENCE
from sysfuzz.targets.table import DESIGNS, Target

_NEAR = 16  # pages: what lies farther from the page has not merged with it, nor was it in its way
_MAX_WORDS = 300  # characters of a core that speaks for itself
_OF_DOORS = ("sysenter", "blocked", "check", "gates")  # rules of the kernel entry that a design states for itself
_MAX_ROWS = 6  # entries of a map that are shown


def explain(target: Target, program: Program, bucket: str) -> Explanation | None:
    """Explain `bucket` by a run of `program`, by its worst verdict; None if this run does not show it."""
    outcome = target.run(program)
    verdicts = group(judge(program, outcome, target.promise)).get(bucket)
    if verdicts is None:
        return None
    scene = find(case_of(verdicts[0], program, outcome, target.promise), verdicts[0])
    entered = _entered(target, scene)
    place = scene.place
    expected, actual = _expected(scene, entered)
    rows_before, rows_after = _maps(scene)
    return Explanation(
        bucket=bucket,
        oracle=verdicts[0].oracle,
        op=panicked_op(scene.case) if scene.verdict.oracle == "panic" else scene.verdict.op,
        event=scene.verdict.event,
        summary=summary(scene),
        expected=expected,
        actual=actual,
        pid=place.pid if place is not None else _pid(scene),
        page=place.page * PAGE if place is not None and place.page >= 0 else None,
        life=_life(scene, entered),
        entered=entered,
        rule=str(_rule(scene)),
        before=rows_before,
        after=rows_after,
        details=(*facts(scene), *_known(target, scene)),
    )


def _known(target: Target, scene: Scene) -> Iterator[str]:
    """What the design's documents, or those who have read its source, say about this already."""
    cause, promise = scene.verdict.cause, target.promise
    if promise.citation(cause):
        yield f"It is by design, and documented: {promise.citation(cause)}"
    design = DESIGNS.get(target.name)
    known = design.weakness(cause) if design is not None and promise is not REFERENCE else None
    if known is not None:
        yield f"Known of {target.name}, {known.known}: {known.summary} ({known.source})"


def _pid(scene: Scene) -> int:
    steps = scene.case.outcome.steps
    return steps[scene.verdict.op].pid if 0 <= scene.verdict.op < len(steps) else 1


# -- the entry --------------------------------------------------------------------------------------------------------


def _entered(target: Target, scene: Scene) -> Entered | None:
    tried = scene.tried
    if tried is None:
        return None
    found = instruction_of(target, scene.case.program, scene.verdict.op, tried.attempt)
    arguments_too = scene.verdict.oracle == "dispatch"
    return Entered(
        tried.attempt.start, found.code, found.text, _decided(tried.reply, arguments_too), _due(tried, arguments_too)
    )


def _decided(reply: Reply, arguments_too: bool) -> str:
    """What the core did about an attempt."""
    if reply.signal is not None:
        words = "/".join(filter(None, (reply.signal.signal, reply.signal.code)))
        return f"{words} @{reply.signal.addr:#x}"
    if not reply.call:
        return "nothing"
    return f"dispatched {call_text(reply.call, reply.args) if arguments_too else reply.call}"


def _due(tried: Tried, arguments_too: bool) -> str:
    """What it had to do."""
    decision = tried.decision
    if isinstance(decision, Dispatch):
        named = arguments_too and decision.args is not None
        return f"dispatched {call_text(decision.call, decision.args or ()) if named else decision.call}"
    words = "/".join(filter(None, (decision.signal or "a signal", decision.code)))
    return words if decision.addr is None else f"{words} @{decision.addr:#x}"


# -- the life ---------------------------------------------------------------------------------------------------------


def _life(scene: Scene, entered: Entered | None) -> tuple[Moment, ...]:
    """The life of the page up to the verdict, and the attempt as its end."""
    if scene.place is None:
        return _answered(scene)
    code = Code(entered.address, max(len(entered.code), 1)) if entered is not None else None
    moments = life(scene.points, scene.place, scene.field, code)
    if scene.tried is None:
        return moments
    return (*moments, _attempt(scene, scene.tried, scene.place))


def _answered(scene: Scene) -> tuple[Moment, ...]:
    """Where no page mattered: the call that was answered, with its answers for states."""
    verdict, point, case = scene.verdict, scene.point, scene.case
    if verdict.oracle in ("flag-accepted", "errno") and point.due is not None:
        core, spec = f"answers {answer(point.result)}", f"answers {due(point.due)}"
        return (Moment(point.op, point.event, _what(scene), core, spec, ""),)
    if verdict.oracle == "panic":
        op = panicked_op(case)
        if op < 0:
            return (Moment(-1, -1, "boot", "panics", "boots", ""),)
        what = call_text(case.program.ops[op].call, arguments(case, op))
        return (Moment(op, -1, what, "panics", _panic_due(scene), ""),)
    return ()


def _what(scene: Scene) -> str:
    """The call that was answered, and where code made it."""
    point = scene.point
    text = call_text(point.call, point.args)
    if point.event < 0:
        return text
    return f"{text} from {scene.case.outcome.steps[point.op].events[point.event].addr:#x}"


def _attempt(scene: Scene, tried: Tried, place: Place) -> Moment:
    """The attempt itself, with the state in which it met the page."""
    reply, at = tried.reply, tried.attempt.opcode if tried.attempt.gate else tried.attempt.start
    what = call_text(reply.call, reply.args) if reply.call else tried.attempt.gate or f"a {family(tried.attempt)}"
    did = "dispatched" if reply.call else "dropped without a word"
    if reply.signal is not None:
        did = f"answered with {reply.signal.signal}"
    decision = tried.decision
    goal = (decision.signal or "a signal") if isinstance(decision, Signal) else "the call"
    wrong = isinstance(decision, Signal) != (reply.signal is not None)
    note = f"{did}, where {goal} is due" if wrong else did
    now = both(scene.point, place, scene.field)
    return Moment(scene.verdict.op, scene.verdict.event, f"{what} from {at:#x}", now.core, now.spec, note)


# -- expected and actual ----------------------------------------------------------------------------------------------


def _expected(scene: Scene, entered: Entered | None) -> tuple[str, str]:
    """What must have happened, and what did, each as a clause."""
    verdict, tried, point = scene.verdict, scene.tried, scene.point
    if verdict.oracle == "lock":
        return "the entry is decided without the map lock", "the core takes the map lock"
    if tried is not None and entered is not None:
        due_too, actual_too = _frames(tried, scene.case.program.mode)
        returned = _returned(tried) if tried.reply.call else ""
        return _clause(entered.due) + due_too, _clause(entered.decided) + returned + actual_too
    if verdict.oracle in ("flag-accepted", "errno") and point.due is not None:
        return f"{point.call} answers {due(point.due)}", f"it answers {answer(point.result)}"
    if scene.place is not None:
        now = both(point, scene.place, scene.field)
        if not now.agree and scene.field == GUARD:
            return f"the guard of process {scene.place.pid} is '{now.spec}'", f"in the core it is '{now.core}'"
        if not now.agree:
            place = scene.place
            name = f"page {place.page * PAGE:#x} of process {place.pid}" if place.page >= 0 else f"process {place.pid}"
            return f"{name} is {now.spec}", f"the core holds it as {now.core}"
    if verdict.oracle == "panic":
        op = panicked_op(scene.case)
        call = scene.case.program.ops[op].call if op >= 0 else "the kernel"
        return f"{call} {_panic_due(scene)}", "the kernel panics"
    return verdict.expected, one_line(verdict.actual)[:_MAX_WORDS]


def _clause(decision: str) -> str:
    """A decision, in the words of `Entered`, as a clause."""
    if decision.startswith("dispatched "):
        return f"{decision.removeprefix('dispatched ')} is dispatched"
    return decision.replace(" @", " with si_addr ")


def _frames(tried: Tried, mode: Mode) -> tuple[str, str]:
    """What both clauses say of the frame: its parts that differ, if signal, code and si_addr, which the clauses name anyway, do not."""
    wanted, got = tried.decision, tried.reply.signal
    if got is None or not isinstance(wanted, Signal) or signal_differences(wanted, got):
        return "", ""
    wrong = frame_differences(wanted, got, mode)
    return (
        "".join(f" and {part.name} {part.due}{part.where}" for part in wrong),
        "".join(f" and {part.name} {part.actual}{part.where}" for part in wrong),
    )


def _returned(tried: Tried) -> str:
    """What became of a call that was dispatched, if its LWP went on."""
    return "" if tried.reply.ends else f" and returns {answer(tried.reply.result)}"


def _panic_due(scene: Scene) -> str:
    """What a correct kernel does at the op that panics."""
    case, op = scene.case, panicked_op(scene.case)
    if op < 0:
        return "boots"
    return "goes on" if case.program.ops[op].call == "run" else f"answers {due(case.expected.steps[op].result)}"


# -- the rule ---------------------------------------------------------------------------------------------------------


def _rule(scene: Scene) -> Rule:
    verdict, tried, point = scene.verdict, scene.tried, scene.point
    bits = LAYOUTS[scene.case.program.mode].bits
    if verdict.oracle == "state-changed":
        return RULES["unchanged"]
    if scene.root is not None and scene.cause is not None:
        return rule_of_map(scene.cause.name, scene.root.field, verb_of(scene.root), scene.case.promise.name)
    if verdict.oracle == "flag-accepted":
        return rule_of_flags(str(point.due))
    if verdict.oracle == "errno":
        errno = point.due if isinstance(point.due, str) else point.result
        if scene.case.promise.name == "pinsyscalls" and errno == "EPERM" and point.name != "pinsyscalls":
            return IMMUTABLE
        return rule_of_answer(point.name, point.numbers, errno, bits)
    if verdict.oracle == "panic":
        return _panic_rule(scene, bits)
    if tried is None:
        return RULES["sane"]
    key = _entry_rule(verdict.oracle, tried)
    of_door = key in _OF_DOORS or family(tried.attempt) == "vsyscall"
    return rule_of_door(tried.promise.name, key) if of_door else RULES[key]


def _entry_rule(oracle: str, tried: Tried) -> str:
    gate = tried.attempt.gate
    if oracle == "lock":
        return "lock"
    if isinstance(tried.decision, Signal) and tried.decision.unfetched:
        return "fetch"
    if oracle == "dispatch":
        assert isinstance(tried.decision, Dispatch)
        return "number" if tried.decision.call != tried.reply.call else "arguments"
    if gate == "sysenter":
        return "sysenter" if isinstance(tried.decision, Signal) else "gates"
    if oracle == "sigill-frame":
        return "blocked" if gate else "fault"
    return "check" if gate else "gates"


def _panic_rule(scene: Scene, bits: int) -> Rule:
    case, op = scene.case, panicked_op(scene.case)
    call = case.program.ops[op].call if op >= 0 else ""
    if call in ("", "run"):
        return RULES["return" if call else "born"]
    numbers = [arg if isinstance(arg, int) else 0 for arg in arguments(case, op)]
    return rule_of_answer(call, numbers, case.expected.steps[op].result, bits)


# -- the maps ---------------------------------------------------------------------------------------------------------


def _maps(scene: Scene) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """The core's map around the page on both sides of the parting; where nothing parted, as it is at the verdict."""
    if scene.place is None:
        return (), ()
    if scene.root is None or scene.cause is None:
        page = scene.place.page
        near = {page} if page >= 0 else _near(scene, scene.place.pid)
        return _rows(scene.core, scene.place.pid, page, near), ()
    root, cause = scene.root, scene.cause
    index = scene.points.index(cause)
    here = Place(root.pid, root.page)
    there = before(cause, here)
    # Both places in both tables: what was in the way of a page that moves, what is left where it came from.
    near = {here.page, there.page} if here.page >= 0 else _near(scene, root.pid)
    views = scene.points[index - 1].views if index else ()
    return _rows(views, there.pid, there.page, near), _rows(cause.views, here.pid, here.page, near)


def _near(scene: Scene, pid: int) -> set[int]:
    """Numbers of the pages that matter to a process as a whole: those of the instruction, to its guard; to its mark, those with an attribute."""
    if scene.field == GUARD:
        return set(opcode_pages(scene.tried.attempt)) if scene.tried is not None else set()
    pages = next((state.pages for state in scene.point.states if state.pid == pid), {})
    return {number for number, page in pages.items() if page.attributes}


def _rows(views: Sequence[View], pid: int, page: int, near: Collection[int]) -> tuple[Row, ...]:
    """The entries of the map of `pid` that are nearest to the pages `near`; marked is what holds `page`, or any attribute if that is -1."""
    regions = [region for view in views if view.pid == pid for region in view.regions]

    def distance(region: Region) -> int:
        first, last = region.start // PAGE, (region.end - 1) // PAGE
        return min(max(first - number, number - last, 0) for number in near)

    close = sorted((distance(region), region.start) for region in regions) if near else []
    chosen = {start for far, start in close[:_MAX_ROWS] if far <= _NEAR}
    rows = []
    for region in regions:
        if region.start in chosen:
            holds = region.start < (page + 1) * PAGE and page * PAGE < region.end
            here = holds if page >= 0 else bool(region.attributes)
            rows.append(Row(pid, region.start, region.end, entry(region), here))
    return tuple(rows)
