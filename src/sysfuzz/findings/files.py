"""Writing files so that a crash, a full disk or a second process leaves the old contents or the new, never a part.

Every failure is a StoreError that names the file. This file does not know what it writes.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_UNFINISHED = ".unfinished"
_MAX_FILE = 1 << 24  # bytes; nothing that people or a store write comes near, and a link to /dev/zero has no end


class StoreError(Exception):
    """A file or directory cannot be written or read; `str(error)` is one line, `path: what: why`."""


@contextmanager
def located(path: Path, what: str) -> Iterator[None]:
    """Turn an OSError into a StoreError about `path`; `what` says what was to be done."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: {what}: {error.strerror or error}") from error


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold `directory/.lock` alone among all processes and threads; the directory is made if it is missing.

    What an earlier holder left unfinished is removed.
    """
    with located(directory, "cannot make the directory"):
        directory.mkdir(parents=True, exist_ok=True)
    with located(directory / ".lock", "cannot lock"):
        lock = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            os.close(lock)
            raise
    try:
        shutil.rmtree(directory / _UNFINISHED, ignore_errors=True)
        yield
    finally:
        os.close(lock)


def read_text(path: Path) -> str:
    """The text of a file, U+FFFD for what is not UTF-8. Nobody is waited for: a pipe that lies there holds nothing."""
    with located(path, "cannot read"), open(path, "rb", opener=_without_waiting) as file:
        data = file.read(_MAX_FILE + 1) or b""
    if len(data) > _MAX_FILE:
        raise StoreError(f"{path}: is too long; supported: at most {_MAX_FILE:,} bytes")
    return data.decode(errors="replace")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def add_directory(directory: Path, files: Mapping[str, str]) -> None:
    """Make `directory`, which does not exist, with `files` by name, all at once. The lock of its parent is held."""
    with _prepared(directory, files) as unfinished:
        os.rename(unfinished, directory)
        _sync(directory.parent)


def replace_files(directory: Path, files: Mapping[str, str]) -> None:
    """Replace `files` of an existing directory in the given order; none is touched before all contents are on disk."""
    with _prepared(directory, files) as unfinished:
        for name in files:
            os.replace(unfinished / name, directory / name)
        _sync(directory)


@contextmanager
def _prepared(directory: Path, files: Mapping[str, str]) -> Iterator[Path]:
    """A directory beside `directory` that holds `files`, through to the disk; what is left of it is removed."""
    unfinished = directory.parent / _UNFINISHED
    try:
        with located(directory, "cannot write"):
            unfinished.mkdir()
            for name, text in files.items():
                _write(unfinished / name, text)
            _sync(unfinished)
            yield unfinished
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write(path: Path, text: str) -> None:
    """Write a new file through to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        rest = memoryview(text.encode())
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(directory: Path) -> None:
    """Write a directory's names through to the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
