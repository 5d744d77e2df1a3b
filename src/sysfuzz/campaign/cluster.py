"""A campaign on many machines: this process alone reads and writes its directory, and a `fleet` carries out its epochs.

There are two errands for each worker, so that none waits while the driver commits. Each belongs to a shard, as a worker of one machine does, and
is committed by the same ledger. All that is lost with the driver are the epochs under way, whose seeds are given out again. Nothing of Dask is
known here.
"""

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from sysfuzz.campaign.core import Changed, Core
from sysfuzz.campaign.depot import Depot, Mirror
from sysfuzz.campaign.durable import make
from sysfuzz.campaign.errand import Errand, Known, Sighted, nothing, pack
from sysfuzz.campaign.events import Event
from sysfuzz.campaign.fleet import Arrival, Fleet
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.ledger import Flight
from sysfuzz.campaign.lock import Held, hold
from sysfuzz.campaign.opening import create, tidy
from sysfuzz.campaign.records import Campaign, stamp
from sysfuzz.campaign.runner import Ended, Settings, Standing, _Doing, _Runner
from sysfuzz.campaign.scratch import scratch
from sysfuzz.campaign.shard import Shard
from sysfuzz.engine.faults import Fault
from sysfuzz.findings import record
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.finding import Finding, Sighting
from sysfuzz.findings.store import Entry, Store
from sysfuzz.program.ir import Program
from sysfuzz.program.text import TextError, load, parse

_EACH = 2  # errands for a worker: one that it carries out, and one that waits there
_POLL = 0.2  # seconds between looks at whether to end
_LOOK = 1.0  # seconds between looks at findings, and at what workers do
_SEND = 5.0  # seconds between two looks at what the depot does not hold yet
_COUNT = (
    10.0  # seconds between two writes of how often known bugs were seen: a write for each bug, and not for each epoch
)
_GRACE = 60.0  # seconds for what is under way to come to its end: the executions stop at once, and then its programs are asked about
_TOLD = 64  # shards of which is told what they do, each in a file of its own every second


def run(
    address: str,
    depot: str | None,
    settings: Settings,
    clock: Callable[[], datetime],
    heard: Callable[[Event], None],
    stands: Callable[[Standing], None],
    stop: Callable[[], bool],
) -> Ended:
    """As `runner.run`, on the workers of the Dask scheduler at `address`; `local` are `settings.workers` processes of this machine.

    With a `depot`, which is a URL, the directory follows it at the start, and it follows the directory from then on.
    """
    layout = Layout(settings.home)
    make(layout.home)
    with ExitStack() as stack:
        stack.enter_context(hold(layout, settings.who))
        stack.enter_context(scratch(layout.home))
        mirror = None
        if depot is not None:
            mirror = Mirror(Depot(depot), layout, settings.who, clock())
            stack.callback(lambda: mirror.close(clock()))
        fleet = stack.enter_context(Fleet(address, _run_name(settings), settings.workers))
        campaign = create(layout, settings.target, settings.seed, settings.otherwise, stamp(clock()))
        repaired = tidy(layout)
        Store(layout.findings).prepare()
        driver = Driver(settings, layout, campaign, repaired, clock, heard, fleet, mirror, depot or "")
        return driver.run(stands, stop)


def _run_name(settings: Settings) -> str:
    return sha256(f"{settings.home.resolve()} {sorted(settings.who.items())}".encode()).hexdigest()[:8]


class Crew(Protocol):
    """What the driver asks of a fleet."""

    remarks: list[str]

    def size(self) -> int:
        """See Fleet; so are the others."""

    def send(self, errand: Errand) -> None: ...

    def arrivals(self, seconds: float) -> list[Arrival]: ...

    def halt(self) -> None: ...


