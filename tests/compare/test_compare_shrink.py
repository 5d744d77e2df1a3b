"""Smaller programs for a matrix: each says what its cell said, and what vouches for the class still does."""

import pytest

from sysfuzz.compare.cells import Sight, shown, sights
from sysfuzz.compare.classes import CLASSES
from sysfuzz.compare.matrix import Cell, Matrix
from sysfuzz.compare.scenario import Scenario, library
from sysfuzz.compare.shrink import shrink
from sysfuzz.minimise.order import is_smaller
from sysfuzz.oracles import Verdict, judge
from sysfuzz.program.ir import Program
from sysfuzz.program.outcome import Outcome
from sysfuzz.program.text import parse
from sysfuzz.targets import table
from sysfuzz.targets.table import Target

TARGETS = {name: table.get(name) for name in ("nosyscalls", "nosyscalls-2011", "sud")}
CLASSES_TRIED = ("C1", "C5", "C8", "C17")


def run(target: Target, program: Program) -> tuple[Outcome, list[Verdict]]:
    """A run and its verdicts."""
    outcome = target.run(program)
    return outcome, judge(program, outcome, target.promise)


def cells(matrix: Matrix) -> dict[tuple[str, str], Cell]:
    """All cells, in order."""
    return {(name, target): matrix.cell(name, target) for name in CLASSES for target in matrix.targets}


@pytest.fixture(scope="module")
def shrunk() -> tuple[dict[tuple[str, str], Cell], dict[tuple[str, str], Cell]]:
    """The cells of some classes, before and after."""
    matrix = Matrix(list(TARGETS))
    for seed in library():
        if seed.stated in CLASSES_TRIED:
            for name, target in TARGETS.items():
                matrix.add(name, seed, sights(seed, target))
    before = cells(matrix)
    assert shrink(matrix, TARGETS, run, 250) > 0
    return before, cells(matrix)


Shrunk = tuple[dict[tuple[str, str], Cell], dict[tuple[str, str], Cell]]


def test_what_is_shrunk_shows_the_same(shrunk: Shrunk) -> None:
    """A cell's word stays, its program gets smaller, and makes the same cell when it is given."""
    before, after = shrunk
    for key, old in before.items():
        new = after[key]
        assert (new.word, new.entry) == (old.word, old.entry)
        if old.scenario is None:
            continue
        assert new.scenario is not None
        assert is_smaller(new.scenario.program, old.scenario.program), key
        again = {(sight.id, sight.word, sight.entry) for sight in sights(new.scenario, TARGETS[key[1]])}
        assert (key[0], new.word, new.entry) in again


def test_an_entry_may_vouch_for_its_class_by_its_place(shrunk: Shrunk) -> None:
    """What is refused at the edge of a region is told to be that without a header, and is as small as what escapes there."""
    found = shrunk[1]["C1", "nosyscalls"].scenario
    assert found is not None
    assert len(found.program.ops) == 4
    assert Sight("C1", "blocked") in sights(Scenario(found.program, "bare"), TARGETS["nosyscalls"])


@pytest.mark.parametrize(("name", "target", "witness"), [("C8", "nosyscalls", "nosyscalls-2011")])
def test_another_target_may_vouch_for_it(shrunk: Shrunk, name: str, target: str, witness: str) -> None:
    """What a target withstands is what another does not: the small program still gets past that one."""
    found = shrunk[1][name, target].scenario
    assert found is not None
    assert len(found.program.ops) == 4
    there = shown(run(TARGETS[witness], found.program)[1], TARGETS[witness])
    assert (name, "escapes") in {(sight.id, sight.word) for sight in there}


@pytest.mark.parametrize(("name", "target"), [("C5", "sud"), ("C5", "nosyscalls"), ("C17", "nosyscalls")])
def test_a_story_loses_only_what_its_target_does_not_have(shrunk: Shrunk, name: str, target: str) -> None:
    """Where nothing vouches for the class, all that goes is what answered ENOSYS."""
    old, new = (cells[name, target].scenario for cells in shrunk)
    assert old is not None
    assert new is not None
    steps = TARGETS[target].run(old.program).steps
    kept = [op for op, step in zip(old.program.ops, steps, strict=True) if step.result != "ENOSYS"]
    assert len(kept) < len(old.program.ops)
    assert list(new.program.ops) == kept


def test_the_budget_holds() -> None:
    """Of few executions a cell, few are made."""
    matrix = Matrix(["nosyscalls-2011"])
    for seed in library():
        matrix.add("nosyscalls-2011", seed, sights(seed, TARGETS["nosyscalls-2011"]))
    asked = sum(cell.scenario is not None for cell in cells(matrix).values())
    # A few more than five: whether a place vouches, what the target lacks, and the smaller program once more.
    assert shrink(matrix, {"nosyscalls-2011": TARGETS["nosyscalls-2011"]}, run, 5) <= asked * (5 + 4)


def test_shrinking_stops_when_told() -> None:
    """Nothing is run any more."""
    matrix = Matrix(["nosyscalls-2011"])
    seed = Scenario(parse("mmap(0, 0, PROT_NONE, MAP_ANON|0x8, -1, 0)\n").program, "here")
    matrix.add("nosyscalls-2011", seed, sights(seed, TARGETS["nosyscalls-2011"]))
    assert shrink(matrix, {"nosyscalls-2011": TARGETS["nosyscalls-2011"]}, run, 200, lambda: True) == 0
    assert matrix.cell("C19", "nosyscalls-2011").scenario == seed
