"""The runner: the one process that runs a campaign. Each of its workers runs an epoch at a time, from what all workers have found so far.

Here threads meet the clock: each worker's waits for processes most of the time, and the first one looks at findings, budgets and who wants it to
end. What is written, and in which order, is the `ledger`'s business, and what people see of it that of the command line.
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
from sysfuzz.campaign.durable import make, show
from sysfuzz.campaign.events import Event, EventLog, events
from sysfuzz.campaign.herald import Ears, Herald, untold
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.ledger import Flight, Ledger, Limits
from sysfuzz.campaign.lock import hold
from sysfuzz.campaign.notice import Notice
from sysfuzz.campaign.opening import create, tidy
from sysfuzz.campaign.records import Campaign, stamp
from sysfuzz.campaign.scratch import scratch
from sysfuzz.campaign.shard import Shard
from sysfuzz.campaign.task import perform
from sysfuzz.engine.epoch import Progress
from sysfuzz.engine.faults import Fault
from sysfuzz.engine.process import EngineError
from sysfuzz.findings.bucket import one_line
from sysfuzz.findings.store import Store

_TRIES = 3  # of a worker that cannot start, in a row: a machine may be out of memory for a while
_PAUSE = 5.0  # seconds before each further one
_POLL = 0.2  # seconds between looks at whether to end
_LOOK = 1.0  # seconds between looks at findings, and at what workers do


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

    why: str  # "epochs", "time", "stopped" (a signal), "asked" (the stop file), "changed" (the core), "broken"
    standing: Standing
    error: Exception | None = None


def run(
    settings: Settings,
    clock: Callable[[], datetime],
    heard: Callable[[Event], None],
    stands: Callable[[Standing], None],
    stop: Callable[[], bool],
) -> Ended:
    """Run a campaign until a budget or somebody ends it; the epochs in flight are cut short, and committed.

    `heard` gets each event of the log, and the records of epochs as events, in any thread; `stands` how it stands, every second. Raises Held,
    Refused, Damaged, StoreError, OSError if the directory cannot be used, EngineError if the target cannot.
    """
    layout = Layout(settings.home)
    make(layout.home)
    with hold(layout, settings.who), scratch(layout.home):
        campaign = create(layout, settings.target, settings.seed, settings.otherwise, stamp(clock()))
        repaired = tidy(layout)
        Store(layout.findings).prepare()
        return _Runner(settings, layout, campaign, repaired, clock, heard).run(stands, stop)


class _Doing:
    """What a worker does just now."""

    def __init__(self, flight: Flight) -> None:
        self.flight = flight
        self.progress: Progress | None = None

    def hear(self, event: Progress | Fault) -> None:
        """What the epoch reports; faults come with its outcome."""
        if isinstance(event, Progress):
            self.progress = event


class _Runner:
    """A run."""

    def __init__(
        self,
        settings: Settings,
        layout: Layout,
        campaign: Campaign,
        repaired: list[str],
        clock: Callable[[], datetime],
        heard: Callable[[Event], None],
    ) -> None:
        self._settings = settings
        self._layout = layout
        self._clock = clock
        self._heard = heard
        self._lock = threading.RLock()  # of what follows
        self._ending = threading.Event()
        self._why = ""
        self._error: Exception | None = None
        self._left = settings.epochs  # epochs that nobody has begun
        self._doing: dict[str, _Doing] = {}
        self._epochs = self._executions = 0
        self._started = time.monotonic()
        self._past = events(layout)
        self._log = EventLog(layout, clock, heard)
        core = Core.of(campaign.target)
        cores = [event["core"] for event in self._past if event["event"] == "started"]
        self._log.add(
            "started", core=core.version, before=cores[-1] if cores else "", target=campaign.target, seed=campaign.seed,
            workers=settings.workers, repaired=repaired, **settings.who,
        )  # fmt: skip
        limits = Limits(settings.epoch_runs, settings.rss_limit_mb, settings.sources)
        self._ledger = Ledger(layout, campaign, core, self._log, clock, limits)

    def run(self, stands: Callable[[Standing], None], stop: Callable[[], bool]) -> Ended:
        """All of it."""
        settings, ledger = self._settings, self._ledger

        def ends() -> bool:
            self._look_for_the_end(stop)
            return self._ending.is_set()

        try:
            ledger.survey(settings.workers, ends)
            if settings.given and not ends():
                ledger.give(tuple(dict.fromkeys(settings.given)))
        except Changed:
            self._end("changed")
        self._log.add("corpus", programs=ledger.programs(), chosen=ledger.chosen(), features=ledger.features())
        findings = self._layout.findings
        care = Care(Store(findings), ledger.core.version, self._log, self._past, settings.jobs, settings.minimiser)
        herald = Herald(settings.ears, str(self._layout.home.resolve()), self._log)
        self._notice = Notice(findings, ledger.core.version, self._log, self._past, settings.ears.names(), care, herald)
        shards = [Shard(self._layout, f"w{number}") for number in range(settings.workers)]
        try:
            self._notice.look(known=True)
            self._notice.remind(untold(self._past))
            self._watch(shards, ends, lambda: stands(self._standing(care.waiting())))
            if self._error is None:
                self._look()
        finally:
            self._end("broken")  # unless there was another reason
            care.close()
            herald.close()
            for shard in shards:
                self._layout.live(shard.name).unlink(missing_ok=True)
        standing = self._standing(care.waiting())
        self._log.add(
            "stopped", why=self._why, error=one_line(str(self._error or "")), seconds=round(standing.seconds, 1),
            epochs=standing.epochs, executions=standing.executions,
        )  # fmt: skip
        stands(standing)
        return Ended(self._why, standing, self._error)

    def _watch(self, shards: list[Shard], ends: Callable[[], bool], stands: Callable[[], None]) -> None:
        """Start the workers, and wait for their end."""
        threads = [threading.Thread(target=self._work, args=(shard,), name=shard.name, daemon=True) for shard in shards]
        for thread in threads:
            thread.start()
        next_look = 0.0
        try:
            while any(thread.is_alive() for thread in threads):
                ends()
                if time.monotonic() >= next_look:
                    next_look = time.monotonic() + _LOOK
                    self._look()
                    self._live()
                    stands()
                time.sleep(_POLL)
        except Exception as error:  # the directory is theirs for as long as they write
            self._end("broken", error)
            for thread in threads:
                thread.join()
        if not self._ending.is_set():
            self._end("epochs")

    # -- a worker's thread --------------------------------------------------------------------------------------------

    def _work(self, shard: Shard) -> None:
        failures = 0
        try:
            while self._take():
                try:
                    self._epoch(shard)
                except EngineError as error:
                    failures += 1
                    if failures == _TRIES:
                        raise
                    self._log.add("failed", what="epoch", shard=shard.name, why=one_line(str(error)))
                    self._give_back()
                    self._ending.wait(_PAUSE)
                else:
                    failures = 0
        except Changed:
            self._end("changed")
        except Exception as error:  # told by the main thread
            self._end("broken", error)

    def _epoch(self, shard: Shard) -> None:
        """One epoch, from what is known to what is written."""
        flight = self._ledger.flight(shard)
        doing = _Doing(flight)
        with self._lock:
            self._doing[shard.name] = doing
        try:
            outcome = perform(flight.task, doing.hear, self._ending.is_set)
            if not outcome.executions:
                if self._ending.is_set():
                    return  # it has ended before it began, and its number is used again
                raise EngineError("a worker died before it executed anything, and so did those in its place")
            self._look()
            findings = self._notice.of_seed(flight.task.seed)
            epoch = self._ledger.commit(shard, flight, outcome, findings, stopped=self._ending.is_set())
        finally:
            with self._lock:
                del self._doing[shard.name]
        with self._lock:
            self._epochs += 1
            self._executions += epoch.executions
        self._heard({"event": "epoch", "when": epoch.ended, **epoch.record()})

    def _take(self) -> bool:
        """Whether there is an epoch to be run; then it is taken."""
        with self._lock:
            if self._ending.is_set() or self._left == 0:
                return False
            if self._left is not None:
                self._left -= 1
            return True

    def _give_back(self) -> None:
        with self._lock:
            if self._left is not None:
                self._left += 1

    # -- the main thread ----------------------------------------------------------------------------------------------

    def _look_for_the_end(self, stop: Callable[[], bool]) -> None:
        seconds = self._settings.seconds
        if stop():
            self._end("stopped")
        elif self._layout.stop.exists():
            self._end("asked")
        elif seconds is not None and time.monotonic() - self._started >= seconds:
            self._end("time")

    def _end(self, why: str, error: Exception | None = None) -> None:
        """Let the epochs in flight come to their end; the first reason counts."""
        with self._lock:
            if not self._why:
                self._why, self._error = why, error
            self._ending.set()

    def _look(self) -> None:
        with self._lock:
            self._notice.look()

    def _live(self) -> None:
        """Say what the workers do, for whoever looks; it may be lost."""
        with self._lock:
            doing = list(self._doing.values())
        now = stamp(self._clock())
        for one in doing:
            task, progress = one.flight.task, one.progress
            path = self._layout.live(task.shard)
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

    def _standing(self, care: int) -> Standing:
        with self._lock:
            in_flight = sum(one.progress.executions for one in self._doing.values() if one.progress)
            return Standing(
                seconds=time.monotonic() - self._started,
                epochs=self._epochs,
                executions=self._executions + in_flight,
                features=self._ledger.features(),
                programs=self._ledger.programs(),
                findings=len(self._notice.entries()),
                faults=len(self._ledger.faults),
                care=care,
            )
