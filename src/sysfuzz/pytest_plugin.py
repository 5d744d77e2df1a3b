"""The pytest plugin: golden programs as tests, wherever pytest collects.

A kernel project drops `*.prog` files beside its own tests. Each is one test: it fails where the target does not yield what the file states, and
is an error where the file, or the target, cannot be used. The target is the one that `--sysfuzz-target` or the ini value `sysfuzz_target`
names, else the one in the file's `# target: T`, else the reference.

pytest loads this file in every project of the environment, so it imports nothing of sysfuzz before the first program is set up, and does
nothing where there is none. What a program states is `program.golden`'s business, and which target is meant `cli.inputs`'s.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sysfuzz.cli.errors import BadInput
    from sysfuzz.program.golden import Golden
    from sysfuzz.program.text import Source
    from sysfuzz.targets.table import Target

_OPTION = "--sysfuzz-target"
_INI = "sysfuzz_target"
_TARGETS: "pytest.StashKey[dict[str, Target | BadInput]]" = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option, and the ini value that it overrides."""
    what = "a name of 'sysfuzz targets', or your own core as module:attribute or ./library.so"
    group = parser.getgroup("sysfuzz", "golden programs of sysfuzz (*.prog)")
    group.addoption(
        _OPTION,
        metavar="T",
        help=f"Run *.prog files on this target: {what}. Default: what the file says in '# target: T', else the reference.",
    )
    parser.addini(_INI, f"run *.prog files on this target: {what}", default="")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "ProgramFile | None":
    """A program, by its name; a hidden one may be unfinished."""
    if file_path.suffix != ".prog" or file_path.name.startswith("."):
        return None
    return ProgramFile.from_parent(parent, path=file_path)


class ProgramFile(pytest.File):
    """A file of one program."""

    def collect(self) -> Iterator["ProgramItem"]:
        """The one test that it is; the file is not read before that runs."""
        yield ProgramItem.from_parent(self, name="check")


class ProgramItem(pytest.Item):
    """The test that a target yields what the program states."""

    _ready: "tuple[Target, Golden]"

    def setup(self) -> None:
        """See that the file and the target can be used; else this test is an error of one line."""
        from sysfuzz.cli.errors import BadInput, bad_input
        from sysfuzz.cli.inputs import read_program
        from sysfuzz.program.golden import StatesNothing, golden
        from sysfuzz.program.text import TextError

        try:
            source = read_program(self._path())
            with bad_input(TextError, StatesNothing):
                self._ready = _target(self.config, source), golden(source)
        except BadInput as error:
            raise _failed(error.message) from None

    def runtest(self) -> None:
        """Run the program and compare."""
        from sysfuzz.cli.contrast import contrast
        from sysfuzz.cli.errors import EngineFault
        from sysfuzz.cli.inputs import REFERENCE
        from sysfuzz.cli.running import run

        target, stated = self._ready
        try:
            outcome, verdicts = run(target, stated.source)
        except EngineFault as error:
            raise _failed(error.message) from None
        # As in `sysfuzz check`: the reference must be clean as well, for a map that is wrong may not show in any result.
        lines = contrast(stated, target.name, outcome, verdicts if target.name == REFERENCE else [])
        if lines:
            raise _failed("\n".join(lines))

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the test is, for pytest."""
        return self.path, None, str(self._path())

    def _path(self) -> Path:
        """The file as a message names it: seen from the working directory if it lies below, and that still exists."""
        try:
            return self.path.relative_to(Path.cwd())
        except (ValueError, FileNotFoundError):
            return self.path


def _failed(text: str) -> BaseException:
    """What pytest shows as `text` alone, with its first line in the summary; reports of it can be sent anywhere."""
    return pytest.fail.Exception(text, pytrace=False)


def _target(config: pytest.Config, source: "Source") -> "Target":
    """The target for a program, tried once a session: one that hangs takes its time, and would for each program. Raises BadInput."""
    from sysfuzz.cli.errors import BadInput
    from sysfuzz.cli.inputs import Named, choose_target, open_target

    option: str | None = config.getoption(_OPTION)
    if option is not None:
        named = Named(option, _OPTION)
    elif ini := config.getini(_INI):
        named = Named(ini, f"{config.inipath}: {_INI}")
    else:
        named = choose_target(None, source)
    targets = config.stash.setdefault(_TARGETS, {})
    if named.name not in targets:
        # A core lies where a conftest.py beside the ini file could import it from.
        if ":" in named.name and str(config.rootpath) not in sys.path:
            sys.path.insert(0, str(config.rootpath))
        try:
            targets[named.name] = open_target(named)
        except BadInput as error:
            targets[named.name] = error
    found = targets[named.name]
    if isinstance(found, BadInput):
        raise found
    return found
