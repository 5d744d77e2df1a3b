"""A campaign as it stands, for people, dashboards and metrics: read only, and cheap to read again.

`read` looks once; a `Reader` keeps what cannot change any more, so that a further look costs what is new. No program and no features are read:
epochs and events say how many there are. Nothing is locked either, since every file holds the old contents or the new. Knows no display.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sysfuzz.campaign.durable import Damaged, lines
from sysfuzz.campaign.durable import read as read_record
from sysfuzz.campaign.events import Event
from sysfuzz.campaign.faultbook import faults
from sysfuzz.campaign.layout import SEEDS, Layout
from sysfuzz.campaign.lock import is_held
from sysfuzz.campaign.opening import load_campaign
from sysfuzz.campaign.records import Campaign, Epoch, time_of
from sysfuzz.campaign.shelf import Shelf
from sysfuzz.findings.severity import Severity, rank
from sysfuzz.findings.store import Entry

# crashing: shows its bug whenever it is run. incubating: in some replays only. gone: not any more, though nobody has called it fixed.
# regression: it is called fixed, and shows. fixed, rejected, duplicate: people have said so, and nothing contradicts them.
Life = Literal["crashing", "incubating", "gone", "regression", "fixed", "rejected", "duplicate"]

_POINTS = 500  # of a series: more than a plot has pixels for
_EVENTS = 200  # the last ones that are kept
_FRESH = 30.0  # seconds: a worker that has said nothing for longer does not live
_WARM = 2.0  # seconds of an epoch before its rate means anything


class Point(NamedTuple):
    """How the campaign stood at some time. Counts but that of features never fall; those do when the core is another."""

    when: datetime
    executions: int
    features: int
    programs: int
    findings: int


class Live(NamedTuple):
    """An epoch in flight, as its runner told last."""

    number: int
    seed: int
    began: datetime
    told: datetime
    seconds: float
    executions: int
    runs: int  # executions that it is given
    corpus: int  # programs that it started from


class Worker(NamedTuple):
    """A worker, present or past, under the name of its shard."""

    shard: str
    alive: bool
    live: Live | None  # the epoch that it does, or did when it was last heard of; None between two
    epochs: int
    executions: int  # of its finished epochs
    programs: int  # that it has added
    restarts: int
    last: Epoch | None
    rate: float  # executions a second just now, or in its last epoch


class Finding(NamedTuple):
    """A finding, and what the campaign knows about it besides."""

    entry: Entry
    life: Life
    replays: str  # "10/10", as the last verification on this version of the core had it; "" if there was none
    minimised: str  # what the last search came to: "minimal", "executions", "failed" …; "" if there was none


class Fault(NamedTuple):
    """An engine fault."""

    name: str
    kind: str
    where: str
    epochs: int  # that have met it
    first_seen: datetime
    last_seen: datetime
    detail: str
    program: Path  # the input


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All of it. Times are UTC."""

    home: Path
    now: datetime
    campaign: Campaign
    core: str  # version that ran last; "" before the first run
    running: bool
    runner: Mapping[str, Any]  # pid, host, started, command of the one that runs it, or ran it last
    epochs: int
    executions: int  # those of epochs in flight included
    seconds: float  # during which at least one worker ran
    rate: float  # executions a second over all of these
    recent_rate: float  # of the workers that are alive
    features: Mapping[str, int]  # by domain, on this version of the core
    programs: int
    programs_by_shard: Mapping[str, int]
    shown: int  # executions that showed a bug
    restarts: int
    findings: tuple[Finding, ...]  # the worst first
    damaged: tuple[str, ...]  # a line for each finding that cannot be read
    faults: tuple[Fault, ...]
    workers: tuple[Worker, ...]
    series: tuple[Point, ...]  # at most 500, the last one included
    events: tuple[Event, ...]  # the last 200, the newest last
    last_feature: datetime | None  # when an epoch ended that had shown something new
    last_finding: datetime | None  # when a new finding was noticed

    def by_severity(self) -> dict[Severity, int]:
        """How many findings there are of each severity that occurs, the worst first."""
        counts: dict[Severity, int] = {}
        for finding in self.findings:
            counts[finding.entry.finding.severity] = counts.get(finding.entry.finding.severity, 0) + 1
        return counts


def read(home: Path, now: datetime) -> State:
    """Look once. Raises Refused (there is no campaign), Damaged, StoreError, OSError."""
    return Reader(home).read(now)


