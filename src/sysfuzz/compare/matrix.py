"""The matrix: class by target, each cell with its word and the smallest program that shows it.

What is seen is added in any order and makes the same matrix. Knows neither how programs are run nor how a matrix looks.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sysfuzz.compare.cells import WORDS, Sight, Word
from sysfuzz.compare.classes import CLASSES
from sysfuzz.compare.scenario import Scenario
from sysfuzz.minimise.order import is_smaller

LACKING = "the model of the design has nothing for it, or no program has tried it"


class Cell(NamedTuple):
    """One answer. `scenario` is None, and `why` says why, where there is none."""

    word: Word
    why: str
    scenario: Scenario | None = None
    entry: bool = False  # as of cells.Sight


class Matrix:
    """What the programs so far have shown of some targets."""

    def __init__(self, targets: Sequence[str]) -> None:
        """`targets` are names, in the order of the columns."""
        self.targets = tuple(targets)
        self.others: dict[tuple[str, str], Scenario] = {}  # what has no class, by target and cause
        self._cells: dict[tuple[str, str], Cell] = {}

    def add(self, target: str, scenario: Scenario, seen: Iterable[Sight]) -> bool:
        """Note what a scenario shows of a target; whether a cell has changed."""
        changed = False
        for name, word, why, entry in seen:
            if not name:
                changed = self._add_other(target, why, scenario) or changed
                continue
            known, cell = self._cells.get((name, target)), Cell(word, why, scenario, entry)
            if known is None or _is_better(cell, known):
                self._cells[name, target] = cell
                changed = True
        return changed

    def _add_other(self, target: str, cause: str, scenario: Scenario) -> bool:
        known = self.others.get((target, cause))
        if known is not None and not is_smaller(scenario.program, known.program):
            return False
        self.others[target, cause] = scenario
        return True

    def cell(self, name: str, target: str) -> Cell:
        """The answer of a target to a class."""
        cell = self._cells.get((name, target))
        return cell or Cell("not applicable", CLASSES[name].missing or LACKING)

    def count(self, word: Word) -> int:
        """How many cells have this word."""
        return sum(self.cell(name, target).word == word for name in CLASSES for target in self.targets)


def _is_better(cell: Cell, known: Cell) -> bool:
    """A worse word, or what an entry has shown, or a smaller program; of one program the cause that comes first."""
    ranks = (WORDS.index(cell.word), not cell.entry), (WORDS.index(known.word), not known.entry)
    if ranks[0] != ranks[1]:
        return ranks[0] < ranks[1]
    assert cell.scenario is not None
    assert known.scenario is not None
    if cell.scenario.program != known.scenario.program:
        return is_smaller(cell.scenario.program, known.scenario.program)
    return (cell.why, cell.scenario.name) < (known.why, known.scenario.name)
