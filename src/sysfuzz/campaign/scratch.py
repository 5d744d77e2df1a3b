"""Where a run and its processes leave their temporary files: in a directory of their own, which goes when they end, or if they were killed, when
others come.

Whoever uses such a directory has it locked, and none is taken for the holder who only has its process number. All directories of a kind lie in
one, which is locked while one of them comes or goes. Knows nothing of what is in them.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sysfuzz.campaign.flock import ALONE, TOGETHER, locked
from sysfuzz.engine.memory import in_memory


@contextmanager
def scratch() -> Iterator[Path]:
    """Make an empty directory the place of temporary files, of this process and its children; it is removed in the end.

    It lies in memory, or in TMPDIR if that is set. What runs that were killed have left there is removed first.
    """
    with used(shared("runs"), f"{time.monotonic_ns()}-{os.getpid()}") as home:
        yield home


def shared(kind: str) -> Path:
    """The directory of all directories of a kind, of one user on one machine."""
    return Path(in_memory() or tempfile.gettempdir()) / f"sysfuzz-{kind}-{os.getuid()}"


@contextmanager
def used(base: Path, name: str, patience: float = 0.0) -> Iterator[Path]:
    """Temporary files of this process lie in the directory `name` of `base`, which is made anew and removed in the end.

    What dead processes have left in `base` is removed first, `patience` seconds after its last change. Raises OSError.
    """
    home = base / name
    with _alone(base):
        for left in dead(base):
            with suppress(FileNotFoundError):  # whoever asks what was left may remove it at any time
                if left == home or time.time() - left.stat().st_mtime >= patience:
                    shutil.rmtree(left, ignore_errors=True)
        home.mkdir(mode=0o700)
        lock = _open(home)
        locked(lock, home, ALONE, wait=True)
    before = os.environ.get("TMPDIR"), tempfile.tempdir
    os.environ["TMPDIR"] = tempfile.tempdir = str(home)
    try:
        yield home
    finally:
        tempfile.tempdir = before[1]
        if before[0] is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before[0]
        shutil.rmtree(home, ignore_errors=True)
        os.close(lock)


def dead(base: Path, beginning: str = "") -> list[Path]:
    """The directories of `base` with names that begin so whose processes have ended, in order."""
    homes = sorted(base.glob(f"{beginning}*")) if base.is_dir() else []
    return [home for home in homes if not _is_used(home)]


@contextmanager
def _alone(base: Path) -> Iterator[None]:
    """Have `base`, which is made if it is missing, alone among all processes. PermissionError: it is somebody else's."""
    base.mkdir(mode=0o700, exist_ok=True)
    lock = _open(base)
    try:
        if os.fstat(lock).st_uid != os.getuid():
            raise PermissionError(f"{base}: belongs to another user")
        locked(lock, base, ALONE, wait=True)
        yield
    finally:
        os.close(lock)


def _is_used(home: Path) -> bool:
    try:
        lock = _open(home)
    except OSError:  # it is gone, or no directory: nothing that may be removed
        return True
    try:
        return not locked(lock, home, TOGETHER, wait=False)  # others may ask at the same time
    finally:
        os.close(lock)


def _open(directory: Path) -> int:
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
