"""`sysfuzz compare`: the same programs on several targets, and what each makes of the ways out that are known."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import click

from sysfuzz.cli.columns import counted
from sysfuzz.cli.duration import to_seconds
from sysfuzz.cli.errors import CLEAN, BadInput, bad_input
from sysfuzz.cli.inputs import GivenPath, Named, open_target, program_files, read_program
from sysfuzz.cli.options import seed_option
from sysfuzz.cli.output import STDOUT, check_writable, json_option, replace_text, say, write_json
from sysfuzz.cli.running import located, run
from sysfuzz.compare.cells import WORDS, sights
from sysfuzz.compare.classes import CLASSES
from sysfuzz.compare.matrix import Cell, Matrix
from sysfuzz.compare.scenario import Scenario, library, scenario
from sysfuzz.compare.search import explore
from sysfuzz.compare.shrink import shrink
from sysfuzz.compare.tables import FORMATS
from sysfuzz.engine.interrupt import stop_on_signals
from sysfuzz.findings.bucket import slug_of
from sysfuzz.findings.reproducer import program_text
from sysfuzz.oracles.verdict import Verdict
from sysfuzz.program.ir import Program
from sysfuzz.program.outcome import Outcome
from sysfuzz.program.text import Source, TextError
from sysfuzz.targets import table
from sysfuzz.targets.table import Target

# Executions to make one cell's program smaller: of the library, the one that takes the most, C03-base on pinsyscalls, is minimal after 2,595.
_SHRINKING = 3000
# The share of the time that is spent on changing programs; the rest is for making them smaller.
_EXPLORING = 0.75


@click.command("compare")
@click.argument("paths", metavar="[FILE]...", nargs=-1, type=GivenPath())
@click.option(
    "--targets",
    "names",
    metavar="A,B,...",
    help="Names of 'sysfuzz targets', or cores of your own. Default: all that ship.",
)
@click.option(
    "--for",
    "seconds",
    callback=to_seconds,
    metavar="TIME",
    help="Change the programs at random for this time, too: 60s, 10m, 1h.",
)
@click.option("--runs", type=click.IntRange(min=1), metavar="N", help="The same for N changed programs.")
@seed_option
@click.option(
    "--programs", "directory", metavar="DIR", type=GivenPath(), help="Write each cell's program, as CLASS--TARGET.prog."
)
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@click.option("-o", "output", metavar="FILE", type=GivenPath(), help="Where to write; default: standard output.")
@json_option
def command(
    paths: tuple[Path, ...],
    names: str | None,
    seconds: float | None,
    runs: int | None,
    seed: int,
    directory: Path | None,
    form: str,
    output: Path | None,
    json_file: str | None,
) -> int:
    """Run the same programs on several targets: for each class of escapes and each target one word, and the smallest program for it.

    Without FILE the programs are those that ship, at least one for each class that can be shown. A FILE may say in its header which class it
    is about ('# class: C5'); otherwise what it shows tells. Directories are searched for *.prog.

    With --for or --runs the programs are changed at random, what the changed ones show is added, and the program of each
    cell is minimised. The same --seed and --runs make the same matrix. Ctrl-C ends that as the time would.

    The exit code is 0 whatever the matrix says.

    \b
    --json writes {"targets", "programs", "executions", "seed", "classes": [{"class", "title", "mechanism",
      "cells": [{"target", "word", "why", "name", "program"}]}], "others": [{"target", "cause", "program"}]}
    where programs counts those that were given, seed is null without --for and --runs, word is one of escapes, by design,
    blocked and not applicable, why is the cause, the citation or the reason, and program is text, or null.
    """
    if seconds is not None and runs is not None:
        raise click.UsageError("--for and --runs exclude each other")
    check_writable(json_file)
    _check_places(directory, output)
    targets = _targets(names)
    scenarios = _scenarios(paths)

    matrix = Matrix(list(targets))
    for given in scenarios:
        for name, target in targets.items():
            with located(target, Source(given.program, file=given.name)):
                matrix.add(name, given, sights(given, target))
    executions = len(scenarios) * len(targets)
    searching = seconds is not None or runs is not None
    if searching:
        executions += _search(matrix, targets, scenarios, seed, seconds, runs)

    if directory is not None:
        _write_programs(matrix, directory)
    rendered = FORMATS[form](matrix, _linker(directory, output))
    if output is None or str(output) == STDOUT:
        say(rendered.removesuffix("\n"), json_file)
    else:
        replace_text(output, rendered)
    words = ", ".join(f"{matrix.count(word):,} {word}" for word in WORDS)
    summary = f"{counted(len(scenarios), 'program')} on {counted(len(targets), 'target')}, {counted(executions, 'execution')}: {words}"
    if output is not None and str(output) != STDOUT:
        say(summary, json_file)
    elif form == "text":
        say(f"\n{summary}", json_file)
    write_json(json_file, _report(matrix, len(scenarios), executions, seed if searching else None))
    return CLEAN


def _check_places(directory: Path | None, output: Path | None) -> None:
    """Find out before the work begins that its results could not be written."""
    check_writable(None if output is None else str(output), "-o")
    if directory is not None:
        with bad_input():
            directory.mkdir(parents=True, exist_ok=True)


def _targets(names: str | None) -> dict[str, Target]:
    """The targets by name, in the order in which they are named."""
    wanted = table.names() if names is None else [name.strip() for name in names.split(",")]
    if not all(wanted):
        raise BadInput(f"--targets: an empty name in {names!r}; supported: names with commas between them")
    if len(set(wanted)) < len(wanted):
        raise BadInput(f"--targets: {next(name for name in wanted if wanted.count(name) > 1)} is named twice")
    return {name: open_target(Named(name, "--targets")) for name in wanted}


def _scenarios(paths: tuple[Path, ...]) -> tuple[Scenario, ...]:
    """The programs that were given, or those that ship."""
    if not paths:
        return library()
    found = []
    for path in program_files(paths):
        source = read_program(path)
        if not source.program.ops:
            raise BadInput(f"{path}: no op; supported: programs that do something")
        with bad_input(TextError):
            found.append(scenario(source))
    return tuple(found)


def _search(
    matrix: Matrix,
    targets: dict[str, Target],
    scenarios: tuple[Scenario, ...],
    seed: int,
    seconds: float | None,
    runs: int | None,
) -> int:
    """Look for more than the programs show; the number of executions."""
    executions = 0

    def judged(target: Target, program: Program) -> tuple[Outcome, list[Verdict]]:
        nonlocal executions
        executions += 1
        return run(target, Source(program, file=f"seed {seed}, execution {executions}"))

    began = time.monotonic()

    def over(share: float) -> bool:
        return seconds is not None and time.monotonic() - began >= share * seconds

    with stop_on_signals() as stop:
        explore(
            matrix,
            targets,
            scenarios,
            judged,
            Random(seed),
            lambda made: not stop() and not over(_EXPLORING) and (runs is None or made < runs),
        )
        shrink(matrix, targets, judged, _SHRINKING, lambda: stop() or over(1))
    return executions


def _cells(matrix: Matrix) -> Iterator[tuple[str, str, Cell]]:
    for name in CLASSES:
        for target in matrix.targets:
            yield name, target, matrix.cell(name, target)


def _file_name(name: str, target: str) -> str:
    return f"{slug_of(f'c{int(name[1:]):02}', target)}.prog"


def _write_programs(matrix: Matrix, directory: Path) -> None:
    for name, target, cell in _cells(matrix):
        if cell.scenario is not None:
            replace_text(directory / _file_name(name, target), _text(name, target, cell.scenario))


def _text(name: str, target: str, given: Scenario) -> str:
    """A cell's program as a file that makes the same cell."""
    said = {"class": name, "target": target, "needs": given.needs, "allowed": given.allowed}
    return program_text(given.program, tuple(f"{key}: {value}" for key, value in said.items() if value))


