"""The search for more: repeatable, and what it shrinks still shows what it did."""

from random import Random

from sysfuzz.compare.cells import sights
from sysfuzz.compare.classes import CLASSES
from sysfuzz.compare.matrix import Cell, Matrix
from sysfuzz.compare.scenario import Scenario, library
from sysfuzz.compare.search import explore, shrink
from sysfuzz.minimise.order import is_smaller
from sysfuzz.oracles import Verdict, judge
from sysfuzz.program.ir import Program
from sysfuzz.program.outcome import Outcome
from sysfuzz.program.text import parse
from sysfuzz.targets import table
from sysfuzz.targets.table import Target

TARGETS = {name: table.get(name) for name in ("nosyscalls", "nosyscalls-2011", "sud")}
SEEDS = [found for found in library() if found.stated in ("C1", "C8", "C10")]


def run(target: Target, program: Program) -> tuple[Outcome, list[Verdict]]:
    """A run and its verdicts."""
    outcome = target.run(program)
    return outcome, judge(program, outcome, target.promise)


def cells(matrix: Matrix) -> list[Cell]:
    """All cells, in order."""
    return [matrix.cell(name, target) for name in CLASSES for target in matrix.targets]


def test_the_same_dice_make_the_same_matrix() -> None:
    """Changed programs depend on the generator alone; what is sound stays so."""
    made = []
    for _ in range(2):
        matrix = Matrix(list(TARGETS))
        assert explore(matrix, TARGETS, SEEDS, run, Random(7), lambda made: made < 150) == 150
        made.append(cells(matrix))
    assert made[0] == made[1]
    words = {cell.word for name in CLASSES for cell in [matrix.cell(name, "nosyscalls")]}
    assert words == {"not applicable"}
    assert matrix.count("escapes") > 0


def test_what_is_shrunk_shows_the_same() -> None:
    """A cell's word and cause stay, its program gets smaller; what no verdict shows is left alone."""
    matrix = Matrix(list(TARGETS))
    for seed in library():
        if seed.stated in ("C5", "C8", "C10"):
            for name, target in TARGETS.items():
                matrix.add(name, seed, sights(seed, target))
    before = cells(matrix)
    assert shrink(matrix, TARGETS, run, 200) > 0
    changed = 0
    for old, new in zip(before, cells(matrix), strict=True):
        assert (new.word, new.entry) == (old.word, old.entry)
        if new.scenario != old.scenario:
            assert old.scenario is not None
            assert new.scenario is not None
            assert is_smaller(new.scenario.program, old.scenario.program)
            changed += 1
        elif old.word == "escapes":
            raise AssertionError(f"{old} was not shrunk")
    assert changed >= 2
    assert matrix.cell("C5", "sud").scenario == next(seed for seed in library() if seed.stated == "C5")


def test_shrinking_stops_when_told() -> None:
    """Nothing is run any more."""
    matrix = Matrix(["nosyscalls-2011"])
    seed = Scenario(parse("mmap(0, 0, PROT_NONE, MAP_ANON|0x8, -1, 0)\n").program, "here")
    matrix.add("nosyscalls-2011", seed, sights(seed, TARGETS["nosyscalls-2011"]))
    assert shrink(matrix, {"nosyscalls-2011": TARGETS["nosyscalls-2011"]}, run, 200, lambda: True) == 0
    assert matrix.cell("C19", "nosyscalls-2011").scenario == seed
