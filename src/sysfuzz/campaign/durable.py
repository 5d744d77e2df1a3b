"""Files that survive the death of their writer: at any moment each holds the old contents or the new, on the disk.

A file is written beside its place and renamed; a line is appended, and counts once its line feed is there. After a crash of the machine a name
may lead to contents that never got to the disk, and of two changes the second may be there without the first, unless `fsync` came between them
(fsync(2), rename(2)). So contents are synced before they get their name, and names, by their directory, before anybody relies on them: whatever
a function here was asked to write is on the disk when it returns, and whoever writes two things one after the other finds the second never
without the first.

Whoever writes is the only one who does: nothing is locked here. A process that is killed cleans nothing up: `strays` and `mend` do that when the
next one starts. Where the writer lives, but the disk is full, the old contents stay, and it may go on when there is room. Knows nothing of what
is written.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

UNFINISHED = ".new-"  # begins the name of a file that is being written

# A file system puts all that wait in `fsync` at the same time on the disk together. 1,000 files of 500 bytes on ext4 took 4.9 to 5.5 s one
# after the other, 0.3 to 0.4 s with 16 threads, no less with 64 or 128. `syncfs` took 0.2 s, but also waits for all that others write.
_AT_ONCE = 16


class Damaged(Exception):
    """A file does not hold what it should; the text is one line, `path: what`, or `path:line: what`."""


Sound = Callable[
    [Mapping[str, Any], str], None
]  # raises Damaged, with the place given, if a record is not what it should be


class Line(NamedTuple):
    """A record of a file of lines, and the offset of what follows."""

    record: dict[str, Any]
    end: int


def write(path: Path, text: str) -> None:
    """Let `path` hold `text`; its directory exists."""
    unfinished = _beside(path)
    _put(unfinished, text.encode())
    os.replace(unfinished, path)
    sync(path.parent)


def write_all(texts: Mapping[Path, str]) -> None:
    """As `write`, for many files at once: until this returns any of them may be there and any not, and none in part."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(lambda path: _put(_beside(path), texts[path].encode()), texts):
            pass  # what a thread raises is raised here
    for path in texts:
        os.replace(_beside(path), path)
    for directory in dict.fromkeys(path.parent for path in texts):
        sync(directory)


def show(path: Path, record: Mapping[str, object]) -> None:
    """Let `path` hold `record`; what a crash of the machine makes of it does not matter."""
    unfinished = _beside(path)
    unfinished.write_text(dump(record), encoding="utf-8")
    os.replace(unfinished, path)


def append(path: Path, records: list[dict[str, Any]]) -> None:
    """Add lines to a file, which is made if it is missing; its directory exists. OSError: none is added. Half a line at its end goes first."""
    if not records:
        return
    with _open(path, os.O_RDWR | os.O_APPEND) as descriptor:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            size -= mend(path)
        try:
            _through(descriptor, "".join(map(dump, records)).encode())
        except BaseException:  # a full disk takes a part of a line, and the next one must not be glued to it
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
            raise
    if not size:
        sync(path.parent)


def dump(record: Mapping[str, object]) -> str:
    """A record as a line."""
    return json.dumps(record, separators=(",", ":")) + "\n"


def make(directory: Path) -> None:
    """Make a directory, and those above it."""
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


def read(path: Path, sound: Sound = lambda record, place: None) -> dict[str, Any]:
    """The record in a file, if it is `sound`. Raises Damaged, OSError."""
    record = _parsed(path.read_bytes(), str(path))
    sound(record, str(path))
    return record


def lines(path: Path, start: int = 0, sound: Sound = lambda record, place: None) -> Iterator[Line]:
    """The whole lines from offset `start` on, each `sound`; none if there is no file. Half a line at the end is no line yet. Raises Damaged,
    OSError.
    """
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
            record = _parsed(data, place)
            sound(record, place)
            yield Line(record, end)


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


def _beside(path: Path) -> Path:
    return path.with_name(f"{UNFINISHED}{path.name}")


def _put(path: Path, data: bytes) -> None:
    with _open(path, os.O_WRONLY | os.O_TRUNC) as descriptor:
        _through(descriptor, data)


@contextmanager
def _open(path: Path, how: int) -> Iterator[int]:
    """The file as a descriptor. What the system says of that it says of this file."""
    descriptor = os.open(path, how | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        yield descriptor
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        os.close(descriptor)


def _through(descriptor: int, data: bytes) -> None:
    """Write on, to the disk."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)


def _parsed(data: bytes, place: str) -> dict[str, Any]:
    try:
        record = json.loads(data)
    except ValueError as error:
        raise Damaged(f"{place}: is not JSON: {error}") from None
    if not isinstance(record, dict):
        raise Damaged(f"{place}: is no record")
    return record
