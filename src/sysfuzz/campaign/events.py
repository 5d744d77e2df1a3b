"""The log of a campaign: what has happened besides epochs, a line each, in order.

`started`, `core`, `corpus`, `surveyed`, `stopped`: of a run. `finding`: what a run has noticed about one (`new`, `worse`, `reappeared`);
`verified`: how many replays showed it; `minimised`: what a search for a smaller program came to; `told`: how somebody was told. `fault`: a
new engine fault. `distilled`: programs were removed. Each has `when`, and whatever else belongs to it; none of it can be derived from
anything else.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sysfuzz.campaign.durable import append, lines
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.records import stamp

Event = dict[str, Any]


class EventLog:
    """The one writer of a campaign's log; any thread of it may add an event."""

    def __init__(self, layout: Layout, clock: Callable[[], datetime], heard: Callable[[Event], None]) -> None:
        """`heard` gets each event once it is on disk. The log ends with a whole line."""
        self._layout = layout
        self._clock = clock
        self._heard = heard
        self._lock = threading.Lock()

    def add(self, event: str, **details: Any) -> None:
        """Write an event down."""
        record = {"when": stamp(self._clock()), "event": event, **details}
        with self._lock:
            append(self._layout.events, [record])
            self._heard(record)


def events(layout: Layout) -> list[Event]:
    """All events so far. Raises Damaged, OSError."""
    return [line.record for line in lines(layout.events)]