class Driver(_Runner):
    """A run whose epochs are errands."""

    def __init__(
        self,
        settings: Settings,
        layout: Layout,
        campaign: Campaign,
        repaired: list[str],
        clock: Callable[[], datetime],
        heard: Callable[[Event], None],
        crew: Crew,
        mirror: Mirror | None = None,
        depot: str = "",
    ) -> None:
        super().__init__(settings, layout, campaign, repaired, clock, heard)
        self._ledger.core = Watched(*self._ledger.core)
        self._crew = crew
        self._mirror = mirror
        self._depot = depot
        self._name = _run_name(settings)
        self._counts = Counts(Store(layout.findings))
        self._free: list[int] = []  # shards that are there and have no epoch under way; a heap
        self._shards: list[Shard] = []
        self._corpus: tuple[str, ...] | None = None  # the one that was sent last, by names
        self._inputs: tuple[bytes, ...] = ()
        self._packed = b""
        self._snapshot = ""
        self._flying: dict[str, str] = {}  # the snapshot of each epoch under way, by shard
        self._next: dict[str, float] = {}

    def _watch(self, shards: list[Shard], ends: Callable[[], bool], stands: Callable[[], None]) -> None:
        """Hand out errands, and take in what they bring, until it ends. `shards` holds all that were used then."""
        self._shards = shards
        self._free = list(range(len(shards)))
        try:
            while not ends():
                self._fill()
                if not self._doing and self._left == 0:
                    self._end("epochs")
                for arrival in self._crew.arrivals(_POLL):
                    self._take_in(arrival)
                self._care(stands)
            self._wind_down()
        except Changed:
            self._end("changed")
        except Exception as error:  # told by whoever has asked for the run
            self._end("broken", error)
        finally:
            self._count()

    def _care(self, stands: Callable[[], None]) -> None:
        for remark in self._crew.remarks:
            self._log.add("failed", what="work", shard="the cluster", why=remark)
        self._crew.remarks.clear()
        if self._due("look", _LOOK):
            self._look()
            if len(self._doing) <= _TOLD:
                self._live()
            stands()
        if self._due("count", _COUNT):
            self._count()
        if self._mirror is not None and self._due("send", _SEND):
            self._send_on(self._mirror)

    def _wind_down(self) -> None:
        """Commit what the epochs under way have found so far."""
        if not self._doing:
            return
        self._crew.halt()
        deadline = time.monotonic() + _GRACE
        while self._doing and time.monotonic() < deadline:
            for arrival in self._crew.arrivals(_POLL):
                self._take_in(arrival)

    # -- out ----------------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Let every worker have its errands."""
        while len(self._doing) < _EACH * self._crew.size() and self._take():
            if not self._free:
                self._shards.append(Shard(self._layout, f"w{len(self._shards)}"))
                self._free.append(len(self._shards) - 1)
            place = heapq.heappop(self._free)
            flight = self._shared(self._ledger.flight(self._shards[place]))
            task = flight.task
            self._doing[task.shard] = _Doing(flight)
            self._flying[task.shard] = self._snapshot
            entries = self._notice.entries().values()
            self._crew.send(
                Errand(
                    run=self._name,
                    core=self._ledger.core.version,
                    task=replace(task, inputs=(), findings="", sources=""),
                    programs=b"" if self._snapshot else self._packed,
                    snapshot=self._snapshot,
                    depot=self._depot,
                    known=tuple(_known(entry) for entry in entries),
                )
            )

    def _shared(self, flight: Flight) -> Flight:
        """The same with what thousands of epochs have in common: their corpus, which is packed once."""
        if flight.programs != self._corpus:
            self._corpus, self._inputs = flight.programs, flight.task.inputs
            self._packed = pack(self._inputs)
            if self._depot:
                self._snapshot = Depot(self._depot).keep(self._packed)
        return flight._replace(programs=self._corpus, task=replace(flight.task, inputs=self._inputs))

    # -- in -----------------------------------------------------------------------------------------------------------

    def _take_in(self, arrival: Arrival) -> None:
        """One epoch that has come back."""
        shard = arrival.errand.task.shard
        number = int(shard[1:])
        flight = self._doing[shard].flight
        if arrival.answer is None or arrival.answer.outcome is None:
            outcome = nothing((_lost(arrival),))
        else:
            outcome = arrival.answer.outcome
            self._counts.take(arrival.answer.sighted, self._clock())
        # Else it has ended before it began, and its number is used again.
        if outcome.executions or outcome.faults:
            self._look()
            findings = self._notice.of_seed(flight.task.seed)
            epoch = self._ledger.commit(self._shards[number], flight, outcome, findings, stopped=self._ending.is_set())
            self._epochs += 1
            self._executions += epoch.executions
            self._heard({"event": "epoch", "when": epoch.ended, **epoch.record()})
        del self._doing[shard], self._flying[shard]
        heapq.heappush(self._free, number)

    def _count(self) -> None:
        for identity, why in self._counts.write(self._notice.entries(), self._clock()):
            self._log.add("failed", what="count", finding=identity, why=why)

    def _send_on(self, mirror: Mirror) -> None:
        """What is not in the depot yet is no less safe than an epoch under way; it is sent the next time."""
        try:
            mirror.send(self._clock())
            Depot(self._depot).forget({self._snapshot, *self._flying.values()})
        except Held:
            raise
        except OSError as error:
            self._log.add("failed", what="copy", shard=self._depot, why=" ".join(str(error).split()))

    def _due(self, what: str, seconds: float) -> bool:
        now = time.monotonic()
        if now < self._next.get(what, 0.0):
            return False
        self._next[what] = now + seconds
        return True


