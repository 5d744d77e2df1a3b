"""A campaign as it stands, for people, dashboards and metrics: read only, and cheap to read again.

`read` looks once; a `Reader` keeps what cannot change any more, so that a further look costs what is new. Nothing is locked, since every file
holds the old contents or the new. Knows no display.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sysfuzz.campaign.durable import Damaged
from sysfuzz.campaign.durable import read as read_record
from sysfuzz.campaign.events import Event
from sysfuzz.campaign.faultbook import faults
from sysfuzz.campaign.history import History, Point
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.lock import is_held
from sysfuzz.campaign.opening import load_campaign
from sysfuzz.campaign.records import Campaign
from sysfuzz.campaign.shelf import Shelf
from sysfuzz.campaign.workers import Worker, workers
from sysfuzz.findings.kin import elders, is_open
from sysfuzz.findings.severity import Severity, rank
from sysfuzz.findings.store import Entry
from sysfuzz.findings.times import time_of

# crashing: shows its bug whenever it is run. incubating: in some replays only. gone: not any more, though nobody has called it fixed.
# regression: it is called fixed, and shows. fixed, rejected, duplicate: people have said so, and nothing contradicts them.
Life = Literal["crashing", "incubating", "gone", "regression", "fixed", "rejected", "duplicate"]


class Finding(NamedTuple):
    """A finding, and what the campaign knows about it besides."""

    entry: Entry
    life: Life
    replays: str  # "10/10", as the last verification on this version of the core had it; "" if there was none
    minimised: str  # what the last search came to: "minimal", "executions", "failed" …; "" if there was none
    kin_of: str  # id of a simpler finding that may be the same bug; "" if there is none


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
    findings: tuple[Finding, ...]  # the worst first; the very tuple of the last look if no finding has changed
    damaged: tuple[str, ...]  # a line for each finding that cannot be read
    faults: tuple[Fault, ...]
    workers: tuple[Worker, ...]
    series: tuple[Point, ...]  # at most 500, the last one included
    starts: tuple[datetime, ...]  # of all runs
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


class Reader:
    """Looks again and again at one campaign. Not for several threads at a time."""

    def __init__(self, home: Path) -> None:
        self._layout = Layout(home)
        self._history = History(self._layout)
        self._shelf = Shelf(self._layout.findings)
        self._counts: dict[str, tuple[int, int]] = {}  # time of the directory, programs in it; by shard
        self._findings: tuple[Finding, ...] = ()
        self._known = 0, 0  # versions of the shelf and of the history's remarks that they rest on
        self._open: frozenset[str] = frozenset()  # those that were compared with one another, and
        self._kin: Mapping[str, str] = {}  # what came of it

    def read(self, now: datetime) -> State:
        """How it stands. Raises as `read`."""
        layout, history = self._layout, self._history
        campaign = load_campaign(layout)
        history.catch_up()
        running = is_held(layout)
        known = workers(layout, history.totals, now, running)
        shards = {shard: self._count(shard) for shard in layout.shard_names()}
        in_flight = sum(worker.live.executions for worker in known if worker.alive and worker.live)
        last = history.point(now if running or not history.series else history.series[-1].when, in_flight)
        return State(
            home=layout.home,
            now=now,
            campaign=campaign,
            core=history.core,
            running=running,
            runner=self._runner(),
            epochs=sum(one.epochs for one in history.totals.values()),
            executions=history.executions + in_flight,
            seconds=history.seconds,
            rate=history.executions / history.seconds if history.seconds else 0.0,
            recent_rate=sum(worker.rate for worker in known if worker.alive),
            features=dict(history.features),
            programs=sum(shards.values()),
            programs_by_shard=shards,
            shown=history.shown,
            restarts=sum(one.restarts for one in history.totals.values()),
            findings=self._look(),
            damaged=tuple(self._shelf.damaged.values()),
            faults=self._faults(),
            workers=known,
            series=(*history.series, last),
            starts=tuple(history.starts),
            events=tuple(history.events),
            last_feature=history.last_feature,
            last_finding=history.last_finding,
        )

    # -- what is there now --------------------------------------------------------------------------------------------

    def _look(self) -> tuple[Finding, ...]:
        """The findings, the worst first; whatever was worked out about them stands until something changes."""
        self._shelf.look()
        versions = self._shelf.version, self._history.remarks
        if versions != self._known:
            entries = self._shelf.entries
            open_ones = frozenset(identity for identity, entry in entries.items() if is_open(entry))
            if open_ones != self._open:
                self._kin, self._open = elders(entries.values()), open_ones
            self._findings = tuple(map(self._finding, sorted(entries.values(), key=_order)))
            self._known = versions
        return self._findings

    def _finding(self, entry: Entry) -> Finding:
        verified, minimised = self._history.verified.get(entry.id), self._history.minimised.get(entry.id)
        if verified is not None and verified["core"] != self._history.core:
            verified = None
        replays = f"{verified['shown']}/{verified['tried']}" if verified else ""
        ending = minimised["ending"] if minimised else ""
        return Finding(entry, _life(entry, verified), replays, ending, self._kin.get(entry.id, ""))

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
