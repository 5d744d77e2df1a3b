"""The version of a core: a hash over everything that decides what a program shows and what is a bug.

That are the sources of sysfuzz from programs to oracles, the packages that an outcome rests on, and of a core of the user's own every file
that importing it reads: modules, and whatever Python code opens or loads as a library meanwhile. Of a core that is a library itself its file
alone counts. What a core reads later, or another process for it, is not seen. Features and verdicts of one version say nothing about another.

Whether a core has changed is asked twice in every epoch. The files are read again only if one of them, or a directory that one may come or go
in, is not the same inode with the same size and the same time of the last change (`st_ctime`, which nobody can set) as when they were read.
"""

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import sysfuzz
from sysfuzz.engine.process import EngineError
from sysfuzz.findings.provenance import installed_versions
from sysfuzz.targets.table import is_library

# Not generate, which decides about what is tried next and not about what that shows; nor whatever is above the oracles.
_PACKAGES = ("program", "x86", "kernel", "spec", "machine", "targets", "oracles", "feedback")
_DIGITS = 16
_SECONDS = 60.0  # for an import
_LAST_WORDS = 300

# A file that changes twice within one tick of the file system's clock has the same time after both. Ticks are 10 ms at most on a disk of Linux's
# own (CONFIG_HZ=100) and 2 s on FAT; a look that is so soon after a change proves nothing, and the files are read again.
_TICK_NS = 2_000_000_000


class Changed(Exception):
    """The core, or sysfuzz, is not any more what it was: what has been told meanwhile may be of either."""


class Core:
    """The files of a target, and their version as it was when they were first looked at. Threads may ask at the same time."""

    def __init__(self, files: tuple[Path, ...]) -> None:
        """`files` are of the user's own. Raises OSError."""
        self.files = files
        self._seen = _Seen.now(files)  # before they are read, so that the next look sees what changes meanwhile
        self.version = _version(files)

    @classmethod
    def of(cls, target: str) -> "Core":
        """The core with this name. EngineError: it cannot be imported. OSError: it cannot be read."""
        return cls(_own_files(target))

    def has_changed(self) -> bool:
        """Whether the files hold anything else by now."""
        if self._seen.still():
            return False
        try:
            seen = _Seen.now(self.files)
            if _version(self.files) != self.version:
                return True
        except OSError:  # an editor replaces one just now
            return True
        self._seen = seen
        return False

    def check(self) -> None:
        """Raise Changed if they do."""
        if self.has_changed():
            raise Changed


class _Seen(NamedTuple):
    """Places as they stood at some time."""

    places: tuple[str, ...]  # files, and all directories where one may come or go
    states: tuple[tuple[int, ...], ...]
    when: int  # ns, before the first of them was looked at

    @classmethod
    def now(cls, files: Sequence[Path]) -> "_Seen":
        """As they stand. A version of an installed package comes and goes with a directory below `sys.path`."""
        when = time.time_ns()
        home = Path(sysfuzz.__file__).parent
        directories = [where for package in _PACKAGES for where, _, _ in os.walk(home / package)]
        paths = (*map(str, _sources(home)), *map(str, files), *directories, *(path or os.curdir for path in sys.path))
        return cls(paths, tuple(map(_state, paths)), when)

    def still(self) -> bool:
        """Whether they stand so still, for certain."""
        return max(self.states)[0] < self.when - _TICK_NS and tuple(map(_state, self.places)) == self.states


def _state(path: str) -> tuple[int, ...]:
    try:
        state = os.stat(path)
    except OSError:
        return (0,)
    return state.st_ctime_ns, state.st_ino, state.st_dev, state.st_size


def _sources(home: Path) -> list[Path]:
    return [path for package in _PACKAGES for path in sorted((home / package).rglob("*.py"))]


def _version(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    home = Path(sysfuzz.__file__).parent
    for path in (*_sources(home), *files):
        name = path.relative_to(home) if path.is_relative_to(home) else path
        digest.update(f"{name}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    versions = {name: version for name, version in installed_versions().items() if name != "atheris"}
    digest.update(json.dumps(versions, sort_keys=True).encode())
    return digest.hexdigest()[:_DIGITS]


def _own_files(target: str) -> tuple[Path, ...]:
    if is_library(target):
        return (Path(target).resolve(),)
    if ":" not in target:
        return ()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", __name__, target.partition(":")[0]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"target {target}: importing it came to no end within {_SECONDS:g} s") from None
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip()[-_LAST_WORDS:]
        raise EngineError(f"target {target}: importing it failed\n{words}")
    return tuple(map(Path, json.loads(done.stdout.splitlines()[-1])))


def main(module: str) -> None:
    """Print the files that importing a module reads, but for those of Python and those that every target needs."""
    import_module("sysfuzz.targets.table")
    before = set(sys.modules)
    watch = _Watch()
    sys.addaudithook(watch)
    import_module(module)
    modules = {getattr(sys.modules[name], "__file__", None) for name in set(sys.modules) - before}
    files = {os.path.realpath(file) for file in modules if file is not None} | watch.read()
    print(json.dumps(sorted(file for file in files if os.path.isfile(file) and not _is_of_the_system(Path(file)))))


class _Watch:
    """The files that Python code opens, by the interpreter's audit events (PEP 578)."""

    def __init__(self) -> None:
        self._read: set[str] = set()
        self._written: set[str] = set()  # what it makes itself says nothing, and is another each time

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """What the interpreter tells before it does it."""
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str | bytes) and isinstance(flags, int):
                (self._read if flags & os.O_ACCMODE == os.O_RDONLY else self._written).add(_place(path))
        elif event == "ctypes.dlopen" and isinstance(arguments[0], str | bytes):
            self._read.add(_place(arguments[0]))

    def read(self) -> set[str]:
        """Those that are only read; not compiled modules, whose sources count."""
        return {path for path in self._read - self._written if not path.endswith(".pyc")}


def _place(path: str | bytes) -> str:
    return os.path.realpath(os.fsdecode(path))


def _is_of_the_system(path: Path) -> bool:
    """Whether a file is Python's own, or none that is stored anywhere."""
    if any(path.is_relative_to(sysconfig.get_path(name)) for name in ("purelib", "platlib")):  # they may lie in stdlib
        return False
    own = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
    return any(map(path.is_relative_to, (*own, "/proc", "/sys")))


if __name__ == "__main__":
    main(sys.argv[1])
