"""Looking for more than the given programs show: they are changed at random, and what shows something is made small.

Any change of a program is run on all targets, since what one design lets in another may refuse. Only verdicts count here: a change no longer is
what its header said. Dice, clock and running a program are passed in, so that the same dice make the same matrix.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random

from sysfuzz.compare.cells import Sight, shown
from sysfuzz.compare.classes import CLASSES
from sysfuzz.compare.matrix import Cell, Matrix
from sysfuzz.compare.scenario import Scenario
from sysfuzz.generate.mutate import mutate
from sysfuzz.minimise.passes import PASSES
from sysfuzz.minimise.search import Budget, NothingShown, minimise
from sysfuzz.oracles.verdict import Verdict
from sysfuzz.program.ir import Program
from sysfuzz.program.outcome import Outcome, Result
from sysfuzz.targets.table import Target

Run = Callable[[Target, Program], tuple[Outcome, list[Verdict]]]  # an outcome and the verdicts on it


def explore(
    matrix: Matrix,
    targets: Mapping[str, Target],
    seeds: Sequence[Scenario],
    run: Run,
    rng: Random,
    going: Callable[[int], bool],
) -> int:
    """Change programs and add what they show to `matrix`, as long as `going`, which is told how many there were; their number.

    What changes the matrix is changed further. `seeds` is not empty.
    """
    pool = [seed.program for seed in seeds]
    made = 0
    while going(made):
        program = mutate(rng.choice(pool), rng, rng.choice(pool))
        made += 1
        found = Scenario(program, f"change {made}")
        news = [matrix.add(name, found, shown(run(target, program)[1], target)) for name, target in targets.items()]
        if any(news):
            pool.append(program)
    return made


def shrink(
    matrix: Matrix, targets: Mapping[str, Target], run: Run, executions: int, stop: Callable[[], bool] = lambda: False
) -> int:
    """Make the program of each cell that a verdict shows smaller, by at most so many executions each; how many there were.

    What is let in as nobody promised otherwise stays as it is: without its story such a program would be any program that makes a call.
    """
    spent = 0
    for name in CLASSES:
        for title, target in targets.items():
            cell = matrix.cell(name, title)
            if cell.scenario is None or cell.word == "blocked" or cell.why == cell.scenario.allowed or stop():
                continue
            spent += _shrink(matrix, name, cell, cell.scenario, target, run, Budget(executions), stop)
    return spent


def _shrink(
    matrix: Matrix,
    name: str,
    cell: Cell,
    scenario: Scenario,
    target: Target,
    run: Run,
    budget: Budget,
    stop: Callable[[], bool],
) -> int:
    def is_same(sight: Sight) -> bool:
        return (sight.id, sight.word, sight.entry) == (name, cell.word, cell.entry)

    def shows(program: Program) -> list[Result] | None:
        outcome, verdicts = run(target, program)
        seen = shown(verdicts, target, scenario.stated)
        return [step.result for step in outcome.steps] if any(map(is_same, seen)) else None

    try:
        found = minimise(scenario.program, shows, PASSES, budget, stop=stop)
    except NothingShown as error:
        raise AssertionError(f"{scenario.name} shows {name} on {target.name} no longer") from error
    if found.program != scenario.program:
        small = Scenario(found.program, f"{scenario.name}, minimised", scenario.stated)
        matrix.add(target.name, small, filter(is_same, shown(run(target, found.program)[1], target, scenario.stated)))
    return found.executions
