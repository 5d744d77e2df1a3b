"""What verbs are given: program files and the names of targets, each checked as soon as it is read.

Everything that cannot be used is BadInput with the place: file and line, or the option.
"""

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, NoReturn

import click

from sysfuzz.cli import render
from sysfuzz.cli.errors import BadInput, bad_input, one_line
from sysfuzz.cli.trial import NoAnswer, tried
from sysfuzz.program.ir import MODES, Program
from sysfuzz.program.lexer import unknown
from sysfuzz.program.text import Source, TextError, load
from sysfuzz.targets import table
from sysfuzz.targets.table import Target, TargetError

REFERENCE = "nosyscalls"

_STATED = re.compile(r"#\s*target:\s*(\S+)\s*")

target_option = click.option(
    "--target",
    metavar="T",
    help="A name of 'sysfuzz targets', or your own core as module:attribute or ./library.so. "
    f"Default: what the file says in '# target: T', else {REFERENCE}.",
)


class GivenPath(click.Path):
    """A path on the command line. An empty one, as an unset variable makes it, would mean the working directory, and is refused."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """The path. Raises a usage error that names the parameter."""
        if value == "":
            self.fail("the path is empty", param, ctx)
        return super().convert(value, param, ctx)


class Named(NamedTuple):
    """The name of a target and who says it: `--target`, or file and line."""

    name: str
    where: str


def read_program(path: Path) -> Source:
    """The program in a file."""
    with bad_input(TextError):
        return load(path)


def program_files(paths: Iterable[Path]) -> list[Path]:
    """The files among `paths`, and all `*.prog` files below the directories among them, in order, each once."""
    found: dict[Path, None] = {}
    for path in paths:
        files = programs_below(path) if path.is_dir() else [path]
        if not files:
            raise BadInput(f"{path}: no *.prog file in this directory")
        found.update(dict.fromkeys(files))
    return list(found)


def programs_below(directory: Path) -> list[Path]:
    """All `*.prog` files below a directory, in order; hidden ones are left out, for they may be unfinished."""
    with bad_input():
        walk = os.walk(directory, onerror=_raise)
        return sorted(path for home, _, names in walk for path in map(Path(home).joinpath, names) if _is_program(path))


def _is_program(path: Path) -> bool:
    """By its name; a pipe that lies there would never be read to its end, but a link that leads nowhere should be told."""
    return path.suffix == ".prog" and not path.name.startswith(".") and (path.is_file() or path.is_symlink())


def _raise(error: OSError) -> NoReturn:
    raise error


def choose_target(option: str | None, source: Source) -> Named:
    """The target that the command line names, else the file's header comment `# target: T`, else the reference."""
    if option is not None:
        return Named(option, "--target")
    for number, line in enumerate(source.preamble, 1):
        if match := _STATED.fullmatch(line):
            return Named(match[1], f"{source.file}:{number}")
    return Named(REFERENCE, "--target")


def open_target(named: Named) -> Target:
    """The target, known to boot."""
    name, where = named
    if table.is_own(name):
        find_own_cores()
        try:
            problem = tried(lambda: _problem(name))
        except NoAnswer as error:
            problem = f"target {name} cannot be used: importing and booting it {error}"
        if problem:
            raise BadInput(f"{where}: {problem}")
    elif name not in table.names():
        raise unknown_target(named)
    return table.get(name)


def unknown_target(named: Named) -> BadInput:
    """What is said of a name that is none."""
    name, where = named
    own = "or your own core as module:attribute or ./library.so"
    return BadInput(f"{where}: {unknown('target', name, table.names())}, {own}")


def find_own_cores() -> None:
    """Import as `python -m` does: the user's module most often lies where the command is run."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())


def _problem(name: str) -> str:
    """Why a core cannot be used, or "": one that does not even boot would be a panic in each program. A mistake in the core, or in its name."""
    try:
        # This process is there for what a module may do to it.
        target = table.get(name, contained=table.is_library(name))
    except TargetError as error:
        return one_line(error)
    except SystemExit:
        return f"target {name!r}: the module ends Python when it is imported"
    except BaseException as error:  # one of the module's own, or KeyboardInterrupt: the user's goes to the parent
        return one_line(f"target {name!r}: importing it failed: {type(error).__name__}: {error}").removesuffix(":")
    for mode in MODES:
        try:
            panic = target.run(Program(mode)).panic
        except BaseException as error:  # SystemExit, or one of the core's own
            return (
                f"target {name} does not follow the protocol of a core: {one_line(f'{type(error).__name__}: {error}')}"
            )
        if panic is not None:
            return f"target {name} does not boot in mode {mode}: {render.panic(panic)}"
    return ""
