"""One program through a target and the oracles; whatever breaks on the way is an engine fault that names the program."""

from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def located(target: Target, source: Source) -> Iterator[None]:
    """Let whatever breaks over a run of `source` on `target` be an engine fault that names both; a core may end Python, or return junk."""
    try:
        yield
    except EngineFault:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, or one of the core's own
        what = one_line(f"{type(error).__name__}: {error}")
        raise EngineFault(f"{source.file}: sysfuzz failed to run this on {target.name}: {what}") from error


def run(target: Target, source: Source) -> Judged:
    """Run a program and judge what happened."""
    with located(target, source):
        outcome = target.run(source.program)
        return Judged(outcome, judge(source.program, outcome, target.promise))
