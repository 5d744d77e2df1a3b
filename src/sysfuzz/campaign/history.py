"""What has happened to a campaign, from its log and the records of its epochs: sums, what came last, and how it went over time.

Both only grow, so that it is read on from where it ended, however long it has become. No program and no features are read: epochs and events
say how many there are. Knows nothing of what is there now, neither of workers that live nor of the store.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sysfuzz.campaign.durable import lines
from sysfuzz.campaign.durable import read as read_record
from sysfuzz.campaign.events import Event
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.records import Epoch, sound_event
from sysfuzz.findings.times import time_of

_POINTS = 500  # of a series: more than a plot has pixels for
_EVENTS = 200  # the last ones that are kept


class Point(NamedTuple):
    """How the campaign stood at some time. Counts but those of features never fall; those do when the core is another."""

    when: datetime
    executions: int
    features: Mapping[str, int]  # by domain
    programs: int
    findings: int


@dataclass(slots=True)
class Total:
    """What the finished epochs of a shard come to."""

    epochs: int = 0
    executions: int = 0
    programs: int = 0
    restarts: int = 0
    last: Epoch | None = None


class History:
    """A campaign up to the last `catch_up`. Not for several threads at a time."""

    def __init__(self, layout: Layout) -> None:
        self.core = ""  # version that ran last; "" before the first run
        self.totals: dict[str, Total] = {}  # by shard
        self.executions = self.shown = 0
        self.seconds = 0.0  # during which at least one worker ran
        self.features: Mapping[str, int] = {}  # by domain, on this version of the core
        self.programs = self.findings = 0  # that were added and not distilled away, and that were new when noticed
        self.series: list[Point] = []  # fewer than 500
        self.starts: list[datetime] = []  # of runs
        self.events: deque[Event] = deque(maxlen=_EVENTS)  # the last ones, the newest last
        self.verified: dict[str, Event] = {}  # the last verification of each finding, and
        self.minimised: dict[str, Event] = {}  # the last search for a smaller program
        self.remarks = 0  # grows with whatever says something about findings, or changes the core
        self.last_feature: datetime | None = None  # when an epoch ended that had shown something new
        self.last_finding: datetime | None = None  # when a new finding was noticed
        self._layout = layout
        self._log_end = 0
        self._stride = 1
        self._skipped = 0
        self._until: datetime | None = None  # the end of the latest epoch

    def catch_up(self) -> None:
        """Read the events and epochs that are new, in the order in which they happened. Raises Damaged, OSError; then none counts."""
        found: list[tuple[datetime, int, Event | Epoch]] = []
        end, numbers = self._log_end, dict[str, int]()  # kept only if all can be read
        for line in lines(self._layout.events, end, sound_event):
            end = line.end
            found.append((time_of(line.record["when"]), 0, line.record))
        for shard in self._layout.epoch_shards():
            number = self.totals.setdefault(shard, Total()).epochs
            while (path := self._layout.epoch(shard, number)).exists():
                epoch = Epoch.load(read_record(path), str(path))
                found.append((time_of(epoch.ended), 1, epoch))
                number += 1
            numbers[shard] = number
        self._log_end = end
        for shard, number in numbers.items():
            self.totals[shard].epochs = number
        for when, _, one in sorted(found, key=lambda item: item[:2]):
            if isinstance(one, Epoch):
                self._epoch(one, when)
            else:
                self._event(one, when)

    def point(self, when: datetime, executions: int) -> Point:
        """How it stands now, with executions of epochs in flight."""
        return Point(when, self.executions + executions, self.features, self.programs, self.findings)

    def _epoch(self, epoch: Epoch, when: datetime) -> None:
        total = self.totals[epoch.shard]
        total.executions += epoch.executions
        total.programs += len(epoch.programs)
        total.restarts += epoch.restarts
        total.last = epoch
        self.executions += epoch.executions
        self.shown += epoch.shown
        self.programs += len(epoch.programs)
        began = time_of(epoch.began)
        start = began if self._until is None else max(began, self._until)
        self.seconds += max((when - start).total_seconds(), 0.0)
        self._until = when if self._until is None else max(when, self._until)
        if epoch.core == self.core:
            self.features = epoch.features
        if epoch.gained:
            self.last_feature = when
        self._add_point(when)

    def _event(self, event: Event, when: datetime) -> None:
        kind = event["event"]
        if kind == "started":
            self.core = event["core"]
            self.starts.append(when)
            self.remarks += 1
        elif kind == "corpus":
            self.features, self.programs = event["features"], event["programs"]
            self._add_point(when)
        elif kind == "finding" and event["what"] == "new":
            self.findings += 1
            self.last_finding = when
        elif kind == "verified":
            self.verified[event["finding"]] = event
            self.remarks += 1
        elif kind == "minimised":
            self.minimised[event["finding"]] = event
            self.remarks += 1
        elif kind == "distilled":
            self.programs -= event["removed"]
        self.events.append(event)

    def _add_point(self, when: datetime) -> None:
        """Add to the series; of a long one every second point goes, and then every second that comes."""
        self._skipped += 1
        if self._skipped < self._stride:
            return
        self._skipped = 0
        self.series.append(self.point(when, 0))
        if len(self.series) >= _POINTS:
            self.series = self.series[1::2]
            self._stride *= 2
