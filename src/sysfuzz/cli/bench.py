"""`sysfuzz bench`: measurements of sysfuzz itself."""

import platform

import click

from sysfuzz.bench.speed import measure
from sysfuzz.cli.columns import columns
from sysfuzz.cli.errors import CLEAN
from sysfuzz.cli.output import json_option, say, write_json
from sysfuzz.findings.provenance import installed_versions

_TARGET = "nosyscalls"


@click.group("bench", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Measure sysfuzz itself."""


@command.command("speed")
@click.option(
    "--runs", type=click.IntRange(min=1000), default=100_000, show_default=True, help="Executions of the epoch."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Of all random choices.")
@json_option
def speed(runs: int, seed: int, json_file: str | None) -> int:
    """Executions per second of the whole pipeline, as a ratio to the bare emulator loop in the same run, and the time by stage.

    \b
    --json writes {"target", "executions", "seed", "execs_per_second", "bare_runs_per_second", "ratio",
      "stages_us": {stage: microseconds an input}, "corpus", "versions": {package: version}}
    """
    result = measure(_TARGET, runs, seed)
    per_execution = 1e6 / result.pipeline
    rows = [(stage.name, f"{stage.microseconds:.1f} us") for stage in result.stages]
    versions = installed_versions()
    lines = [
        f"{_TARGET}, {result.executions:,} executions, seed {seed}, one worker; "
        f"python {platform.python_version()}, unicorn {versions['unicorn']}, atheris {versions['atheris']}",
        f"whole pipeline  {result.pipeline:,.0f} executions/s ({per_execution:.0f} us each)",
        f"bare emulator   {result.bare:,.0f} runs/s",
        f"ratio           {result.pipeline / result.bare:.3f}",
        f"stages, timed one by one over the {result.corpus} inputs that the epoch kept (larger than the average input):",
        *columns(rows),
    ]
    for line in lines:
        say(line, json_file)
    write_json(
        json_file,
        {
            "target": _TARGET,
            "executions": result.executions,
            "seed": seed,
            "execs_per_second": round(result.pipeline, 1),
            "bare_runs_per_second": round(result.bare, 1),
            "ratio": round(result.pipeline / result.bare, 4),
            "stages_us": {stage.name: round(stage.microseconds, 2) for stage in result.stages},
            "corpus": result.corpus,
            "versions": versions,
        },
    )
    return CLEAN