class Watched(Core):
    """A core that is looked at once a second: 14 ms for each epoch would be most of what an epoch costs its driver.

    No epoch of another core is taken in for that: each worker looks at its own before and after.
    """

    _looked = float("-inf")
    _answer = False

    def has_changed(self) -> bool:
        """As a moment ago."""
        now = time.monotonic()
        if now >= self._looked + _LOOK:
            self._looked, self._answer = now, super().has_changed()
        return self._answer


class Counts:
    """The findings that workers bring, on their way into the store: a new face at once, how often known ones were seen now and then."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, Finding] = {}  # by the worker's id of it, what is not written yet

    def take(self, sighted: Sequence[Sighted], now: datetime) -> None:
        """Take an epoch's. Raises StoreError."""
        for one in sighted:
            finding = record.load(one.record, "a worker's finding")
            if one.program:
                program = parse(one.program, "a worker's program").program
                self._store.record(_sighting(finding, program), now)
                continue
            identity = f"{finding.target} {finding.bucket} {finding.oracle}"
            before = self._seen.get(identity)
            self._seen[identity] = finding if before is None else _sum(before, finding)

    def write(self, entries: Mapping[str, Entry], now: datetime) -> list[tuple[str, str]]:
        """Count in the store what was seen of known findings; of those that cannot be written, ids and reasons."""
        by_bucket = {(entry.finding.target, entry.finding.bucket): entry for entry in entries.values()}
        failed = []
        for finding in self._seen.values():
            entry = by_bucket.get((finding.target, finding.bucket))
            if entry is None:  # people have removed it
                continue
            try:
                self._store.record(_sighting(finding, load(entry.program).program), now)
            except (StoreError, TextError, OSError) as error:  # or are editing it
                failed.append((entry.id, " ".join(str(error).split())))
        self._seen.clear()
        return failed


def _known(entry: Entry) -> Known:
    return Known(entry.finding.target, entry.finding.bucket, entry.finding.oracle)


def _sum(one: Finding, other: Finding) -> Finding:
    faces = dict(one.faces)
    for oracle, count in other.faces.items():
        faces[oracle] = faces.get(oracle, 0) + count
    return replace(one, count=one.count + other.count, faces=faces)


def _sighting(finding: Finding, program: Program) -> Sighting:
    return Sighting(
        finding.bucket, finding.oracle, finding.target, program, finding.evidence, finding.replays, finding.provenance,
        finding.count, finding.faces,
    )  # fmt: skip


def _lost(arrival: Arrival) -> Fault:
    """The fault of an epoch that was given up, with the last input that is known of it."""
    assert arrival.death is not None
    task, death = arrival.errand.task, arrival.death
    data = death.inputs[-1] if death.inputs else b""
    detail = (
        "the workers of three tries died, of this epoch or while it waited there\n"
        f"the last one was {death.where}; the last inputs there: {[one.hex() for one in death.inputs]}"
    )
    return Fault("lost", f"{task.shard} epoch {task.number}", data, detail, task.seed)
