"""`sysfuzz accelerate`: compile the sources, so that fuzzing a built-in design is faster."""

import click

from sysfuzz.cli.errors import CLEAN, BadInput, bad_input
from sysfuzz.engine import accelerator
from sysfuzz.engine.accelerator import AcceleratorError


@click.command("accelerate")
@click.option("--remove", is_flag=True, help="Remove what has been compiled, also of other versions of sysfuzz.")
def command(remove: bool) -> int:
    """Compile sysfuzz for this Python, which takes minutes, and once only.

    Needs a C compiler, Python's headers and mypy. From then on 'sysfuzz fuzz' runs the built-in designs compiled: the same executions, the same
    findings, in two thirds of the time. A core of your own runs as before. When a source changes, all runs as before until this is called again.
    """
    with bad_input():
        if remove:
            click.echo("removed" if accelerator.remove() else "nothing was compiled")
            return CLEAN
        if accelerator.ready() is None:
            click.echo("compiling; this takes some minutes")
        try:
            click.echo(f"ready: {accelerator.build()}")
        except AcceleratorError as error:
            raise BadInput(f"accelerate: {error}; sysfuzz works without, only slower") from error
    return CLEAN
