"""Files that survive the death of their writer: at any moment each holds the old contents or the new, on the disk.

A file is written beside its place and renamed; a line is appended, and counts once its line feed is there. Whoever writes is the only one
who does: nothing is locked here. Nothing is cleaned up on the way out either, since a process that is killed has none: `strays` and `mend` do
that when the next one starts. Knows nothing of what is written.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

UNFINISHED = ".new-"  # begins the name of a file that is being written


class Damaged(Exception):
    """A file does not hold what it should; the text is one line, `path: what`, or `path:line: what`."""


class Line(NamedTuple):
    """A record of a file of lines, and the offset of what follows."""

    record: dict[str, Any]
    end: int


def write(path: Path, text: str) -> None:
    """Let `path` hold `text`, through to the disk; its directory exists."""
    place(path, text)
    sync(path.parent)


def place(path: Path, text: str) -> None:
    """As `write`, but for the name, which is on the disk once the directory is in `sync`."""
    unfinished = path.with_name(f"{UNFINISHED}{path.name}")
    _put(unfinished, text.encode(), os.O_TRUNC)
    os.replace(unfinished, path)


def show(path: Path, record: Mapping[str, object]) -> None:
    """Let `path` hold `record`; what a crash of the machine makes of it does not matter."""
    unfinished = path.with_name(f"{UNFINISHED}{path.name}")
    unfinished.write_text(dump(record), encoding="utf-8")
    os.replace(unfinished, path)


def append(path: Path, records: list[dict[str, Any]]) -> None:
    """Add lines to a file that ends with a whole one, or does not exist; its directory does."""
    if not records:
        return
    new = not path.exists()
    _put(path, "".join(map(dump, records)).encode(), os.O_APPEND)
    if new:
        sync(path.parent)


def dump(record: Mapping[str, object]) -> str:
    """A record as a line."""
    return json.dumps(record, separators=(",", ":")) + "\n"


def make(directory: Path) -> None:
    """Make a directory, and those above it, through to the disk."""
    if not directory.is_dir():
        make(directory.parent)
        directory.mkdir(exist_ok=True)
        sync(directory.parent)


def sync(directory: Path) -> None:
    """Write a directory's names through to the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path) -> dict[str, Any]:
    """The record in a file. Raises Damaged, OSError."""
    return _parsed(path.read_bytes(), str(path))


def lines(path: Path, start: int = 0) -> Iterator[Line]:
    """The whole lines from offset `start` on; none if there is no file. Half a line at the end is no line yet. Raises Damaged, OSError."""
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(start)
        end = start
        for data in file:
            if not data.endswith(b"\n"):
                return
            place = f"{path} at byte {end}"
            end += len(data)
            yield Line(_parsed(data, place), end)


def mend(path: Path) -> int:
    """Cut off half a line at the end, which its writer did not live to end; how many bytes that were."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole == len(data):
        return 0
    with path.open("r+b") as file:
        file.truncate(whole)
        os.fsync(file.fileno())
    return len(data) - whole


def strays(home: Path) -> list[Path]:
    """What was being written below `home`, in order; with no writer alive nobody will end it."""
    return sorted(
        Path(where) / name for where, _, names in os.walk(home) for name in names if name.startswith(UNFINISHED)
    )


def _put(path: Path, data: bytes, how: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parsed(data: bytes, place: str) -> dict[str, Any]:
    try:
        record = json.loads(data)
    except ValueError as error:
        raise Damaged(f"{place}: is not JSON: {error}") from None
    if not isinstance(record, dict):
        raise Damaged(f"{place}: is no record")
    return record
