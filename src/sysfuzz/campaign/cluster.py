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

from sysfuzz.campaign.depot import Depot, Mirror
from sysfuzz.campaign.durable import make
from sysfuzz.campaign.errand import Errand, Known, Sighted, nothing, pack
from sysfuzz.campaign.events import Event
from sysfuzz.campaign.fleet import Arrival, Fleet
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.ledger import Flight
from sysfuzz.campaign.lock import Held, Place, hold
from sysfuzz.campaign.run import POLL, Begun, Ended, Run, Settings, Standing
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
_SEND = 5.0  # seconds between two looks at what the depot does not hold yet
# Seconds between two writes of how often known bugs were seen: a write for each bug, and not for each epoch.
_COUNT = 10.0
# Seconds for what is under way to come to its end: the executions stop at once, and then its programs are asked about.
_GRACE = 60.0


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
        stack.enter_context(scratch())
        mirror = None
        if depot is not None:
            mirror = Mirror(Depot(depot), layout, settings.who, clock())
            stack.callback(_leave, mirror, Place(layout), clock)
        fleet = stack.enter_context(Fleet(address, run_name(settings), settings.workers))
        this = Run(settings, layout, clock, heard, stands, stop)
        return this.go(Driver(this, fleet, mirror, depot or "").work)


def _leave(mirror: Mirror, place: Place, clock: Callable[[], datetime]) -> None:
    """Send the last, but nothing of another directory that is in the campaign's place by now."""
    if not place.is_moved():
        mirror.close(clock())


def run_name(settings: Settings) -> str:
    """What tells the errands of this run from those of any other."""
    return sha256(f"{settings.home.resolve()} {sorted(settings.who.items())}".encode()).hexdigest()[:8]


class Crew(Protocol):
    """What the driver asks of a fleet."""

    remarks: list[str]

    def size(self) -> int:
        """See Fleet; so are the others."""

    def send(self, errand: Errand) -> None: ...

    def arrivals(self, seconds: float) -> list[Arrival]: ...

    def halt(self) -> None: ...


class Driver:
    """Carries out the epochs of a run as errands of a crew."""

    def __init__(self, run: Run, crew: Crew, mirror: Mirror | None = None, depot: str = "") -> None:
        """`depot` is the URL of what the mirror sends to."""
        self._run = run
        self._crew = crew
        self._mirror = mirror
        self._depot = depot
        self._place = Place(run.layout)
        self._name = run_name(run.settings)
        self._counts = Counts(Store(run.layout.findings))
        self._shards = [Shard(run.layout, f"w{number}") for number in range(run.settings.workers)]
        self._free = list(range(len(self._shards)))  # shards that have no epoch under way, by number; a heap
        self._corpus: tuple[str, ...] | None = None  # the one that was sent last, by names
        self._inputs: tuple[bytes, ...] = ()
        self._packed = b""
        self._snapshot = ""
        self._under_way: dict[str, Begun] = {}  # by shard
        self._snapshots: dict[str, str] = {}  # of each of them
        self._next: dict[str, float] = {}

    def work(self) -> None:
        """Hand out errands, and take in what they bring, until the run ends."""
        try:
            while self._run.goes_on():
                self._fill()
                if not self._under_way and self._run.left() == 0:
                    break
                for arrival in self._crew.arrivals(POLL):
                    self._take_in(arrival)
                self._tend()
            self._wind_down()
        finally:
            if not self._place.is_moved():
                self._count()

    def _tend(self) -> None:
        self._place.check()  # it has waited since the run has
        for remark in self._crew.remarks:
            self._run.failed("work", remark, shard="the cluster")
        self._crew.remarks.clear()
        self._run.tend()
        if self._due("count", _COUNT):
            self._count()
        if self._mirror is not None and self._due("send", _SEND):
            self._send_on(self._mirror)

    def _wind_down(self) -> None:
        """Commit what the epochs under way have found so far."""
        if not self._under_way:
            return
        self._crew.halt()
        deadline = time.monotonic() + _GRACE
        while self._under_way and time.monotonic() < deadline:
            for arrival in self._crew.arrivals(POLL):
                self._take_in(arrival)

    # -- out ----------------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Let every worker have its errands."""
        while len(self._under_way) < _EACH * self._crew.size() and self._run.take():
            if not self._free:
                self._shards.append(Shard(self._run.layout, f"w{len(self._shards)}"))
                self._free.append(len(self._shards) - 1)
            begun = self._run.begin(self._shards[heapq.heappop(self._free)])
            begun.flight = self._shared(begun.flight)
            task = begun.flight.task
            self._under_way[task.shard] = begun
            self._snapshots[task.shard] = self._snapshot
            self._crew.send(
                Errand(
                    run=self._name,
                    core=self._run.version(),
                    task=replace(task, inputs=(), findings="", sources=""),
                    programs=b"" if self._snapshot else self._packed,
                    snapshot=self._snapshot,
                    depot=self._depot,
                    known=tuple(_known(entry) for entry in self._run.entries().values()),
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
        begun = self._under_way[shard]
        if arrival.answer is None or arrival.answer.outcome is None:
            outcome = nothing((_lost(arrival),))
        else:
            outcome = arrival.answer.outcome
            self._counts.take(arrival.answer.sighted, self._run.now())
        if outcome.executions or outcome.faults:
            self._run.commit(begun, outcome)
        else:
            self._run.give_up(begun)  # it has ended before it began
        del self._under_way[shard], self._snapshots[shard]
        heapq.heappush(self._free, int(shard[1:]))

    def _count(self) -> None:
        for identity, why in self._counts.write(self._run.entries(), self._run.now()):
            self._run.failed("count", why, finding=identity)

    def _send_on(self, mirror: Mirror) -> None:
        """What is not in the depot yet is no less safe than an epoch under way; it is sent the next time."""
        try:
            mirror.send(self._run.now())
            Depot(self._depot).forget({self._snapshot, *self._snapshots.values()})
        except Held:
            raise
        except OSError as error:
            self._run.failed("copy", str(error), shard=self._depot)

    def _due(self, what: str, seconds: float) -> bool:
        now = time.monotonic()
        if now < self._next.get(what, 0.0):
            return False
        self._next[what] = now + seconds
        return True


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
