"""`sysfuzz bench run`: the engines on the planted weaknesses, into a file of results that can be gone on with."""

import signal
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from sysfuzz.bench.apart import INTERRUPTED
from sysfuzz.cli.duration import to_seconds
from sysfuzz.cli.errors import BAD_INPUT, CLEAN, ENGINE_FAULT, BadInput, EngineFault
from sysfuzz.cli.inputs import GivenPath
from sysfuzz.cli.options import jobs_option, runs_option
from sysfuzz.program.lexer import unknown

MOST_RUNS = 1_000_000_000  # of a trial: days
_MOST_SEEDS = 1000  # their trials are listed in memory


@click.command("run", short_help="Run engines on planted weaknesses and record when each was detected.")
@click.option(
    "--out",
    required=True,
    type=GivenPath(),
    metavar="FILE",
    help="JSON lines, a trial each; what is in it is not run again.",
)
@click.option(
    "--engine",
    "engines",
    multiple=True,
    metavar="NAME",
    help="This engine; can be repeated. Default: all that can run here.",
)
@click.option(
    "--weakness", "weaknesses", multiple=True, metavar="NAME", help="This weakness; can be repeated. Default: all."
)
@click.option(
    "--seeds",
    type=click.IntRange(1, _MOST_SEEDS),
    default=5,
    show_default=True,
    metavar="N",
    help="Trials of each pair, with the seeds 1 to N.",
)
@runs_option(100_000, "Executions of a trial, at most.", most=MOST_RUNS)
@click.option(
    "--for",
    "seconds",
    callback=to_seconds,
    default="120s",
    show_default=True,
    metavar="TIME",
    help="Time of a trial, at most.",
)
@jobs_option("Trials at a time.")
def command(
    out: Path,
    engines: tuple[str, ...],
    weaknesses: tuple[str, ...],
    seeds: int,
    runs: int,
    seconds: float,
    jobs: int,
) -> int:
    """Run each engine on each planted weakness with each seed, until it is detected or the budget of executions or of time is used up.

    Ctrl-C ends the run; the same command goes on with it. Exit code 3 if a trial died: it is not in the file and is run again next time.

    \b
    A line of FILE: {"weakness", "engine", "seed", "budget": {"executions", "seconds"}, "executions", "seconds",
      "reached", "triggered", "detected", "bucket", "versions": {package: version}}
    where the marks are [execution, seconds] of the first time, or null: not within the budget.
    """
    from sysfuzz.bench import nursery
    from sysfuzz.bench.engines import ENGINES
    from sysfuzz.bench.weaknesses import WEAKNESSES

    chosen, planted = _chosen("engine", engines, ENGINES), _chosen("weakness", weaknesses, WEAKNESSES)
    for name in engines:
        if reason := ENGINES[name].missing():
            raise BadInput(f"--engine: {name}: {reason}")
    lacking = {name: reason for name, engine in ENGINES.items() if not engines and (reason := engine.missing())}
    for name, reason in lacking.items():
        click.echo(f"without {name}: {reason}", err=True)
    settings = {
        "out": str(out),
        "engines": [name for name in chosen if name not in lacking],
        "weaknesses": planted,
        "seeds": seeds,
        "executions": runs,
        "seconds": seconds,
        "jobs": jobs,
    }
    return ended(nursery.enter("sysfuzz.bench.runner:main", settings), "the trials")


def ended(code: int, what: str) -> int:
    """The exit code of a process that ran `what`; it has told why it ended. Raises EngineFault if it could not."""
    if code in (CLEAN, BAD_INPUT, ENGINE_FAULT, INTERRUPTED):
        return code
    how = f"died of {signal.strsignal(-code) or -code}" if code < 0 else f"ended with exit status {code}"
    raise EngineFault(f"the process that ran {what} {how}; the same command goes on with the file of results")


def _chosen(what: str, names: Sequence[str], known: Iterable[str]) -> list[str]:
    """The known ones that are named, in the table's order; all if none is. Raises BadInput."""
    table = list(known)
    for name in names:
        if name not in table:
            raise BadInput(f"--{what}: {unknown(what, name, table)}")
    return [name for name in table if not names or name in names]
