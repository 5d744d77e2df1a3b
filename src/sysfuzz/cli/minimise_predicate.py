"""What the search for a smaller program asks: does this one show the bucket, with no milder face, and no bug that the first did not show?

Whatever else a program shows is a bug of its own: it is told once, and again if it shows a worse face.
"""

from collections.abc import Callable
from typing import NamedTuple

from sysfuzz.cli.running import run
from sysfuzz.findings.bucket import group
from sysfuzz.findings.severity import Severity, rank, severity_of
from sysfuzz.oracles import Verdict
from sysfuzz.program.ir import Program
from sysfuzz.program.outcome import Result
from sysfuzz.program.text import Source
from sysfuzz.targets.table import Target


class Sight(NamedTuple):
    """A bucket, the worst verdict of one execution that showed it, and the program."""

    bucket: str
    verdict: Verdict
    program: Program

    @property
    def severity(self) -> Severity:
        """How bad its face is."""
        return severity_of(self.verdict.oracle)


def sights(target: Target, program: Program, file: str) -> list[Sight]:
    """The buckets that a program shows. Raises EngineFault, which names `file`, if it cannot be run."""
    verdicts = run(target, Source(program, file=file)).verdicts
    return [Sight(bucket, shown[0], program) for bucket, shown in group(verdicts).items()]


class Predicate:
    """The question about one bucket on one target; `meet` hears of other buckets."""

    def __init__(
        self,
        target: Target,
        bucket: str,
        mildest: Severity,
        beside: frozenset[str],
        file: str,
        meet: Callable[[Sight], None],
    ) -> None:
        """`beside` are the buckets that a program may show as well, `mildest` is the mildest face that the one in question may have."""
        self.others: dict[str, Sight] = {}  # by bucket, with the worst face that was met
        self._target = target
        self._bucket = bucket
        self._mildest = mildest
        self._beside = beside
        self._file = file
        self._meet = meet

    def __call__(self, program: Program) -> list[Result] | None:
        """The results of the program's ops if it shows the bug, else None. Raises EngineFault."""
        outcome, verdicts = run(self._target, Source(program, file=self._file))
        if not verdicts:
            return None
        shown, alone = False, True
        for bucket, members in group(verdicts).items():
            sight = Sight(bucket, members[0], program)
            if bucket == self._bucket:
                shown = rank(sight.severity) <= rank(self._mildest)
            else:
                self._note(sight)
                alone = alone and bucket in self._beside
        return [step.result for step in outcome.steps] if shown and alone else None

    def _note(self, sight: Sight) -> None:
        known = self.others.get(sight.bucket)
        if known is None or rank(sight.severity) < rank(known.severity):
            self.others[sight.bucket] = sight
            self._meet(sight)
