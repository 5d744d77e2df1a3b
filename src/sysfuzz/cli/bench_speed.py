"""`sysfuzz bench speed`."""

import platform
from collections.abc import Iterator, Mapping

import click

from sysfuzz.bench.speed import Speed, measure, measure_compiled
from sysfuzz.cli.columns import columns
from sysfuzz.cli.errors import CLEAN
from sysfuzz.cli.options import runs_option, seed_option
from sysfuzz.cli.output import json_option, say, write_json
from sysfuzz.findings.provenance import installed_versions

_TARGET = "nosyscalls"


@click.command("speed")
@runs_option(300_000, "Executions of the epoch.", least=1000)
@seed_option
@json_option
def command(runs: int, seed: int, json_file: str | None) -> int:
    """Executions per second of the whole pipeline, as a ratio to the bare emulator loop in the same run, and the time by stage.

    Measured interpreted, and compiled if 'sysfuzz accelerate' has been called.

    \b
    --json writes {"target", "executions", "seed", "interpreted", "compiled", "versions": {package: version}}, where the
      two are null or {"execs_per_second", "bare_runs_per_second", "ratio", "stages_us": {stage: microseconds an input}, "corpus"}
    """
    versions = installed_versions()
    say(
        f"{_TARGET}, {runs:,} executions, seed {seed}, one worker; "
        f"python {platform.python_version()}, unicorn {versions['unicorn']}, atheris {versions['atheris']}",
        json_file,
    )
    measured = {"interpreted": measure(_TARGET, runs, seed), "compiled": measure_compiled(_TARGET, runs, seed)}
    for line in columns(_speed_rows(measured)):
        say(line, json_file)
    corpus = measured["interpreted"].corpus if measured["interpreted"] else 0
    say(
        f"stages: timed one by one over the {corpus:,} inputs that the epoch kept (larger than the average input)",
        json_file,
    )
    if measured["compiled"] is None:
        say("not compiled: 'sysfuzz accelerate' does that", json_file)
    results = {name: result and _speed_record(result) for name, result in measured.items()}
    write_json(json_file, {"target": _TARGET, "executions": runs, "seed": seed, **results, "versions": versions})
    return CLEAN


def _speed_rows(measured: Mapping[str, Speed | None]) -> Iterator[tuple[str, ...]]:
    """A heading, and a row for each figure."""
    results = {name: result for name, result in measured.items() if result is not None}
    first = next(iter(results.values()))
    yield "", *results
    yield "whole pipeline", *(f"{result.pipeline:,.0f} executions/s" for result in results.values())
    yield "  each", *(f"{1e6 / result.pipeline:.0f} us" for result in results.values())
    yield "bare emulator", *(f"{result.bare:,.0f} runs/s" for result in results.values())
    yield "ratio", *(f"{result.pipeline / result.bare:.3f}" for result in results.values())
    for number, stage in enumerate(first.stages):
        yield stage.name, *(f"{result.stages[number].microseconds:.1f} us" for result in results.values())


def _speed_record(result: Speed) -> dict[str, object]:
    return {
        "execs_per_second": round(result.pipeline, 1),
        "bare_runs_per_second": round(result.bare, 1),
        "ratio": round(result.pipeline / result.bare, 4),
        "stages_us": {stage.name: round(stage.microseconds, 2) for stage in result.stages},
        "corpus": result.corpus,
    }
