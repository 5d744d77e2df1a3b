"""What a campaign knows and writes: it hands out epochs as tasks, and takes their outcomes in.

Who performs a task, where and when, is not known here, nor who else is told. Nothing is taken in that was made with another version of the
core, and nothing is written once the directory is not any more where it was. All that is written of an epoch is written under one lock, so that
no epoch relies on programs of another that is not on disk yet.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sysfuzz.campaign.core import Changed, Core
from sysfuzz.campaign.cover import hash_of
from sysfuzz.campaign.events import EventLog
from sysfuzz.campaign.faultbook import FaultBook, store_error
from sysfuzz.campaign.layout import SEEDS, Layout
from sysfuzz.campaign.lock import Place
from sysfuzz.campaign.opening import Contents
from sysfuzz.campaign.records import Campaign, Epoch
from sysfuzz.campaign.seeds import epoch_seed
from sysfuzz.campaign.shard import Program, Shard
from sysfuzz.campaign.task import Outcome, Surveyed, Task, surveyed
from sysfuzz.engine.faults import Fault
from sysfuzz.feedback.distil import distil
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.times import stamp

__all__ = ["Changed", "Flight", "Ledger", "Limits"]

# Of a core that is too slow for an epoch's executions: what is lost at most when everything dies.
_EPOCH_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Of each epoch."""

    runs: int  # besides those of the programs that it starts from
    rss_limit_mb: int
    sources: str  # of the accelerator


class Flight(NamedTuple):
    """An epoch that is under way."""

    task: Task
    programs: tuple[str, ...]  # that it starts from
    began: datetime


class Ledger:
    """The one writer of a campaign's programs, features, epochs and faults; the directory is locked."""

    def __init__(
        self,
        layout: Layout,
        campaign: Campaign,
        core: Core,
        place: Place,
        log: EventLog,
        clock: Callable[[], datetime],
        limits: Limits,
    ) -> None:
        """Read what is there. Raises Damaged, OSError."""
        self.core = core
        self.faults: set[tuple[str, str]] = set()  # kind and where of those that this run has met
        self._layout = layout
        self._campaign = campaign
        self._place = place
        self._log = log
        self._clock = clock
        self._limits = limits
        self._lock = threading.Lock()
        self._contents = Contents(layout, core.version)
        self._book = FaultBook(layout, campaign.target)

    def survey(self, processes: int, stop: Callable[[], bool]) -> None:
        """Ask what those programs show of which this version of the core has said nothing. Raises EngineError, Changed, Moved."""
        missing = len(self._contents.missing)
        if missing:
            self._log.add("surveying", programs=missing, of=len(self._contents.shards))
            for fault in self._contents.survey(self._campaign.target, processes, stop, self._check):
                self._fault(fault, "", 0)

    def give(self, inputs: Sequence[bytes]) -> None:
        """Add the programs among `inputs`, in the engine's canonical form, that show anything new. Raises EngineError, Changed, Moved."""
        shard = Shard(self._layout, SEEDS)
        found = surveyed(self._campaign.target, inputs)
        self._check()
        kept = self._choice(found)
        shard.keep(kept)
        shard.add_features(self.core.version, [program.line() for program in kept])
        self._count(kept)
        self._know(SEEDS, kept)
        for one in found:
            if one.fault:
                self._fault(one.fault, SEEDS, 0)
        self._log.add("given", programs=len(inputs), kept=len(kept))

    def features(self) -> dict[str, int]:
        """How many features have been shown, by domain."""
        with self._lock:
            return self._contents.cover.features()

    def programs(self) -> int:
        """How many programs there are."""
        return len(self._contents.shards)

    def chosen(self) -> int:
        """How many of them an epoch would start from."""
        with self._lock:
            return len(self._contents.cover.chosen())

    def flight(self, shard: Shard) -> Flight:
        """The next epoch of a shard. Raises Changed, Moved, and Damaged if a program that it needs cannot be read."""
        self._check()
        with self._lock:
            names = self._contents.cover.chosen()
            task = Task(
                shard=shard.name,
                number=shard.next_number,
                seed=epoch_seed(self._campaign.seed, shard.name, shard.next_number),
                target=self._campaign.target,
                inputs=tuple(map(self._contents.data, names)),
                quarantine=self._book.quarantine(),
                findings=str(self._layout.findings),
                runs=len(names) + self._limits.runs,
                seconds=_EPOCH_SECONDS,
                rss_limit_mb=self._limits.rss_limit_mb,
                sources=self._limits.sources,
            )
            return Flight(task, names, self._clock())

    def commit(
        self, shard: Shard, flight: Flight, outcome: Outcome, findings: tuple[str, ...], *, stopped: bool
    ) -> Epoch:
        """Write an epoch down, which was the first to show `findings`; `stopped`: somebody has cut it short.

        Raises Changed, if it may have run on two versions of the core: it is as if it had never been. Raises Moved, and StoreError if its
        findings could not be written.
        """
        task = flight.task
        self._check()
        reason = store_error(outcome.faults)
        if reason:
            raise StoreError(reason)
        with self._lock:
            before = self._contents.cover.features()
            kept = self._choice(outcome.programs)
            self._count(kept)
            after = self._contents.cover.features()
            for fault in outcome.faults:
                self._fault(fault, shard.name, task.number)
            epoch = Epoch(
                shard=shard.name,
                number=task.number,
                seed=task.seed,
                core=self.core.version,
                began=stamp(flight.began),
                ended=stamp(self._clock()),
                seconds=round(outcome.seconds, 3),
                executions=outcome.executions,
                corpus=len(flight.programs),
                corpus_hash=hash_of(flight.programs),
                runs=task.runs,
                programs=tuple(program.name for program in kept),
                dropped=len(outcome.programs) - len(kept),
                features=after,
                gained={domain: more for domain, count in after.items() if (more := count - before.get(domain, 0))},
                shown=outcome.shown,
                findings=findings,
                faults=outcome.fault_count,
                restarts=outcome.restarts,
                complete=outcome.complete,
                why=_why(task, outcome, stopped),
            )
            shard.commit(epoch, kept)
            self._know(shard.name, kept)
        return epoch

    def _check(self) -> None:
        self._place.check()
        self.core.check()

    def _choice(self, found: Sequence[Surveyed]) -> list[Program]:
        """Of what was found, a small choice that shows all that is new."""
        cover = self._contents.cover
        novel = [(one, rows) for one in found if not one.fault and (rows := cover.novel(one.features))]
        chosen = distil([rows for _, rows in novel], [len(one.data) for one, _ in novel])
        return [Program.of(novel[position][0].data, novel[position][0].features) for position in chosen]

    def _count(self, kept: Sequence[Program]) -> None:
        for program in kept:
            self._contents.cover.add(program.name, program.features or {}, len(program.data))

    def _know(self, shard: str, kept: Sequence[Program]) -> None:
        for program in kept:
            self._contents.know(program.name, shard, program.data)

    def _fault(self, fault: Fault, shard: str, number: int) -> None:
        self.faults.add((fault.kind, fault.where))
        if self._book.add(fault, shard, number, self._clock()):
            self._log.add("fault", kind=fault.kind, where=fault.where, shard=shard, epoch=number)


def _why(task: Task, outcome: Outcome, stopped: bool) -> str:
    if outcome.executions >= task.runs:
        return "runs"
    if stopped and not outcome.complete:
        return "stopped"
    return "slow" if outcome.complete else "gave up"
