"""A file of JSON lines that a run appends to: by one writer, each line on disk before the next, so that any end leaves a file to go on from.

A run that was killed can leave half a line. It is cut off if it begins as every line of the file does; anything else somebody else has written,
and is not ours to remove. What a line says is not known here.
"""

import errno
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

_LONGEST = 1 << 20  # bytes; the longest of ours, the lines of the core that the reference reaches, has some 10,000


class BadLines(Exception):
    """The file cannot be read, or not be gone on with; `str(error)` is one line that begins with its name."""


class Line(NamedTuple):
    """A line that is not empty, and its place, `file:line`."""

    place: str
    text: str


class Lines(NamedTuple):
    """What a file holds."""

    lines: list[Line]
    half: int  # bytes at its end that are half a line
    ended: bool  # the last whole line has its end


def read(path: Path, head: str) -> Lines:
    """The lines of a file, each of which should begin with `head`; U+FFFD for what is not UTF-8. BadLines."""
    found = []
    place, last = "", b"\n"
    with _located(path):
        _refuse_special(path)
        with path.open("rb") as file:
            number = 0
            while data := file.readline(_LONGEST):
                number, place, last = number + 1, f"{path}:{number + 1}", data
                if not data.endswith(b"\n") and len(data) == _LONGEST:
                    raise BadLines(f"{place}: the line is too long; supported: at most {_LONGEST:,} bytes")
                if data.strip():
                    found.append(Line(place, data.decode(errors="replace").rstrip("\r\n")))
    if last.endswith(b"\n"):
        return Lines(found, 0, ended=True)
    if _is_json(last):
        return Lines(found, 0, ended=False)
    start = head.encode()
    if not (last.startswith(start) or start.startswith(last)):
        raise BadLines(
            f"{place}: half a line that no run of this command has left; supported: a new file, or one of an earlier run"
        )
    if last.strip():
        found.pop()
    return Lines(found, len(last), ended=True)


class Appending:
    """A file of lines that this process alone appends to."""

    def __init__(self, path: Path, head: str) -> None:
        """Open or make it, and read it; see `read`. BadLines, also if another process has it."""
        self._path, self._head = path, head
        with _located(path):
            _refuse_special(path)
            self._file = path.open("ab", buffering=0)
        try:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BadLines(f"{path}: another run is writing to it") from None
            self.found = self.read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "Appending":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def read(self) -> Lines:
        """What it holds now."""
        return read(self._path, self._head)

    def repair(self) -> int:
        """Cut off half a line, and end the last one; the bytes that were cut off. For when the whole lines are known to be ours."""
        with _located(self._path):
            if self.found.half:
                self._file.truncate(os.fstat(self._file.fileno()).st_size - self.found.half)
            if not self.found.ended:
                self._file.write(b"\n")
        return self.found.half

    def add(self, record: Mapping[str, object]) -> None:
        """Append a record; it is on disk when this returns. BadLines: it may be there in half."""
        line = json.dumps(record).encode() + b"\n"
        with _located(self._path):
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())


@contextmanager
def _located(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadLines(f"{path}: {error.strerror or error}") from error


def _refuse_special(path: Path) -> None:
    """A device has no end, a pipe no beginning."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.exists() and not path.is_file():
        raise BadLines(f"{path}: no regular file; supported: a new file, or one of an earlier run")


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (RecursionError, ValueError):
        return False
    return True
