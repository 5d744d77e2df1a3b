"""`sysfuzz fmt`: program text in its canonical form."""

from pathlib import Path

import click

from sysfuzz.cli.errors import CLEAN, FOUND
from sysfuzz.cli.inputs import GivenPath, program_files, read_program
from sysfuzz.cli.output import replace_text
from sysfuzz.program.text import format_source


@click.command("fmt")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=GivenPath())
@click.option(
    "--check", is_flag=True, help="Print the names of files that are not canonical; exit code 1 if there are any."
)
@click.option("-w", "--write", is_flag=True, help="Replace the files that are not canonical.")
def command(paths: tuple[Path, ...], check: bool, write: bool) -> int:
    """Print programs in canonical form, with all their comments.

    Directories are searched for *.prog.
    """
    if check and write:
        raise click.UsageError("--check and --write exclude each other")
    code = CLEAN
    for path in program_files(paths):
        text = format_source(read_program(path))
        if not check and not write:
            click.echo(text, nl=False)
        elif text.encode() != path.read_bytes():
            click.echo(path)
            if write:
                replace_text(path, text)
            else:
                code = FOUND
    return code
