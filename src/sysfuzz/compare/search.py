"""Looking for more than the given programs show: they are changed at random.

Any change of a program is run on all targets, since what one design lets in another may refuse. Only verdicts count here: a change no longer is
what its header said. Dice, clock and running a program are passed in, so that the same dice make the same matrix.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random

from sysfuzz.compare.cells import shown
from sysfuzz.compare.matrix import Matrix
from sysfuzz.compare.scenario import Scenario
from sysfuzz.compare.shrink import Run
from sysfuzz.generate.mutate import mutate
from sysfuzz.targets.table import Target


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