def _linker(directory: Path | None, output: Path | None) -> Callable[[str, str, Cell], str]:
    """Where a cell's program lies, seen from where the matrix is written."""
    at_hand = output is None or str(output) == STDOUT
    start = Path() if output is None or at_hand else output.parent

    def link(name: str, target: str, cell: Cell) -> str:
        if cell.scenario is None:
            return ""
        path = str(directory / _file_name(name, target)) if directory is not None else cell.scenario.path
        if not path:
            return ""
        seen = os.path.relpath(path, start)
        return path if at_hand and seen.startswith(os.pardir) else seen

    return link


def _report(matrix: Matrix, programs: int, executions: int, seed: int | None) -> dict[str, object]:
    classes: list[dict[str, object]] = []
    for row in CLASSES.values():
        cells = [_cell(target, matrix.cell(row.id, target)) for target in matrix.targets]
        classes.append({"class": row.id, "title": row.title, "mechanism": row.mechanism, "cells": cells})
    return {
        "targets": list(matrix.targets),
        "programs": programs,
        "executions": executions,
        "seed": seed,
        "classes": classes,
        "others": [
            {"target": target, "cause": cause, "program": program_text(given.program)}
            for (target, cause), given in matrix.others.items()
        ],
    }


def _cell(target: str, cell: Cell) -> dict[str, object]:
    given = cell.scenario
    return {
        "target": target,
        "word": cell.word,
        "why": cell.why,
        "name": None if given is None else given.name,
        "program": None if given is None else program_text(given.program),
    }
