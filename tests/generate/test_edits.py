"""Mutations of the sequence do what their names say."""

from collections import Counter
from random import Random

from sysfuzz.generate import edits
from sysfuzz.generate.fresh import fresh
from sysfuzz.generate.subject import Subject
from sysfuzz.generate.vital import vital
from sysfuzz.program.ir import Op, Program, Ref

PROGRAMS = [fresh(Random(seed)) for seed in range(300)]


def calls(program: Program) -> list[str]:
    """The names of the calls, in order."""
    return [op.call for op in program.ops]


def test_insertion_keeps_all_ops() -> None:
    """What was there is still there, in its order."""
    for seed, program in enumerate(PROGRAMS):
        subject = Subject(program, Random(seed))
        edits.insert_op(subject)
        changed = calls(subject.program())
        assert len(program.ops) < len(changed) <= len(program.ops) + 4
        rest = iter(changed)
        assert all(call in rest for call in calls(program))


def test_deletion_takes_what_the_last_run_can_do_without() -> None:
    """Others stay in their order, and in most cases all that the last run needs; where that is everything, an op may come instead."""
    spared = deleted = 0
    for seed, program in enumerate(PROGRAMS):
        subject = Subject(program, Random(seed))
        edits.delete_ops(subject)
        changed = calls(subject.program())
        needed = vital(program.ops)
        if len(changed) >= len(program.ops):
            assert len(needed) == len(program.ops)
            continue
        deleted += 1
        rest = iter(calls(program))
        assert all(call in rest for call in changed)
        assert changed
        without = Counter(calls(program)) - Counter(changed)
        dispensable = Counter(op.call for index, op in enumerate(program.ops) if index not in needed)
        spared += without <= dispensable
    assert deleted > 0.8 * len(PROGRAMS)
    assert spared > 0.75 * deleted
    subject = Subject(Program(ops=(Op("fork"),)), Random(0))
    edits.delete_ops(subject)
    assert subject.ops == [Op("fork")]


def test_duplication_adds_one_equal_op() -> None:
    """The copy stands behind the original."""
    for seed, program in enumerate(PROGRAMS):
        subject = Subject(program, Random(seed))
        edits.duplicate_op(subject)
        added = Counter(calls(subject.program())) - Counter(calls(program))
        assert sum(added.values()) == 1
    subject = Subject(Program(ops=(Op("fork"), Op("as", (Ref(0), 0)))), Random(1))
    edits.duplicate_op(subject)
    assert subject.ops in (
        [Op("fork"), Op("fork"), Op("as", (Ref(0), 0))],
        [Op("fork"), Op("as", (Ref(0), 0)), Op("fork")],
        [Op("fork"), Op("as", (Ref(0), 0)), Op("as", (Ref(0), 0))],
    )


def test_swapping_keeps_the_ops() -> None:
    """The same calls in another order."""
    for seed, program in enumerate(PROGRAMS):
        subject = Subject(program, Random(seed))
        edits.swap_ops(subject)
        changed = calls(subject.program())
        assert sorted(changed) == sorted(calls(program))
        assert sum(a != b for a, b in zip(changed, calls(program), strict=True)) in (0, 2)


def test_replacement_keeps_the_other_ops() -> None:
    """One op gives way to one or a few."""
    for seed, program in enumerate(PROGRAMS):
        subject = Subject(program, Random(seed))
        edits.replace_op(subject)
        changed, before = calls(subject.program()), calls(program)
        more = len(changed) - len(before)
        assert 0 <= more <= 3
        assert any(
            changed[:at] + changed[at + more + 1 :] == before[:at] + before[at + 1 :] for at in range(len(before))
        )


def test_an_idiom_ends_in_a_run_or_a_look() -> None:
    """It is spliced in as a whole, with its poke and run, or its peeks."""
    for seed, program in enumerate(PROGRAMS):
        subject = Subject(program, Random(seed))
        edits.insert_idiom(subject)
        added = Counter(calls(subject.program())) - Counter(calls(program))
        assert added["run"] >= 1 or added["peek"] >= 1
        assert sum(added.values()) >= 3


def test_a_splice_comes_from_the_other_program() -> None:
    """Its calls stand in a row somewhere; without another program an op is doubled instead."""
    for seed, program in enumerate(PROGRAMS):
        other = PROGRAMS[(seed * 7 + 1) % len(PROGRAMS)]
        subject = Subject(program, Random(seed), other)
        edits.splice(subject)
        changed, before = calls(subject.program()), calls(program)
        length = len(changed) - len(before)
        assert 1 <= length <= 8
        stretches = [calls(other)[at : at + length] for at in range(len(other.ops) - length + 1)]
        assert any(
            changed[:at] + changed[at + length :] == before and changed[at : at + length] in stretches
            for at in range(len(before) + 1)
        )
    subject = Subject(PROGRAMS[0], Random(0))
    edits.splice(subject)
    assert len(subject.ops) == len(PROGRAMS[0].ops) + 1
