"""The campaign as it stands, for all who ask at once: a thread looks, and whoever asks gets what it saw last.

A look at a small campaign takes milliseconds, and whoever asks waits for it; one at thousands of findings takes longer than an answer may and is
made ahead. How often follows from what a look costs: one core is never busier with it than a fixed share. A look that fails is answered with
its reason, whatever that is, and the next one begins anew; one that comes to no end can be asked for.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sysfuzz.campaign.durable import Damaged
from sysfuzz.campaign.opening import Refused
from sysfuzz.campaign.state import Reader, State
from sysfuzz.findings.files import StoreError

_FRESH = 1.0  # seconds: runners tell no more often what their workers do
_SHARE = 20  # a look that takes a second is good for 20 while people ask: 5 % of a core
_IDLE = 10.0  # seconds between looks while nobody asks, and
_IDLE_SHARE = 50  # 2 % of a core
_PATIENCE = 0.05  # seconds that who asks waits for a look that is due
_LEAVE = 5.0  # seconds that the end waits for a look; one that comes to no end is left behind
_LATE = 3  # times as old as the last look may become while nobody asks: a busy machine is late, too


class Unreadable(Exception):
    """The campaign cannot be read; the text is one located line."""


class Look:
    """Looks at one campaign until it is closed. Any thread may ask."""

    def __init__(
        self, home: Path, clock: Callable[[], datetime], prepare: Callable[[State], None] = lambda state: None
    ) -> None:
        """Look for the first time; `prepare` gets each state before anybody else. Raises Unreadable."""
        self._home = home
        self._clock = clock
        self._prepare = prepare
        self._reader = Reader(home)
        self._changed = threading.Condition()
        self._wanted = self._closed = False
        self._ended = self._fresh_until = self._due = 0.0  # times of the monotonic clock
        self._seen: State | Unreadable = self._look()
        if isinstance(self._seen, Unreadable):
            raise self._seen
        self._thread = threading.Thread(target=self._run, name="look", daemon=True)
        self._thread.start()

    def state(self) -> State:
        """How the campaign stood a moment ago. Raises Unreadable."""
        with self._changed:
            if time.monotonic() >= self._fresh_until:
                self._wanted = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: not self._wanted, _PATIENCE)
            if isinstance(self._seen, Unreadable):
                raise Unreadable(str(self._seen))
            return self._seen

    def check(self) -> None:
        """Raises Unreadable if the last look is so old that the one that was due has come to no end."""
        with self._changed:
            age = time.monotonic() - self._ended
            if age > _LATE * (self._due - self._ended):
                raise Unreadable(f"{self._home}: has not been read for {age:.0f} s: a look at it comes to no end")

    def close(self) -> None:
        """Look no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(_LEAVE)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed, max(0.0, self._fresh_until - time.monotonic()))
                self._changed.wait_for(lambda: self._closed or self._wanted, max(0.0, self._due - time.monotonic()))
                if self._closed:
                    return
            seen = self._look()
            with self._changed:
                self._seen = seen
                self._wanted = False
                self._changed.notify_all()

    def _look(self) -> State | Unreadable:
        began = time.monotonic()
        seen = self._read()
        self._ended = ended = time.monotonic()
        self._fresh_until = ended + max(_FRESH, (ended - began) * _SHARE)
        self._due = ended + max(_IDLE, (ended - began) * _IDLE_SHARE)
        return seen

    def _read(self) -> State | Unreadable:
        try:
            state = self._reader.read(self._clock())
            self._prepare(state)
            return state
        except (Refused, Damaged, StoreError) as error:
            said = str(error)
        except Exception as error:  # the thread goes on, whatever lies in the directory
            said = f"{self._home}: {type(error).__name__}: {error}"
        self._reader = Reader(self._home)  # the old one may have read half
        return Unreadable(said)
