"""A disk that loses what was not synced: what this process writes is recorded step by step, and any of what a crash of the machine may leave of
it can be laid out.

Of a file that is what it held at its last `fsync`, and of what was written since then nothing, a part, or as many zeros. Of a directory it is
what it held at its last `fsync`, and of the names made and changed since then any, whatever came first: fsync(2) promises no more.
"""

import os
import random
import threading
from pathlib import Path
from typing import Any, NamedTuple

import pytest

File = int | str  # a file by number; a directory by its path


class Step(NamedTuple):
    """Something that was done: "write" or "sync" of a file; "sync" of a directory, or a name in it that is made, or takes the place of `old`."""

    what: str
    file: File
    data: bytes = b""
    name: str = ""
    old: str = ""
    held: File = ""  # by the name


class Disk:
    """What is done below a directory with the `os` module from now on, by any thread; what is there before is on the disk."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[Step] = []
        self._home = str(home)
        self._lock = threading.RLock()
        self._contents: dict[File, bytes] = {}  # of the files, as they were at first
        self._names: dict[File, dict[str, File]] = {}  # of the directories, as they were at first
        self._files: dict[str, File] = {}  # by their paths, now
        self._open: dict[int, File] = {}  # by descriptor
        self._count = 0
        for where, directories, files in os.walk(home):
            for name in files:
                self._contents[self._made(f"{where}/{name}")] = Path(where, name).read_bytes()
            self._files[where] = where
            self._names[where] = {name: f"{where}/{name}" for name in directories}
            self._names[where] |= {name: self._files[f"{where}/{name}"] for name in files}
        for name in ("open", "write", "fsync", "replace", "mkdir"):
            monkeypatch.setattr(os, name, self._recording(name, getattr(os, name)))

    def crash(self, steps: int, rng: random.Random, place: Path) -> None:
        """Lay out in `place`, which does not exist, something that may be left if the machine crashes after so many steps."""
        contents = dict(self._contents)
        names = {where: dict(held) for where, held in self._names.items()}
        late: dict[File, bytes] = {}
        unnamed: dict[File, list[Step]] = {}
        for step in self.steps[:steps]:
            if step.what == "write":
                late[step.file] = late.get(step.file, b"") + step.data
            elif step.what == "name":
                unnamed.setdefault(step.file, []).append(step)
            elif isinstance(step.file, int):
                contents[step.file] = contents.get(step.file, b"") + late.pop(step.file, b"")
            else:
                _name(names.setdefault(step.file, {}), unnamed.pop(step.file, []))
        for file, data in late.items():
            rest = rng.choice((b"", data[: rng.randrange(len(data) + 1)], data, bytes(len(data))))
            contents[file] = contents.get(file, b"") + rest
        for where, made in unnamed.items():
            _name(names.setdefault(where, {}), [step for step in made if rng.random() < 0.5])
        _lay_out(self._home, place, names, contents)

    def _made(self, path: str) -> int:
        self._count += 1
        self._files[path] = self._count
        return self._count

    def _recording(self, name: str, real: Any) -> Any:
        def recorded(what: Any, *more: Any, **named: Any) -> Any:
            with self._lock:
                result = real(what, *more, **named)
                getattr(self, f"_see_{name}")(result, what, *more)
                return result

        return recorded

    def _see_open(self, descriptor: int, path: Any, flags: int, *_: Any) -> None:
        where = os.fspath(path)
        self._open.pop(descriptor, None)
        if not isinstance(where, str) or not where.startswith(self._home):
            return
        if flags & os.O_CREAT and where not in self._files:
            self._see_name(self._made(where), where)
        if where in self._files:
            self._open[descriptor] = self._files[where]

    def _see_write(self, length: int, descriptor: int, data: Any) -> None:
        if descriptor in self._open:
            self.steps.append(Step("write", self._open[descriptor], bytes(data[:length])))

    def _see_fsync(self, _: None, descriptor: int) -> None:
        if descriptor in self._open:
            self.steps.append(Step("sync", self._open[descriptor]))

    def _see_replace(self, _: None, old: Any, new: Any) -> None:
        before, after = os.fspath(old), os.fspath(new)
        assert os.path.dirname(before) == os.path.dirname(after)
        self._files[after] = self._files.pop(before)
        self._see_name(self._files[after], after, os.path.basename(before))

    def _see_mkdir(self, _: None, path: Any, *__: Any) -> None:
        where = os.fspath(path)
        self._files[where] = where
        self._see_name(where, where)

    def _see_name(self, held: File, path: str, old: str = "") -> None:
        directory, name = os.path.split(path)
        self.steps.append(Step("name", directory, name=name, old=old, held=held))


def _name(names: dict[str, File], made: list[Step]) -> None:
    for step in made:
        names.pop(step.old, None)
        names[step.name] = step.held


def _lay_out(where: str, place: Path, names: dict[File, dict[str, File]], contents: dict[File, bytes]) -> None:
    place.mkdir()
    for name, file in names.get(where, {}).items():
        if isinstance(file, str):
            _lay_out(file, place / name, names, contents)
        else:
            (place / name).write_bytes(contents.get(file, b""))
