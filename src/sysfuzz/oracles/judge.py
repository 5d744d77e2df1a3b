"""All oracles over one outcome; the way from a run to its verdicts.

Nearly every run is as it must be, so that is asked first and as a whole; only where the answer is no do the oracles look closer.
"""

from collections.abc import Callable, Iterator, Mapping

from sysfuzz.oracles import calls, core, entries
from sysfuzz.oracles.case import Case
from sysfuzz.oracles.verdict import Verdict
from sysfuzz.program.ir import Program
from sysfuzz.program.outcome import Outcome
from sysfuzz.spec.compare import Matcher
from sysfuzz.spec.expect import Dispatch, Expected, accepts
from sysfuzz.spec.follow import follow
from sysfuzz.spec.promise import REFERENCE, Promise

BY_DESIGN = (
    "by-design"  # the oracle of what a design documents: no bug of the core, and nothing that its users may overlook
)

Oracle = Callable[[Case], Iterator[Verdict]]

# By name; in this order verdicts are given.
ORACLES: Mapping[str, Oracle] = {
    "panic": core.panic,
    "escape": entries.escape,
    "attribute-lost": calls.attribute_lost,
    "attribute-gained": calls.attribute_gained,
    "process-flag": calls.process_flag,
    "guard": calls.guard_differs,
    "flag-accepted": calls.flag_accepted,
    "sigill-frame": entries.frame,
    "dispatch": entries.dispatch,
    "state-changed": calls.state_changed,
    "map": calls.map_differs,
    "errno": calls.errno,
    "blocked": entries.blocked,
    "lock": entries.lock,
    "insane": core.insane,
}


def judge(program: Program, outcome: Outcome, promise: Promise = REFERENCE) -> list[Verdict]:
    """Every violation of `promise` that `outcome`, the outcome of running `program`, shows; [] if there is none.

    What the design's own documents state is a verdict of the oracle "by-design", whichever oracle saw it. Where they say what is so instead,
    that is the measure, so that nothing hides behind it; what the strongest reading has against just that is told last.
    """
    verdicts = [_sorted_out(verdict, promise) for verdict in _violations(program, outcome, promise)]
    if promise.newborns_are_bare and any(view.guard for step in outcome.steps for view in step.views):
        strict = [_sorted_out(verdict, promise) for verdict in _violations(program, outcome, promise.strict())]
        verdicts += [verdict for verdict in strict if verdict.oracle == BY_DESIGN]
    return verdicts


def case_of(verdict: Verdict, program: Program, outcome: Outcome, promise: Promise) -> Case:
    """The case that a verdict of `judge` was found in."""
    reading = promise.strict() if verdict.oracle == BY_DESIGN else promise
    return Case(program, outcome, follow(program, outcome, reading), reading)


def _violations(program: Program, outcome: Outcome, promise: Promise) -> list[Verdict]:
    expected = follow(program, outcome, promise)
    if outcome.panic is None and not outcome.insane and as_expected(outcome, expected):
        return []
    case = Case(program, outcome, expected, promise)
    return [verdict for oracle in ORACLES.values() for verdict in oracle(case)]


def _sorted_out(verdict: Verdict, promise: Promise) -> Verdict:
    """The verdict, or what it becomes if documents state it."""
    citation = promise.citation(verdict.cause)
    if not citation:
        return verdict
    return verdict._replace(oracle=BY_DESIGN, actual=f"{verdict.actual} (documented: {citation})")


def as_expected(outcome: Outcome, expected: Expected) -> bool:
    """Whether results, decisions and maps are all what the spec says."""
    agree = Matcher().agree
    states, views = expected.boot, outcome.boot
    if not agree(states, views):
        return False
    for step, wanted in zip(outcome.steps, expected.steps, strict=True):
        if not accepts(wanted.result, step.result):
            return False
        for event, goal in zip(step.events, wanted.events, strict=True):
            decision, reply = goal.decision, event.reply
            if decision is None or reply is None:
                if event.attempt is not None:
                    return False
            elif not entries.same(event, decision) or (
                isinstance(decision, Dispatch)
                and not (
                    accepts(decision.result, reply.result)
                    and agree(goal.states, event.views)
                    and (goal.marked or not reply.locked)
                )
            ):
                return False
        if wanted.states is states and step.views is views:
            continue  # neither side has moved
        states, views = wanted.states, step.views
        if not agree(states, views):
            return False
    return True
