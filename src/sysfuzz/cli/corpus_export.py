"""`sysfuzz corpus export`: programs in the engine's form, as the seed corpus that fuzzing farms take.

OSS-Fuzz and ClusterFuzzLite take a zip file named `HARNESS_seed_corpus.zip` beside the harness; the name of each file in it is the SHA-1 of its
contents (OSS-Fuzz, "Setting up a new project": seed corpus).
"""

import hashlib
import io
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

import click

from sysfuzz.cli.columns import counted
from sysfuzz.cli.errors import CLEAN, BadInput
from sysfuzz.cli.inputs import GivenPath, program_files, read_program
from sysfuzz.program.wire import encode

_MODE = 0o644 << 16  # where a zip file keeps what Unix says of a file


@click.command("export", short_help="Write programs as a seed corpus for fuzzing farms.")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=GivenPath())
@click.option("-o", "output", metavar="ZIP", required=True, type=GivenPath(), help="The file to write.")
def command(paths: tuple[Path, ...], output: Path) -> int:
    """Write programs into a zip file, each once, in the form that harnesses take; directories are searched for *.prog.

    The same programs give the same file. That form is not durable: another version of sysfuzz may read other programs from it.
    """
    inputs = [encode(read_program(path).program) for path in program_files(paths)]
    _replace(output, archive(inputs))
    click.echo(f"{output}: {counted(len(set(inputs)), 'program')}")
    return CLEAN


def archive(inputs: Iterable[bytes]) -> bytes:
    """A zip file of inputs, each once, in the order of their names."""
    files = {hashlib.sha1(data, usedforsecurity=False).hexdigest(): data for data in inputs}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name)  # without a time of its own it is from 1980, always
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = _MODE
            zipped.writestr(info, data)
    return buffer.getvalue()


def _replace(path: Path, data: bytes) -> None:
    """Write a file such that it holds the old contents or the new."""
    unfinished = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        try:
            unfinished.write_bytes(data)
            os.replace(unfinished, path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise BadInput(f"{path}: cannot write: {error.strerror}") from error
