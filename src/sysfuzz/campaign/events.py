"""The log of a campaign: what has happened besides epochs, a line each, in order.

    started, stopped    a run
    surveying           programs of which this version of the core has said nothing, and which are run first
    given               programs from elsewhere, and how many of them were kept
    corpus              what the programs show when the first epoch of a run begins, or after a merge
    finding             what a run has noticed about one: `new`, `worse`, `reappeared`
    verified            how many replays showed one
    minimised           what a search for a smaller program came to
    told                how somebody was told of one
    failed              what could not be done, and why; the run goes on
    fault               an engine fault that was not known
    distilled           programs were removed

Each has `when`, and whatever else belongs to it; none of it can be derived from anything else.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sysfuzz.campaign.durable import append, lines
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.records import sound_event
from sysfuzz.findings.times import stamp

Event = dict[str, Any]


class EventLog:
    """The one writer of a campaign's log; any thread of it may add an event."""

    def __init__(self, layout: Layout, clock: Callable[[], datetime], heard: Callable[[Event], None]) -> None:
        """`heard` gets each event once it is on disk. The log ends with a whole line."""
        self._layout = layout
        self._clock = clock
        self._heard = heard
        self._lock = threading.Lock()
        self._closed = False

    def add(self, event: str, **details: Any) -> None:
        """Write an event down, unless the log is closed."""
        record = {"when": stamp(self._clock()), "event": event, **details}
        with self._lock:
            if not self._closed:
                append(self._layout.events, [record])
                self._heard(record)

    def close(self) -> None:
        """Write no more: the file may be another campaign's by now."""
        with self._lock:
            self._closed = True


def events(layout: Layout) -> list[Event]:
    """All events so far. Raises Damaged, OSError."""
    return [line.record for line in lines(layout.events, sound=sound_event)]
