"""`sysfuzz targets`: what can be fuzzed."""

import click

from sysfuzz.cli.columns import columns
from sysfuzz.cli.errors import CLEAN
from sysfuzz.targets.table import DESIGNS


@click.command("targets")
def command() -> int:
    """List the targets, each with its known weaknesses and how they are known."""
    for line in columns((design.name, design.summary) for design in DESIGNS.values()):
        click.echo(line)
    click.echo("module:attribute, your own core: a function (mode, memory) -> core")
    click.echo("./library.so, your own core in C: an implementation of harnesses/c/sysfuzz_core.h")
    for design in DESIGNS.values():
        if design.weaknesses:
            click.echo(f"\n{design.name} is known for:")
        for weakness in design.weaknesses:
            click.echo(f"  {weakness.summary} ({weakness.known}: {weakness.source})")
    return CLEAN
