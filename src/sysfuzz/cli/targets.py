"""`sysfuzz targets`: what can be fuzzed."""

import click

from sysfuzz.cli.columns import columns
from sysfuzz.cli.errors import CLEAN
from sysfuzz.spec.promise import Promise
from sysfuzz.targets.table import DESIGNS


@click.command("targets")
def command() -> int:
    """List the targets, each with its known weaknesses and how they are known, and what its documents say that it does not promise."""
    for line in columns((design.name, design.summary) for design in DESIGNS.values()):
        click.echo(line)
    click.echo("module:attribute, your own core: a function (mode, memory) -> core")
    click.echo("./library.so, your own core in C: an implementation of harnesses/c/sysfuzz_core.h")
    for design in DESIGNS.values():
        if design.weaknesses:
            click.echo(f"\n{design.name} is known for:")
        for weakness in design.weaknesses:
            click.echo(f"  {weakness.summary} ({weakness.known}: {weakness.source})")
        if design.promise.documented:
            click.echo(f"{design.name}, by design:")
        for citation, causes in _documented(design.promise).items():
            click.echo(f"  {', '.join(causes)} ({citation})")
    return CLEAN


def _documented(promise: Promise) -> dict[str, list[str]]:
    """The causes that are by design, by what documents them."""
    found: dict[str, list[str]] = {}
    for cause, citation in promise.documented.items():
        found.setdefault(citation, []).append(cause)
    return found
