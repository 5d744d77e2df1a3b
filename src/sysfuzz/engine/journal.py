"""The journal: the memory that a worker shares with its parent.

A worker writes the input here before it executes it, so that its death, however sudden, has a culprit; beside it stand the numbers that the
parent shows and the one that the parent writes: how many executions the worker may start. Both sides map one file and use no locks: each
field has one writer, and an aligned word is stored at once. Knows neither processes nor libFuzzer.
"""

import mmap
import os
from pathlib import Path
from typing import NamedTuple

# One 64-bit word each.
_LIMIT, _BEGUN, _ENDED, _LENGTH, _FAULTS, _SHOWN, _LATEST, _READY = range(8)
_HEADER = 8 * 8


class Numbers(NamedTuple):
    """What a worker has published."""

    executions: int  # started, the one in progress included
    faults: int  # engine faults, not only the distinct ones
    shown: int  # executions that showed a bug, known or not
    latest: int  # number of the execution that was the last to show a new feature
    ready: bool  # the job is built and libFuzzer runs
    executing: bool  # the last execution has not ended


class Journal:
    """One mapping of the file; the worker and the parent each make their own."""

    def __init__(self, path: Path, max_input: int, counters: int, *, create: bool = False) -> None:
        """Map the file at `path`, with room for an input of `max_input` bytes and for `counters` seen counters."""
        self._max_input = max_input
        size = _HEADER + max_input + counters
        with path.open("x+b" if create else "r+b") as file:
            if create:
                file.truncate(size)
            elif os.fstat(file.fileno()).st_size != size:
                raise ValueError(f"{path}: {os.fstat(file.fileno()).st_size} bytes, not {size}")
            self._map = mmap.mmap(file.fileno(), size)
        self._words = memoryview(self._map)[:_HEADER].cast("Q")

    # The worker's side.

    def begin(self, data: bytes) -> bool:
        """Note that `data` is executed from here on; False if the limit is reached, and then nothing is noted."""
        words = self._words
        begun = words[_BEGUN]
        if begun >= words[_LIMIT]:
            return False
        length = len(data)
        self._map[_HEADER : _HEADER + length] = data
        words[_LENGTH] = length
        words[_BEGUN] = begun + 1
        return True

    def end(self) -> None:
        """Note that the last execution has ended."""
        self._words[_ENDED] = self._words[_BEGUN]

    def ready(self) -> None:
        """Note that executions are about to start."""
        self._words[_READY] = 1

    def add_fault(self) -> None:
        """Count an engine fault."""
        self._words[_FAULTS] += 1

    def add_shown(self) -> None:
        """Count an execution that showed a bug."""
        self._words[_SHOWN] += 1

    def publish(self, seen: bytes) -> None:
        """Replace the seen counters, one byte each: the last execution has shown something new."""
        self._words[_LATEST] = self._words[_BEGUN]
        start = _HEADER + self._max_input
        self._map[start : start + len(seen)] = seen

    # The parent's side.

    def allow(self, executions: int) -> None:
        """Set the total number of executions that the worker may start; 0 stops it before the next."""
        self._words[_LIMIT] = executions

    def numbers(self) -> Numbers:
        """The worker's numbers now."""
        words = self._words.tolist()
        return Numbers(
            executions=words[_BEGUN],
            faults=words[_FAULTS],
            shown=words[_SHOWN],
            latest=words[_LATEST],
            ready=bool(words[_READY]),
            executing=words[_ENDED] < words[_BEGUN],
        )

    def input(self) -> bytes:
        """The input of the last execution that was started."""
        return self._map[_HEADER : _HEADER + self._words[_LENGTH]]

    def seen(self) -> bytes:
        """The seen counters as last published, one byte each."""
        return self._map[_HEADER + self._max_input :]

    def close(self) -> None:
        """Unmap the file."""
        self._words.release()
        self._map.close()
