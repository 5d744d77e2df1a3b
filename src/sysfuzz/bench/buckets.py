"""How many buckets a bug has, and how many bugs a bucket: measured on the planted weaknesses, both are to be 1.

Each weak core is run in process on two streams of programs: fresh ones, as the generator makes them, which also tell how soon it shows at
all; and mutants of a program that is known to show it, which look for every other face that it has. Counts are of executions that showed a
bucket. What stays apart, or falls together, is told by name; nothing is judged.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sysfuzz.findings.bucket import group
from sysfuzz.generate.fresh import fresh
from sysfuzz.generate.mutate import mutate
from sysfuzz.oracles import judge
from sysfuzz.oracles.kinship import fold
from sysfuzz.program.ir import Program
from sysfuzz.targets.table import Target

# Mutants descend from the known program and from those that showed something. With more parents than this each has too few children, with fewer
# they are forgotten before they have any.
_PARENTS = 64


class Faces(NamedTuple):
    """What one weakness showed."""

    name: str
    grade: int
    runs: int  # of each of the two streams
    first: int | None  # fresh programs until one showed it; None if none did
    oracles: tuple[str, ...]  # by name, in order
    buckets: Mapping[str, int]  # executions that showed each, by bucket in order
    elders: Mapping[str, str]  # the bucket that stands for each

    @property
    def bugs(self) -> tuple[str, ...]:
        """The buckets that are left when kin are folded."""
        return tuple(sorted(set(self.elders.values())))


def faces(name: str, grade: int, target: Target, known: Program | None, runs: int, seed: int) -> Faces:
    """Run `runs` fresh programs and, if a `known` program is given, it and `runs` mutants. The same for the same arguments."""
    rng = random.Random(f"{seed}:{name}")
    oracles: set[str] = set()
    buckets: dict[str, int] = {}

    def shown(program: Program) -> bool:
        groups = group(judge(program, target.run(program), target.promise))
        for bucket, verdicts in groups.items():
            buckets[bucket] = buckets.get(bucket, 0) + 1
            oracles.update(verdict.oracle for verdict in verdicts)
        return bool(groups)

    first = None
    parents: list[Program] = []
    for number in range(1, runs + 1):
        program = fresh(rng)
        if shown(program):
            first = first or number
            parents.append(program)
    if known is not None:
        shown(known)
        parents = [known, *parents[: _PARENTS // 2]]
    for _ in range(runs if parents else 0):
        mutant = mutate(rng.choice(parents), rng, rng.choice(parents))
        if shown(mutant):
            if len(parents) < _PARENTS:
                parents.append(mutant)
            else:  # the first is kept: it is the known program
                parents[rng.randrange(1, _PARENTS)] = mutant
    ordered = {bucket: buckets[bucket] for bucket in sorted(buckets)}
    return Faces(name, grade, runs, first, tuple(sorted(oracles)), ordered, fold(ordered))


def splits(rows: Iterable[Faces]) -> dict[str, tuple[str, ...]]:
    """The weaknesses that have more than one bucket after folding, with these buckets."""
    return {row.name: row.bugs for row in rows if len(row.bugs) > 1}


def merges(rows: Sequence[Faces]) -> dict[str, tuple[str, ...]]:
    """The buckets that, after folding, are those of more than one weakness, with these weaknesses."""
    names: dict[str, list[str]] = {}
    for row in rows:
        for bucket in row.bugs:
            names.setdefault(bucket, []).append(row.name)
    return {bucket: tuple(members) for bucket, members in sorted(names.items()) if len(members) > 1}
