"""`sysfuzz bench report`: a page, plots and figures made of the records of trials.

All is computed before any file is written, and a page that somebody else has written stays.
"""

import importlib.util
import json
import tempfile
from pathlib import Path

import click

from sysfuzz.cli.columns import counted
from sysfuzz.cli.errors import CLEAN, BadInput, bad_input
from sysfuzz.cli.inputs import GivenPath
from sysfuzz.cli.output import replace_text
from sysfuzz.findings.files import StoreError, read_text

_PAGE = "README.md"
_LIBRARIES = ("lifelines", "matplotlib", "scipy")


@click.command("report", short_help="Make a page, plots and figures of the records of trials.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=GivenPath())
@click.option(
    "-o", "directory", metavar="DIR", required=True, type=GivenPath(), help="Where to write; made if missing."
)
def command(files: tuple[Path, ...], directory: Path) -> int:
    """Compare the engines whose trials are in the files, JSON lines as 'sysfuzz bench run' writes them, with the full engine.

    Writes README.md (the page), survival-executions.svg, survival-seconds.svg, weaknesses.svg and summary.json; the same
    records give the same bytes. What does not fit together (versions, budgets, trials that are missing) is told on the page
    and here. Needs the extra 'bench'.

    \b
    summary.json is {"trials", "seeds", "budgets": [{"executions", "seconds"}], "versions": {package: [version]}, "warnings": [text],
      "horizons": {scale: {weakness: number}},
      "engines": {name: {"trials", "reached", "triggered", "detected", "weaknesses_by_seeds": {"all", "some", "none"},
        "execs_per_second", "restricted_mean": {scale: number}, "weaknesses": {name: {"seeds", "found", "restricted_mean"}}}},
      "contrasts": {scale: {engine: {"trials", "restricted_mean": {"full", "other"}, "difference", "interval": [low, high] or null,
        "a12", "magnitude", "a12_pooled", "p": {test: number}, "p_holm": {test: number}, "standing": "ahead", "open" or "behind",
        "weaknesses": {name: {"full", "other", "a12"}}}}}}
    where scale is executions or seconds, and test is log_rank, mann_whitney or signed_rank.
    """
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(
            f"sysfuzz bench report: {', '.join(missing)} not installed: python -m pip install 'sysfuzz[bench]'"
        )
    from sysfuzz.bench.evaluation import evaluate
    from sysfuzz.bench.page import page
    from sysfuzz.bench.plots import survival, weaknesses
    from sysfuzz.bench.records import FULL, BadRecord, read
    from sysfuzz.bench.summary import summary

    with bad_input(BadRecord, StoreError):
        trials = read(files)
    if not any(trial.engine == FULL for trial in trials):
        named = ", ".join(map(str, files))
        raise BadInput(f"{named}: no trial of engine {FULL!r}, which all others are compared with")
    _prepare(directory)
    evaluation = evaluate(trials)
    contents = {
        "survival-executions.svg": survival(evaluation, "executions"),
        "survival-seconds.svg": survival(evaluation, "seconds"),
        "weaknesses.svg": weaknesses(evaluation),
        "summary.json": json.dumps(summary(evaluation), indent=1) + "\n",
        _PAGE: page(evaluation),
    }
    for name, text in contents.items():
        replace_text(directory / name, text)
    for warning in evaluation.warnings:
        click.echo(f"mind: {warning}", err=True)
    engines = counted(len(evaluation.standings), "engine")
    click.echo(f"{counted(len(trials), 'trial')}, {engines}: {directory / _PAGE}")
    return CLEAN


def _prepare(directory: Path) -> None:
    """Make the directory, and see that it can be written into and that its README.md is ours."""
    from sysfuzz.bench.page import TITLE

    old = directory / _PAGE
    with bad_input(StoreError):
        if old.is_file() and not read_text(old).startswith(TITLE):
            raise BadInput(f"{old}: is no page of 'sysfuzz bench report'; supported for -o: a directory of its own")
        directory.mkdir(parents=True, exist_ok=True)
    try:
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        raise BadInput(f"{directory}: cannot write into it: {error.strerror}") from error
