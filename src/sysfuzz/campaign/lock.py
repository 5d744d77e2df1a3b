"""One runner at a time: the lock of a campaign's directory, and who holds it.

What is locked is the directory, wherever it goes; all that a campaign writes goes by its path. So whoever holds the lock must ask from time to
time whether the path still leads there. What runner.json says is for people.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from sysfuzz.campaign.durable import Damaged, read, show
from sysfuzz.campaign.flock import ALONE, TOGETHER, locked
from sysfuzz.campaign.layout import Layout

_PATIENCE = 1.0  # seconds: whoever only asks whether there is a holder holds the lock for an instant
_POLL = 0.02


class Held(Exception):
    """Another process has the directory; the text says who."""


class Moved(Damaged):
    """The path of the directory leads to another one by now, or to none."""


class Place:
    """The directory that a path leads to, told from any other that may take its place; its lock is held."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._identity = _identity(layout)

    def is_moved(self) -> bool:
        """Whether the path does not lead to it any more. Raises OSError."""
        return self._identity is None or _identity(self._layout) != self._identity

    def check(self) -> None:
        """Raise Moved if so."""
        if self.is_moved():
            raise Moved(
                f"{self._layout.home}: is not the directory any more that it was: somebody has moved or removed it"
            )


@contextmanager
def hold(layout: Layout, who: Mapping[str, object]) -> Iterator[None]:
    """Have the directory alone, and say so in runner.json; it is asked to end no more. Raises Held, OSError."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            if _take(layout, descriptor):
                show(layout.runner, who)
                yield
                return
        finally:
            os.close(descriptor)
        if time.monotonic() > deadline:
            raise Held(f"{layout.home}: another process has this campaign: {holder(layout)}")
        time.sleep(_POLL)


def is_held(layout: Layout) -> bool:
    """Whether a process has the directory. Raises OSError."""
    try:
        descriptor = os.open(layout.lock, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return False
    try:
        return not locked(descriptor, layout.lock, TOGETHER, wait=False)  # others may ask at the same time
    finally:
        os.close(descriptor)


def holder(layout: Layout) -> str:
    """Who holds the lock, or held it last, in words."""
    try:
        who = read(layout.runner)
    except (OSError, Damaged):
        return "it has not said who it is"
    return f"process {who.get('pid')} on {who.get('host')} since {who.get('started')}: {who.get('command')}"


def _take(layout: Layout, descriptor: int) -> bool:
    """Whether the lock is had, and the path leads to the directory that is locked.

    What asks to end was meant for a runner before this one if it is older than the lock, by the clock of the same file system.
    """
    os.utime(descriptor)
    now = os.fstat(descriptor)
    if not locked(descriptor, layout.lock, ALONE, wait=False) or _identity(layout) != (now.st_dev, now.st_ino):
        return False
    with suppress(FileNotFoundError):
        if layout.stop.stat().st_mtime_ns < now.st_mtime_ns:
            layout.stop.unlink()
    return True


def _identity(layout: Layout) -> tuple[int, int] | None:
    """What no other directory's lock has, while this one exists; None if the path leads to none."""
    try:
        state = os.stat(layout.lock)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return state.st_dev, state.st_ino
