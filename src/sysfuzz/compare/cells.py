"""What one program shows of one target: for each class that it is about, one of four words.

Verdicts come first: what escapes, or is as the design documents, shows by itself. Where there is none, the program has to have tried: its last
run was refused as it had to be, or let in as nobody promised otherwise. What neither shows nor was tried is not said at all.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from sysfuzz.compare.classify import class_of, class_of_place
from sysfuzz.compare.scenario import Scenario
from sysfuzz.oracles.case import Case
from sysfuzz.oracles.judge import BY_DESIGN, judge
from sysfuzz.oracles.origin import circumstances, family
from sysfuzz.oracles.verdict import Verdict
from sysfuzz.program.ir import SPECIAL
from sysfuzz.program.outcome import PANIC, Event, Outcome
from sysfuzz.spec.expect import Dispatch, Expected, ExpectedEvent, Signal, accepts
from sysfuzz.spec.follow import follow
from sysfuzz.targets.table import Target

Word = Literal["escapes", "by design", "blocked", "not applicable"]
# A cell is the first that any program shows.
WORDS: tuple[Word, ...] = ("escapes", "by design", "blocked", "not applicable")

_NOSYS = "ENOSYS"
_ANSWERED = ("C19", "C20")  # classes that a right errno is an answer to
_GAINED = "C9"
# Oracles of what an entry has shown; what others say has not come to that in this program.
_ENTRIES = ("escape", "blocked")


class Sight(NamedTuple):
    """What was seen: class ("" if none fits), word, and why: a cause, a citation, or nothing."""

    id: str
    word: Word
    why: str = ""
    # A kernel entry was let in, or refused, that should not have been: not only what will make it so.
    entry: bool = False


def sights(scenario: Scenario, target: Target) -> list[Sight]:
    """Run a scenario on a target: what it shows, each once."""
    outcome = target.run(scenario.program)
    return seen(scenario, target, outcome, judge(scenario.program, outcome, target.promise))


def seen(scenario: Scenario, target: Target, outcome: Outcome, verdicts: list[Verdict]) -> list[Sight]:
    """What the outcome of a scenario on a target, and the verdicts on it, show: each once."""
    program = scenario.program
    if scenario.needs and _lacks(scenario, outcome):
        return []
    found = list(shown(verdicts, target, scenario.stated))
    if scenario.stated:
        found += _tried(scenario, outcome, follow(program, outcome, target.promise))
    else:
        found += _refused(Case(program, outcome, follow(program, outcome, target.promise), target.promise))
    return list(dict.fromkeys(found))


def shown(verdicts: list[Verdict], target: Target, stated: str = "") -> Iterator[Sight]:
    """What verdicts about `target` say; `stated` is the class of those that say none by themselves."""
    for verdict in verdicts:
        name = class_of(verdict) or (stated if verdict.oracle in ("escape", BY_DESIGN) else "")
        if verdict.oracle == BY_DESIGN:
            yield Sight(name, "by design", target.promise.citation(verdict.cause))
        else:
            yield Sight(name, "escapes", verdict.cause, verdict.oracle in _ENTRIES)


def _lacks(scenario: Scenario, outcome: Outcome) -> bool:
    """Whether the target does not have the call that the scenario needs."""
    steps = zip(scenario.program.ops, outcome.steps, strict=False)
    return any(op.call == scenario.needs and step.result == _NOSYS for op, step in steps)


def _tried(scenario: Scenario, outcome: Outcome, expected: Expected) -> Iterator[Sight]:
    """What the last run, and the errors before it, say about the class that the scenario is about."""
    runs = [index for index, op in enumerate(scenario.program.ops) if op.call == "run"]
    if runs and runs[-1] < len(outcome.steps):
        events = zip(outcome.steps[runs[-1]].events, expected.steps[runs[-1]].events, strict=False)
        pairs = list(events)
        if scenario.stated == _GAINED:
            if any(_passed(*pair) for pair in pairs):
                yield Sight(_GAINED, "blocked")
        elif scenario.allowed and any(_passed(*pair) for pair in pairs):
            yield Sight(scenario.stated, "by design", scenario.allowed)
        elif any(_is_refused(*pair) for pair in pairs):
            yield Sight(scenario.stated, "blocked")
    if scenario.stated in _ANSWERED and _is_answered(scenario, outcome, expected):
        yield Sight(scenario.stated, "blocked")


def _is_answered(scenario: Scenario, outcome: Outcome, expected: Expected) -> bool:
    """Whether a call that arms has failed as it had to."""
    for op, step, wanted in zip(scenario.program.ops, outcome.steps, expected.steps, strict=False):
        if op.call in SPECIAL or op.call == "mmap":
            result = step.result
            if isinstance(result, str) and result not in (_NOSYS, PANIC) and accepts(wanted.result, result):
                return True
    return False


def _passed(event: Event, wanted: ExpectedEvent) -> bool:
    """Whether a call was let in, as it had to be."""
    return isinstance(wanted.decision, Dispatch) and event.reply is not None and bool(event.reply.call)


def _is_refused(event: Event, wanted: ExpectedEvent) -> bool:
    """Whether an entry was refused, as it had to be."""
    decision, attempt, reply = wanted.decision, event.attempt, event.reply
    if attempt is None or reply is None or not attempt.gate or reply.call:
        return False
    return isinstance(decision, Signal) and not decision.unfetched


def _refused(case: Case) -> Iterator[Sight]:
    """The classes of all entries that were refused as they had to be, of a program that does not say what it is about."""
    for op, number, _, event, wanted, _ in case.attempts():
        if _is_refused(event, wanted):
            assert event.attempt is not None
            name = class_of_place(family(event.attempt), circumstances(case, op, number, ""))
            if name:
                yield Sight(name, "blocked")
