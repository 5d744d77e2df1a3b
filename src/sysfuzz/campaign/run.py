"""A run of a campaign: what it knows, how long it goes on, and what becomes of its epochs, whoever carries these out.

That are the threads of a `runner`, on this machine, or a `cluster`. They take epochs, begin them, and bring back their outcomes; the run counts,
looks at findings, and tells how it stands. What is written, and in which order, is the `ledger`'s business, and what people see of it that of
the command line.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sysfuzz.campaign.care import Care
from sysfuzz.campaign.core import Changed, Core
from sysfuzz.campaign.durable import show
from sysfuzz.campaign.events import Event, EventLog, events
from sysfuzz.campaign.herald import Ears, Herald, untold
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.ledger import Flight, Ledger, Limits
from sysfuzz.campaign.lock import Moved, Place
from sysfuzz.campaign.notice import Notice
from sysfuzz.campaign.opening import create, tidy
from sysfuzz.campaign.shard import Shard
from sysfuzz.campaign.task import Outcome
from sysfuzz.engine.epoch import Progress
from sysfuzz.engine.faults import Fault
from sysfuzz.findings.bucket import one_line
from sysfuzz.findings.store import Entry, Store
from sysfuzz.findings.times import stamp

POLL = 0.2  # seconds between looks at whether to end
_LOOK = 1.0  # seconds between looks at findings, and at what workers do
_TOLD = 256  # epochs under way of which is told how they stand, each in a file of its own every second


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a campaign is run this time. Without `epochs` and `seconds` it is run until it is stopped."""

    home: Path
    target: str | None  # None: as before
    seed: int | None  # None: as before
    otherwise: int  # the seed of a new campaign that is given none
    workers: int = 1
    epoch_runs: int = 50_000  # besides those of the programs that it starts from
    epochs: int | None = None  # of all workers together
    seconds: float | None = None
    rss_limit_mb: int = 2048  # of one worker
    given: tuple[bytes, ...] = ()  # programs to start from, in the engine's canonical form
    sources: str = ""  # of the accelerator
    jobs: int = 1  # threads that care for findings
    minimiser: tuple[str, ...] = ()  # see Care
    ears: Ears = field(default_factory=Ears)
    who: Mapping[str, object] = field(default_factory=dict)  # of runner.json


class Standing(NamedTuple):
    """How a run stands."""

    seconds: float
    epochs: int
    executions: int
    features: Mapping[str, int]
    programs: int
    findings: int
    faults: int  # distinct ones of this run
    care: int  # findings that wait to be verified or minimised


class Ended(NamedTuple):
    """Why a run has ended, and how it stood."""

    # "epochs", "time", "stopped" (a signal), "asked" (the stop file), "changed" (the core), "moved" (the directory), "broken"
    why: str
    standing: Standing
    error: Exception | None = None


class Begun:
    """An epoch that is under way."""

    def __init__(self, shard: Shard, flight: Flight) -> None:
        self.shard = shard
        self.flight = flight
        self.progress: Progress | None = None

    def hear(self, event: Progress | Fault) -> None:
        """What the epoch reports; faults come with its outcome."""
        if isinstance(event, Progress):
            self.progress = event