@dataclass(slots=True)
class _Sum:
    """What the finished epochs of a shard come to."""

    epochs: int = 0
    executions: int = 0
    programs: int = 0
    restarts: int = 0
    last: Epoch | None = None


class Reader:
    """Looks again and again at one campaign. Not for several threads at a time."""

    def __init__(self, home: Path) -> None:
        self._layout = Layout(home)
        self._shelf = Shelf(self._layout.findings)
        self._sums: dict[str, _Sum] = {}
        self._log_end = 0
        self._events: list[Event] = []
        self._core = ""
        self._series: list[Point] = []
        self._stride = 1
        self._skipped = 0
        self._executions = self._shown = 0
        self._seconds = 0.0
        self._until: datetime | None = None  # the end of the latest epoch
        self._features: Mapping[str, int] = {}
        self._programs = self._found = 0
        self._verified: dict[str, Event] = {}
        self._minimised: dict[str, Event] = {}
        self._last_feature: datetime | None = None
        self._last_finding: datetime | None = None
        self._counts: dict[str, tuple[int, int]] = {}  # time of the directory, programs in it; by shard

    def read(self, now: datetime) -> State:
        """How it stands. Raises as `read`."""
        layout = self._layout
        campaign = load_campaign(layout)
        self._catch_up()
        self._shelf.look()
        running = is_held(layout)
        workers = self._workers(now, running)
        shards = {shard: self._count(shard) for shard in layout.shard_names()}
        in_flight = sum(worker.live.executions for worker in workers if worker.alive and worker.live)
        last = Point(now, self._executions + in_flight, sum(self._features.values()), self._programs, self._found)
        entries = sorted(self._shelf.entries.values(), key=_order)
        return State(
            home=layout.home,
            now=now,
            campaign=campaign,
            core=self._core,
            running=running,
            runner=self._runner(),
            epochs=sum(one.epochs for one in self._sums.values()),
            executions=self._executions + in_flight,
            seconds=self._seconds,
            rate=self._executions / self._seconds if self._seconds else 0.0,
            recent_rate=sum(worker.rate for worker in workers if worker.alive),
            features=dict(self._features),
            programs=sum(shards.values()),
            programs_by_shard=shards,
            shown=self._shown,
            restarts=sum(one.restarts for one in self._sums.values()),
            findings=tuple(map(self._finding, entries)),
            damaged=tuple(self._shelf.damaged.values()),
            faults=self._faults(),
            workers=workers,
            series=(*self._series, last)
            if running or not self._series
            else (*self._series, last._replace(when=self._series[-1].when)),
            events=tuple(self._events),
            last_feature=self._last_feature,
            last_finding=self._last_finding,
        )

    # -- what has happened --------------------------------------------------------------------------------------------

    def _catch_up(self) -> None:
        """Read the events and epochs that are new, in the order in which they happened."""
        found: list[tuple[datetime, int, Event | Epoch]] = []
        end, numbers = self._log_end, dict[str, int]()  # kept only if all can be read
        for line in lines(self._layout.events, end):
            end = line.end
            found.append((time_of(line.record["when"]), 0, line.record))
        for shard in self._layout.epoch_shards():
            number = self._sums.setdefault(shard, _Sum()).epochs
            while (path := self._layout.epoch(shard, number)).exists():
                epoch = Epoch.load(read_record(path), str(path))
                found.append((time_of(epoch.ended), 1, epoch))
                number += 1
            numbers[shard] = number
        self._log_end = end
        for shard, number in numbers.items():
            self._sums[shard].epochs = number
        for when, _, one in sorted(found, key=lambda item: item[:2]):
            if isinstance(one, Epoch):
                self._epoch(one, when)
            else:
                self._event(one, when)

    def _epoch(self, epoch: Epoch, when: datetime) -> None:
        total = self._sums[epoch.shard]
        total.executions += epoch.executions
        total.programs += len(epoch.programs)
        total.restarts += epoch.restarts
        total.last = epoch
        self._executions += epoch.executions
        self._shown += epoch.shown
        self._programs += len(epoch.programs)
        began = time_of(epoch.began)
        start = began if self._until is None else max(began, self._until)
        self._seconds += max((when - start).total_seconds(), 0.0)
        self._until = when if self._until is None else max(when, self._until)
        if epoch.core == self._core:
            self._features = epoch.features
        if epoch.gained:
            self._last_feature = when
        self._point(when)

    def _event(self, event: Event, when: datetime) -> None:
        kind = event["event"]
        if kind == "started":
            self._core = event["core"]
        elif kind == "corpus":
            self._features, self._programs = event["features"], event["programs"]
            self._point(when)
        elif kind == "finding" and event["what"] == "new":
            self._found += 1
            self._last_finding = when
        elif kind == "verified":
            self._verified[event["finding"]] = event
        elif kind == "minimised":
            self._minimised[event["finding"]] = event
        elif kind == "distilled":
            self._programs -= event["removed"]
        self._events = [*self._events, event][-_EVENTS:]

    def _point(self, when: datetime) -> None:
        """Add to the series; of a long one every second point goes, and then every second that comes."""
        self._skipped += 1
        if self._skipped < self._stride:
            return
        self._skipped = 0
        self._series.append(Point(when, self._executions, sum(self._features.values()), self._programs, self._found))
        if len(self._series) >= _POINTS:
            self._series = self._series[1::2]
            self._stride *= 2

    # -- what is there now --------------------------------------------------------------------------------------------

    def _workers(self, now: datetime, running: bool) -> tuple[Worker, ...]:
        names = {*self._sums, *(path.stem for path in self._layout.live("w0").parent.glob("[!.]*.json"))} - {SEEDS}
        return tuple(self._worker(name, now, running) for name in sorted(names, key=lambda name: (len(name), name)))

    def _worker(self, shard: str, now: datetime, running: bool) -> Worker:
        total = self._sums.get(shard) or _Sum()
        live = self._live(shard)
        alive = running and live is not None and abs((now - live.told).total_seconds()) < _FRESH
        last = total.last
        if live is not None and last is not None and live.number <= last.number:
            live = None  # committed by now: it counts among the epochs
        rate = last.executions / last.seconds if last is not None and last.seconds else 0.0
        if alive and live is not None and live.seconds >= _WARM:
            rate = live.executions / live.seconds
        return Worker(shard, alive, live, total.epochs, total.executions, total.programs, total.restarts, last, rate)

    def _live(self, shard: str) -> Live | None:
        try:
            told = read_record(self._layout.live(shard))
            began, now = time_of(told["began"]), time_of(told["now"])
        except (OSError, Damaged, KeyError, ValueError):  # it may be lost, and it may go just now
            return None
        numbers = (told[name] for name in ("seconds", "executions", "runs", "corpus"))
        return Live(told["number"], told["seed"], began, now, *numbers)

    def _finding(self, entry: Entry) -> Finding:
        verified, minimised = self._verified.get(entry.id), self._minimised.get(entry.id)
        if verified is not None and verified["core"] != self._core:
            verified = None
        replays = f"{verified['shown']}/{verified['tried']}" if verified else ""
        return Finding(entry, _life(entry, verified), replays, minimised["ending"] if minimised else "")

    def _faults(self) -> tuple[Fault, ...]:
        found = []
        for known in faults(self._layout):
            record = known.record
            times = time_of(record["first_seen"]), time_of(record["last_seen"])
            program = self._layout.faults / f"{known.name}.prog"
            found.append(
                Fault(known.name, record["kind"], record["where"], record["epochs"], *times, record["detail"], program)
            )
        return tuple(found)

    def _count(self, shard: str) -> int:
        """The programs of a shard, counted again when the directory has changed."""
        place = self._layout.shards / shard
        changed = os.stat(place).st_mtime_ns
        known = self._counts.get(shard)
        if known is None or known[0] != changed:
            names = os.listdir(place)
            known = changed, sum(name.endswith(".prog") and name[0] != "." for name in names)
            self._counts[shard] = known
        return known[1]

    def _runner(self) -> Mapping[str, Any]:
        try:
            return read_record(self._layout.runner)
        except (OSError, Damaged):
            return {}


def _order(entry: Entry) -> tuple[int, str]:
    return rank(entry.finding.severity), entry.id


def _life(entry: Entry, verified: Event | None) -> Life:
    status = entry.finding.status
    if status in ("rejected", "duplicate"):
        return "rejected" if status == "rejected" else "duplicate"
    if status == "fixed":
        return "regression" if verified is not None and verified["shown"] else "fixed"
    if verified is None or verified["shown"] == verified["tried"]:
        return "crashing"
    return "incubating" if verified["shown"] else "gone"
