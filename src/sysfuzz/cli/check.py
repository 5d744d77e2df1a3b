"""`sysfuzz check`: run golden programs and compare what they yield with what they expect."""

from collections.abc import Iterator
from pathlib import Path

import click

from sysfuzz.cli import render
from sysfuzz.cli.columns import counted
from sysfuzz.cli.errors import BAD_INPUT, CLEAN, FOUND, BadInput, bad_input
from sysfuzz.cli.inputs import (
    REFERENCE,
    GivenPath,
    Named,
    choose_target,
    open_target,
    program_files,
    read_program,
    target_option,
)
from sysfuzz.cli.running import located, run
from sysfuzz.program.golden import Golden, StatesNothing, golden, misses
from sysfuzz.program.text import Source, TextError
from sysfuzz.targets.table import Target


@click.command("check")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=GivenPath())
@target_option
def command(paths: tuple[Path, ...], target: str | None) -> int:
    """Run golden programs and compare each op's result and events with its '# ->'.

    Directories are searched for *.prog. On the reference target a golden program must also be clean: a verdict of an
    oracle fails it. A program without any '# ->' would check nothing and is bad input. All files are tried; the exit
    code is 2 if one cannot be used, else 1 if one fails.
    """
    targets: dict[str, Target] = {}
    if target is not None:
        targets[target] = open_target(Named(target, "--target"))
    files = program_files(paths)
    failed = unusable = total = 0
    for path in files:
        try:
            source = read_program(path)
            stated = _golden(source)
            named = choose_target(target, source)
            if named.name not in targets:
                targets[named.name] = open_target(named)
        except BadInput as error:
            click.echo(error.message, err=True)
            unusable += 1
            continue
        runner = targets[named.name]
        with located(runner, source):
            failures = list(_failures(stated, runner))
        for line in failures:
            click.echo(f"{path}:{line}")
        failed += bool(failures)
        total += sum(expectation is not None for expectation in stated.expectations)
    bad = [f"{count} {what}" for count, what in ((failed, "failed"), (unusable, "unusable")) if count]
    result = ", ".join(bad) or "all as expected"
    click.echo(f"{counted(len(files), 'program')}, {counted(total, 'expectation')}: {result}")
    if unusable:
        return BAD_INPUT
    return FOUND if failed else CLEAN


def _golden(source: Source) -> Golden:
    """What the ops shall yield."""
    with bad_input(TextError, StatesNothing):
        return golden(source)


def _failures(stated: Golden, target: Target) -> Iterator[str]:
    """What is not as it must be, one `line: message` each."""
    source = stated.source
    outcome, verdicts = run(target, source)
    for miss in misses(stated, outcome):
        yield f"{miss.line}: {miss}"
    if target.name == REFERENCE:
        for verdict in verdicts:
            line = source.lines[max(verdict.op, 0)]  # what went wrong at boot did so before the first op
            yield f"{line}: {verdict.oracle}: {render.difference(verdict)}"
