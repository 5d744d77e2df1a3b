"""The canaries of the planted weaknesses: what they say of a run agrees with how it differs from the reference's."""

from functools import cache
from pathlib import Path

import pytest

from sysfuzz.bench.weaknesses import WEAKNESSES, target
from sysfuzz.bench.weaknesses.canary import CANARY, instead, passed
from sysfuzz.oracles import judge
from sysfuzz.program.text import load
from sysfuzz.targets.table import get

PROGRAMS = Path(__file__).parent.parent / "weaknesses"
EACH = pytest.mark.parametrize("name", WEAKNESSES)
REFERENCE = get("nosyscalls")

# Where nothing may come of a wrong answer: what is clipped off is unmapped at once.
HARMLESS_AT_TIMES = {"clip_loses"}


@cache
def programs():
    return [load(PROGRAMS / f"{name}.prog").program for name in WEAKNESSES]


@cache
def sound():
    return [seen(REFERENCE.run(program)) for program in programs()]


def seen(outcome):
    """What a process could notice of a run: no transitions, no locks taken, no boundaries between pages that are alike."""
    return (
        outcome.panic,
        outcome.insane,
        [(step.result, list(map(event, step.events)), views(step.views)) for step in outcome.steps],
    )


def event(one):
    reply = one.reply and one.reply._replace(locked=False)
    return one.kind, one.addr, one.attempt, reply, views(one.views)


def views(given):
    return [(view.pid, view.marked, joined(view.regions)) for view in given]


def joined(regions):
    out = []
    for start, end, *rest in regions:
        if out and out[-1][1:] == [start, rest]:
            out[-1][1] = end
        else:
            out.append([start, end, rest])
    return out


def run(weak, program):
    """(reached, triggered, outcome) of one run."""
    CANARY.reset()
    outcome = weak.run(program)
    return CANARY.reached, CANARY.triggered, outcome


@EACH
def test_its_program_passes_all_three_marks(name):
    """The smallest program that shows a weakness reaches it, triggers it, and is judged."""
    program = load(PROGRAMS / f"{name}.prog").program
    reached, triggered, outcome = run(target(name), program)
    assert (reached, triggered, bool(judge(program, outcome))) == (True, True, True)


@EACH
def test_it_is_triggered_where_the_run_differs(name):
    """Of the programs of all weaknesses, those trigger this one whose run is not the reference's; what is triggered was reached."""
    weak = target(name)
    for program, due in zip(programs(), sound(), strict=True):
        reached, triggered, outcome = run(weak, program)
        differs = seen(outcome) != due
        assert reached or not triggered
        assert triggered or not differs
        assert differs or not triggered or name in HARMLESS_AT_TIMES


def test_the_reference_has_no_canary():
    """No program marks anything there."""
    for program in programs():
        assert run(REFERENCE, program)[:2] == (False, False)


@pytest.mark.parametrize(("differs", "marks"), [(False, (True, False)), (True, (True, True))])
def test_passing_marks(differs, marks):
    """Faulty code that runs is reached, and triggered if it makes a difference."""
    CANARY.reset()
    passed(differs)
    assert (CANARY.reached, CANARY.triggered) == marks


def test_marks_stay_until_they_are_reset():
    """One harmless passage does not undo what another has marked."""
    CANARY.reset()
    passed(True)
    passed(False)
    assert CANARY.triggered
    CANARY.reset()
    assert (CANARY.reached, CANARY.triggered) == (False, False)


@pytest.mark.parametrize(("sound_answer", "weak_answer"), [(1, 1), (1, 2), ("EINVAL", 0), (True, False)])
def test_the_weak_answer_is_given(sound_answer, weak_answer):
    """It is the one that counts, and triggered tells whether it is the other."""
    CANARY.reset()
    assert instead(sound_answer, weak_answer) is weak_answer
    assert CANARY.triggered == (sound_answer != weak_answer)
