"""Making the programs of a matrix smaller, each as long as it says the same of its target.

What a verdict shows, shows by itself, whatever is cut away around it. That an entry is refused, or a call let in as nobody promised otherwise,
is about a class only by its story; without it, it would be any program that makes a call. So something has to vouch for the class: the place of
the refused entry, or another target, which the same program gets past. Where nothing does, only those calls go that the target does not have.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from sysfuzz.compare.cells import Sight, seen, shown
from sysfuzz.compare.classes import CLASSES
from sysfuzz.compare.matrix import Cell, Matrix
from sysfuzz.compare.scenario import Scenario
from sysfuzz.minimise.edit import without
from sysfuzz.minimise.passes import PASSES
from sysfuzz.minimise.search import Budget, NothingShown, Shown, minimise
from sysfuzz.oracles.verdict import Verdict
from sysfuzz.program.ir import Program
from sysfuzz.program.outcome import Outcome, Result
from sysfuzz.targets.table import Target

Run = Callable[[Target, Program], tuple[Outcome, list[Verdict]]]  # an outcome and the verdicts on it

_NOSYS = "ENOSYS"


def shrink(
    matrix: Matrix, targets: Mapping[str, Target], run: Run, executions: int, stop: Callable[[], bool] = lambda: False
) -> int:
    """Make the program of each cell smaller, by at most some `executions` each; how many there were. What verdicts show has its turn first."""
    spent = 0

    def counted(target: Target, program: Program) -> tuple[Outcome, list[Verdict]]:
        nonlocal spent
        spent += 1
        return run(target, program)

    cells = [(name, title, matrix.cell(name, title)) for name in CLASSES for title in targets]
    for of_verdicts in (True, False):
        for name, title, cell in cells:
            if cell.scenario is None or stop() or _is_verdict(cell, cell.scenario) != of_verdicts:
                continue
            others = [target for other, target in targets.items() if other != title]
            job = _Job(name, cell, cell.scenario, targets[title], counted)
            program = job.smallest(others, executions, stop)
            if program != cell.scenario.program:
                small = replace(cell.scenario, program=program, name=f"{cell.scenario.name}, minimised", path="")
                matrix.add(
                    title, small, filter(job.is_same, seen(small, targets[title], *run(targets[title], program)))
                )
    return spent


def _is_verdict(cell: Cell, scenario: Scenario) -> bool:
    """Whether a verdict shows what the cell says."""
    return cell.word != "blocked" and cell.why != scenario.allowed


class _Job:
    """One cell."""

    def __init__(self, name: str, cell: Cell, scenario: Scenario, target: Target, run: Run) -> None:
        self._name = name
        self._cell = cell
        self._scenario = scenario
        self._target = target
        self._run = run
        self._by_place = False
        self._witness: Target | None = None

    def is_same(self, sight: Sight) -> bool:
        """Whether a sight is what the cell says."""
        return (sight.id, sight.word, sight.entry) == (self._name, self._cell.word, self._cell.entry)

    def smallest(self, others: list[Target], executions: int, stop: Callable[[], bool]) -> Program:
        """The smallest program that says the same."""
        program = self._scenario.program
        if not _is_verdict(self._cell, self._scenario):
            self._by_place = self._is_placed(program)
            if not self._by_place and self._cell.word == "blocked":
                self._witness = next((other for other in others if self._gets_past(other, program)), None)
            if not self._by_place and self._witness is None:
                return self._without_lacking(program)
        asks = executions if self._witness is None else executions // 2
        try:
            return minimise(program, self._says, PASSES, Budget(asks), stop=stop).program
        except NothingShown as error:
            raise AssertionError(
                f"{self._scenario.name} shows {self._name} on {self._target.name} no longer"
            ) from error

    def _says(self, program: Program) -> list[Result] | None:
        """The results of a program that says what the cell says, None of any other."""
        outcome, verdicts = self._run(self._target, program)
        if _is_verdict(self._cell, self._scenario):
            found = list(shown(verdicts, self._target, self._scenario.stated))
        else:
            found = seen(replace(self._scenario, program=program), self._target, outcome, verdicts)
        if not any(map(self.is_same, found)):
            return None
        if self._by_place and not any(map(self.is_same, seen(Scenario(program, ""), self._target, outcome, verdicts))):
            return None
        if self._witness is not None and not self._gets_past(self._witness, program):
            return None
        return [step.result for step in outcome.steps]

    def _is_placed(self, program: Program) -> bool:
        """Whether the cell can be told from the program without its header."""
        return any(map(self.is_same, seen(Scenario(program, ""), self._target, *self._run(self._target, program))))

    def _gets_past(self, other: Target, program: Program) -> bool:
        """Whether verdicts about another target say by themselves that the program is of this class."""
        return any(
            sight.id == self._name and sight.word == "escapes" for sight in shown(self._run(other, program)[1], other)
        )

    def _without_lacking(self, program: Program) -> Program:
        """The program without the calls that the target does not have."""
        results = tuple(step.result for step in self._run(self._target, program)[0].steps)
        lacking = {index for index, result in enumerate(results) if result == _NOSYS}
        small = without(Shown(program, results), lacking)
        return small if lacking and self._says(small) is not None else program