class Run:
    """One run of a campaign, whose directory is locked.

    Whoever carries out its epochs calls `take` for each, `begin` to have it, and `commit` with what has come of it, or `give_up`, from any
    thread; and `goes_on` and `tend` some times a second, from the thread in which `go` has called it.
    """

    def __init__(
        self,
        settings: Settings,
        layout: Layout,
        clock: Callable[[], datetime],
        heard: Callable[[Event], None],
        stands: Callable[[Standing], None],
        stop: Callable[[], bool],
    ) -> None:
        """Make the directory ready, and read it; if it cannot be read, nothing is added to it. `heard`, `stands` and `stop` as for `runner.run`,
        which see for what is raised.
        """
        self.settings = settings
        self.layout = layout
        self._clock = clock
        self._heard = heard
        self._stands = stands
        self._stop = stop
        self._place = Place(layout)
        self._lock = threading.RLock()  # of what follows
        self._ending = threading.Event()
        self._why = ""
        self._error: Exception | None = None
        self._left = settings.epochs  # epochs that nobody has taken
        self._under_way: dict[str, Begun] = {}  # by shard
        self._shards: set[str] = set()  # of all epochs that were begun
        self._epochs = self._executions = 0
        self._started = time.monotonic()
        self._next_look = 0.0
        campaign = create(layout, settings.target, settings.seed, settings.otherwise, stamp(clock()))
        repaired = tidy(layout)
        Store(layout.findings).prepare()
        self._past = events(layout)
        self._log = EventLog(layout, clock, heard)
        core = Core.of(campaign.target)
        limits = Limits(settings.epoch_runs, settings.rss_limit_mb, settings.sources)
        self._ledger = Ledger(layout, campaign, core, self._place, self._log, clock, limits)
        cores = [event["core"] for event in self._past if event["event"] == "started"]
        self._log.add(
            "started", core=core.version, before=cores[-1] if cores else "", target=campaign.target, seed=campaign.seed,
            workers=settings.workers, repaired=repaired, **settings.who,
        )  # fmt: skip

    def go(self, work: Callable[[], None]) -> Ended:
        """All of it. `work` carries out the epochs, and returns when the run ends."""
        settings, ledger = self.settings, self._ledger
        try:
            ledger.survey(settings.workers, lambda: not self.goes_on())
            if settings.given and self.goes_on():
                ledger.give(tuple(dict.fromkeys(settings.given)))
        except Changed:
            self.end("changed")
        self._log.add("corpus", programs=ledger.programs(), chosen=ledger.chosen(), features=ledger.features())
        findings = self.layout.findings
        care = Care(Store(findings), ledger.core.version, self._log, self._past, settings.jobs, settings.minimiser)
        herald = Herald(settings.ears, str(self.layout.home.resolve()), self._log)
        self._notice = Notice(findings, ledger.core.version, self._log, self._past, settings.ears.names(), care, herald)
        self._care = care
        try:
            self._notice.look(known=True)
            self._notice.remind(untold(self._past))
            try:
                work()
            except Changed:
                self.end("changed")
            except Exception as error:  # told by whoever has asked for the run
                self.fail(error)
            if self._error is None:
                self._look()
        finally:
            self.end("epochs")
            care.close()
            herald.close()
            if self._why != "moved":
                for shard in self._shards:
                    self.layout.live(shard).unlink(missing_ok=True)
        standing = self._standing()
        self._log.add(
            "stopped", why=self._why, error=one_line(str(self._error or "")), seconds=round(standing.seconds, 1),
            epochs=standing.epochs, executions=standing.executions,
        )  # fmt: skip
        self._stands(standing)
        return Ended(self._why, standing, self._error)

    # -- for whoever carries out epochs -------------------------------------------------------------------------------

    def take(self) -> bool:
        """Whether there is another epoch to be run; then it is taken."""
        with self._lock:
            if self._ending.is_set() or self._left == 0:
                return False
            if self._left is not None:
                self._left -= 1
            return True

    def left(self) -> int | None:
        """How many epochs nobody has taken yet. None: as many as anybody likes."""
        return self._left

    def begin(self, shard: Shard) -> Begun:
        """The epoch that was taken, as the next one of a shard. Raises Changed, Damaged, OSError."""
        begun = Begun(shard, self._ledger.flight(shard))
        with self._lock:
            self._under_way[shard.name] = begun
            self._shards.add(shard.name)
        return begun

    def commit(self, begun: Begun, outcome: Outcome) -> None:
        """Write an epoch down. Raises Changed, StoreError, OSError: then it is as if it had never been."""
        try:
            self._look()
            findings = self._notice.of_seed(begun.flight.task.seed)
            epoch = self._ledger.commit(begun.shard, begun.flight, outcome, findings, stopped=self.is_ending())
        except Exception:
            self.give_up(begun)
            raise
        with self._lock:
            del self._under_way[begun.shard.name]
            self._epochs += 1
            self._executions += epoch.executions
        self._heard({"event": "epoch", "when": epoch.ended, **epoch.record()})

    def give_up(self, begun: Begun) -> None:
        """Nothing has come of an epoch: its number is used again."""
        with self._lock:
            del self._under_way[begun.shard.name]
            if self._left is not None:
                self._left += 1

    def goes_on(self) -> bool:
        """Look whether a budget or somebody ends the run, and say whether it goes on. Raises Moved, OSError."""
        self._place.check()
        seconds = self.settings.seconds
        if self._stop():
            self.end("stopped")
        elif self.layout.stop.exists():
            self.end("asked")
        elif seconds is not None and time.monotonic() - self._started >= seconds:
            self.end("time")
        return not self.is_ending()

    def tend(self) -> None:
        """Look at findings, and tell how the run stands; once a second, however often it is called. Raises StoreError."""
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK
            self._look()
            self._show()
            self._stands(self._standing())

    def end(self, why: str, error: Exception | None = None) -> None:
        """Let the epochs under way come to their end; the first reason counts."""
        with self._lock:
            if not self._why:
                self._why, self._error = why, error
            self._ending.set()

    def fail(self, error: Exception) -> None:
        """End the run by an error. If the directory was moved, that is it, whatever came of it, and nothing is written in its place."""
        try:
            self._place.check()
        except (Moved, OSError) as reason:
            error = reason
        if isinstance(error, Moved):
            self._log.close()
        self.end("moved" if isinstance(error, Moved) else "broken", error)

    def is_ending(self) -> bool:
        """Whether the epochs under way are to come to their end."""
        return self._ending.is_set()

    def pause(self, seconds: float) -> None:
        """Wait for so long, or until the run ends."""
        self._ending.wait(seconds)

    def failed(self, what: str, why: str, **details: str) -> None:
        """Write down that something has failed that does not end the run."""
        self._log.add("failed", what=what, **details, why=one_line(why))

    def now(self) -> datetime:
        """By the clock of the campaign."""
        return self._clock()

    def version(self) -> str:
        """That of the core which the run is of."""
        return self._ledger.core.version

    def entries(self) -> Mapping[str, Entry]:
        """The findings, by id, as of the last look."""
        return self._notice.entries()

    # -- what the run does besides ------------------------------------------------------------------------------------

    def _look(self) -> None:
        with self._lock:
            self._notice.look()

    def _show(self) -> None:
        """Say what the workers do, for whoever looks; it may be lost."""
        with self._lock:
            begun = list(self._under_way.values())
        if len(begun) > _TOLD:
            return
        now = stamp(self._clock())
        for one in begun:
            task, progress = one.flight.task, one.progress
            path = self.layout.live(task.shard)
            with suppress(OSError):
                path.parent.mkdir(exist_ok=True)
                show(
                    path,
                    {
                        "shard": task.shard,
                        "number": task.number,
                        "seed": task.seed,
                        "began": stamp(one.flight.began),
                        "now": now,
                        "runs": task.runs,
                        "corpus": len(task.inputs),
                        "executions": progress.executions if progress else 0,
                        "seconds": round(progress.seconds, 1) if progress else 0.0,
                    },
                )

    def _standing(self) -> Standing:
        with self._lock:
            in_flight = sum(one.progress.executions for one in self._under_way.values() if one.progress)
            return Standing(
                seconds=time.monotonic() - self._started,
                epochs=self._epochs,
                executions=self._executions + in_flight,
                features=self._ledger.features(),
                programs=self._ledger.programs(),
                findings=len(self._notice.entries()),
                faults=len(self._ledger.faults),
                care=self._care.waiting(),
            )
