"""The campaign as it stands, for all who ask at once: a thread looks, and whoever asks gets what it saw last.

A look at a small campaign takes milliseconds, and whoever asks waits for it; one at thousands of findings takes longer than an answer may and is
made ahead. How often follows from what a look costs: one core is never busier with it than a fixed share. A look that fails is answered with
its reason, and the next one begins anew.
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
        self._fresh_until = self._due = 0.0
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

    def close(self) -> None:
        """Look no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

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
        if isinstance(seen, State):
            self._prepare(seen)
        ended = time.monotonic()
        self._fresh_until = ended + max(_FRESH, (ended - began) * _SHARE)
        self._due = ended + max(_IDLE, (ended - began) * _IDLE_SHARE)
        return seen

    def _read(self) -> State | Unreadable:
        try:
            return self._reader.read(self._clock())
        except (Refused, Damaged, StoreError) as error:
            said = str(error)
        except (OSError, KeyError, ValueError) as error:
            said = f"{self._home}: {type(error).__name__}: {error}"
        self._reader = Reader(self._home)  # the old one may have read half
        return Unreadable(said)
