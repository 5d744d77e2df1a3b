"""One runner at a time: the lock of a campaign's directory, and who holds it.

The kernel gives the lock back when its holder ends, however it does, so that a lock never outlives anybody. What runner.json says is for people.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sysfuzz.campaign.durable import Damaged, read, show
from sysfuzz.campaign.layout import Layout

_PATIENCE = 1.0  # seconds: whoever only asks whether there is a holder holds the lock for an instant
_POLL = 0.02


class Held(Exception):
    """Another process has the directory; the text says who."""


@contextmanager
def hold(layout: Layout, who: Mapping[str, object]) -> Iterator[None]:
    """Have the directory alone, and say so in runner.json. Raises Held."""
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _locked(descriptor):
            if time.monotonic() > deadline:
                raise Held(f"{layout.home}: another process has this campaign: {holder(layout)}")
            time.sleep(_POLL)
        show(layout.runner, who)
        yield
    finally:
        os.close(descriptor)


def is_held(layout: Layout) -> bool:
    """Whether a process has the directory."""
    try:
        descriptor = os.open(layout.lock, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return False
    try:
        return not _locked(descriptor, fcntl.LOCK_SH)  # others may ask at the same time
    finally:
        os.close(descriptor)


def holder(layout: Layout) -> str:
    """Who holds the lock, or held it last, in words."""
    try:
        who = read(layout.runner)
    except (OSError, Damaged):
        return "it has not said who it is"
    return f"process {who.get('pid')} on {who.get('host')} since {who.get('started')}: {who.get('command')}"


def _locked(descriptor: int, how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
