"""One program through a target and the oracles; whatever breaks on the way is an engine fault that names the program."""

from typing import NamedTuple

from sysfuzz.cli.errors import EngineFault, one_line
from sysfuzz.oracles import Verdict, judge
from sysfuzz.program.outcome import Outcome
from sysfuzz.program.text import Source
from sysfuzz.targets.table import Target


class Judged(NamedTuple):
    """An outcome and what the oracles say about it."""

    outcome: Outcome
    verdicts: list[Verdict]


def run(target: Target, source: Source) -> Judged:
    """Run a program and judge what happened."""
    try:
        outcome = target.run(source.program)
        return Judged(outcome, judge(source.program, outcome))
    except Exception as error:
        what = one_line(f"{type(error).__name__}: {error}")
        raise EngineFault(f"{source.file}: sysfuzz failed to run this on {target.name}: {what}") from error
