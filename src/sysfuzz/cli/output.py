"""Where results go: JSON to a file or to standard output, whole or not at all.

With `--json -` standard output belongs to the JSON, and what is for people goes to standard error.
"""

import json
import os
import tempfile
from pathlib import Path

import click

from sysfuzz.cli.errors import BadInput

STDOUT = "-"

json_option = click.option(
    "--json",
    "json_file",
    metavar="FILE",
    is_flag=False,
    flag_value=STDOUT,
    help="Write the result as JSON; - or no FILE at all, with --json last, is standard output.",
)


def say(text: str, json_file: str | None = None) -> None:
    """Print for people."""
    click.echo(text, err=json_file == STDOUT)


def check_writable(json_file: str | None, option: str = "--json") -> None:
    """Find out before the work begins that its result could not be written to where `option` says."""
    if json_file is None or json_file == STDOUT:
        return
    path = Path(json_file)
    if path.is_dir():
        raise BadInput(f"{option}: {path}: Is a directory")
    if path.exists() and not path.is_file():
        return  # a device or a pipe: to open it would already mean something
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise BadInput(f"{option}: {path}: {error.strerror}") from error


def write_json(json_file: str | None, value: object) -> None:
    """Write `value` to where `--json` says, if it says so."""
    if json_file is None:
        return
    text = json.dumps(value, indent=2) + "\n"
    if json_file == STDOUT:
        click.echo(text, nl=False)
    else:
        replace_text(Path(json_file), text)


def replace_text(path: Path, text: str) -> None:
    """Write a file such that it holds the old text or the new; a device or pipe is written to."""
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        path = path.resolve()  # a symbolic link stays one
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}-", delete=False
        ) as file:
            try:
                file.write(text)
                file.close()
                os.chmod(file.name, path.stat().st_mode & 0o777 if path.exists() else _default_mode())
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
    except OSError as error:
        raise BadInput(f"{path}: cannot write: {error.strerror or error}") from error


def _default_mode() -> int:
    """The mode of a new file, which only umask knows."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
