"""`sysfuzz bench run`: the engines on the planted weaknesses, into a file of results that can be gone on with."""

import signal
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from sysfuzz.cli.duration import to_seconds
from sysfuzz.cli.errors import BadInput, EngineFault
from sysfuzz.cli.inputs import GivenPath
from sysfuzz.program.lexer import unknown


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
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="N",
    help="Trials of each pair, with the seeds 1 to N.",
)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    metavar="N",
    help="Executions of a trial, at most.",
)
@click.option(
    "--for",
    "seconds",
    callback=to_seconds,
    default="120s",
    show_default=True,
    metavar="TIME",
    help="Time of a trial, at most.",
)
@click.option(
    "-j", "jobs", type=click.IntRange(1, 256), default=2, show_default=True, metavar="N", help="Trials at a time."
)
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

    for name in engines:
        if name in ENGINES and (reason := ENGINES[name].missing()):
            raise BadInput(f"--engine: {name}: {reason}")
    lacking = {name: reason for name, engine in ENGINES.items() if not engines and (reason := engine.missing())}
    for name, reason in lacking.items():
        click.echo(f"without {name}: {reason}", err=True)
    settings = {
        "out": str(out),
        "engines": [name for name in _chosen("engine", engines, ENGINES) if name not in lacking],
        "weaknesses": _chosen("weakness", weaknesses, WEAKNESSES),
        "seeds": seeds,
        "executions": runs,
        "seconds": seconds,
        "jobs": jobs,
    }
    code = nursery.enter("sysfuzz.bench.runner:main", settings)
    if code < 0:
        raise EngineFault(
            f"the process that ran the trials died of {signal.Signals(-code).name}; {out} can be gone on with"
        )
    return code


def _chosen(what: str, names: Sequence[str], known: Iterable[str]) -> list[str]:
    """The known ones that are named, in the table's order; all if none is. Raises BadInput."""
    table = list(known)
    for name in names:
        if name not in table:
            raise BadInput(f"--{what}: {unknown(what, name, table)}")
    return [name for name in table if not names or name in names]
