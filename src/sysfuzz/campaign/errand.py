"""An errand: an epoch on its way to another machine and back, as values that say all there is to say.

The errand names the version of the core, and a machine that has another one refuses. Findings come back as records, so that the campaign has one
writer, and an errand that is run again because its machine has died counts once. Nothing is known here of how errands travel.
"""

import os
import pickle
import shutil
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from sysfuzz.campaign.core import Core
from sysfuzz.campaign.depot import Depot
from sysfuzz.campaign.scratch import dead, shared, used
from sysfuzz.campaign.task import Outcome, Task, perform
from sysfuzz.engine import accelerator
from sysfuzz.engine.faults import Fault
from sysfuzz.engine.journal import Journal
from sysfuzz.engine.process import EngineError
from sysfuzz.engine.recorded import FACTORY
from sysfuzz.engine.settings import EpochSettings
from sysfuzz.feedback.counters import MAP_SIZE
from sysfuzz.findings import record
from sysfuzz.findings.bucket import slug_of
from sysfuzz.findings.finding import Evidence, Finding, Replays
from sysfuzz.findings.provenance import Provenance
from sysfuzz.findings.severity import rank, severity_of
from sysfuzz.findings.store import FINDING, Store

# What a dead process has left is removed by its neighbours then; whoever asks for it (`left_by`) does so in seconds.
_LEFT_SECONDS = 600.0
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Known(NamedTuple):
    """A finding that the campaign has: its bucket, and the worst face of it."""

    target: str
    bucket: str
    oracle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """An epoch. `task` has no inputs and no place for findings; these are what `programs` and `known` are for."""

    run: str  # of the campaign, on one driver: what `halt` ends
    core: str  # the version that the epoch is for
    task: Task
    programs: bytes  # packed inputs; b"" if they are in the depot
    snapshot: str = ""  # the name of the inputs in the depot
    depot: str = ""  # its URL
    known: tuple[Known, ...] = ()

    @property
    def mark(self) -> str:
        """The beginning of the name of its temporary directory, on any machine."""
        return f"{self.run}-{self.task.shard}-{self.task.number}-"


class Sighted(NamedTuple):
    """What an epoch has seen of one bug: a finding's record that counts this epoch alone, and the program if the face is not known."""

    record: str
    program: str


class Answer(NamedTuple):
    """What has come of an errand. Without an outcome, `refusal` is one line that says why this machine can run none."""

    where: str  # host and process
    outcome: Outcome | None = None
    sighted: tuple[Sighted, ...] = ()
    refusal: str = ""


_HALTED: set[str] = set()  # runs whose errands come to their end, in this process
_ALONE = threading.Lock()  # of the process's place for temporary files


def pack(value: object) -> bytes:
    """Inputs or an answer as they travel: 40 bytes for an input, and a tenth of the names of features."""
    return zlib.compress(pickle.dumps(value), 1)


def unpack(packed: bytes) -> Any:
    """The value. What travels is as trusted as the errand itself, which is code."""
    return pickle.loads(zlib.decompress(packed))


def carry_out(errand: Errand, unwanted: Callable[[], bool] = lambda: False) -> Answer:
    """Run the epoch here; one at a time in a process. It is cut short once it is `unwanted`, or its run is halted."""
    where = f"process {os.getpid()} on {os.uname().nodename}"

    def stop() -> bool:
        return errand.run in _HALTED or unwanted()

    with _ALONE:
        if stop():
            return Answer(where, nothing(()))
        try:
            core = _core(errand.task.target)
            if core.version != errand.core:
                return Answer(where, refusal=f"has core {core.version}, and the campaign {errand.core}")
            with used(_base(), f"{errand.mark}{os.getpid()}", _LEFT_SECONDS) as home:
                outcome, sighted = _run(errand, home, stop)
            if core.has_changed():
                return Answer(where, refusal="its core has changed meanwhile")
            if not outcome.executions and not stop():
                return Answer(where, refusal="ends every worker of the engine before it executes anything")
        except (EngineError, OSError) as error:
            return Answer(where, refusal=" ".join(str(error).split()))
        return Answer(where, outcome, sighted)


def nothing(faults: tuple[Fault, ...]) -> Outcome:
    """The outcome of an epoch that has brought nothing but faults."""
    return Outcome(
        executions=0, seconds=0.0, programs=(), faults=faults, fault_count=len(faults), shown=0, restarts=0, complete=False
    )  # fmt: skip


def halt(run: str) -> None:
    """Let the errands of a run that this process has, and will get, come to their end."""
    _HALTED.add(run)


def left_by(mark: str) -> list[bytes]:
    """The last inputs of the processes that have died of an errand on this machine; that of the one that came farthest is the last.

    Nothing else of them stays.
    """
    found: list[tuple[int, bytes]] = []
    for home in dead(_base(), mark):
        for path in sorted(home.rglob("journal")):
            journal = Journal(path, EpochSettings(factory=FACTORY).max_len, MAP_SIZE)
            found.append((journal.numbers().executions, journal.input()))
            journal.close()
        shutil.rmtree(home, ignore_errors=True)
    return [data for executions, data in sorted(found) if executions]


def _run(errand: Errand, home: Path, stop: Callable[[], bool]) -> tuple[Outcome, tuple[Sighted, ...]]:
    task = errand.task
    store = Store(home / "findings")
    store.prepare()
    faces = {slug_of(known.target, known.bucket): known for known in errand.known}
    for identity, known in faces.items():  # a place of one's own, and gone in a minute: nothing for the disk
        (store.directory / identity).mkdir()
        (store.directory / identity / FINDING).write_text(record.dump(_stub(known)), encoding="utf-8")
    packed = errand.programs or Depot(errand.depot).snapshot(errand.snapshot)
    compiled = None if ":" in task.target else accelerator.ready()
    sources = "" if compiled is None else str(compiled)
    outcome = perform(replace(task, inputs=unpack(packed), findings=str(store.directory), sources=sources), stop=stop)
    return outcome, tuple(_sighted(store, faces))


def _stub(known: Known) -> Finding:
    """A finding that the store takes for known, and that has been seen once."""
    return Finding(
        known.bucket, known.oracle, severity_of(known.oracle), "new", known.target, _LONG_AGO, _LONG_AGO, 1, {known.oracle: 1},
        Replays(1, 1), Evidence(0, "known", "known"), Provenance({}, 0, 0, 0, 0),
    )  # fmt: skip


def _sighted(store: Store, faces: dict[str, Known]) -> Iterator[Sighted]:
    """What the epoch has added to the store."""
    listing = store.entries()
    assert not listing.damaged, listing.damaged
    for entry in listing.entries:
        known = faces.get(entry.id)
        if known is None:
            yield Sighted(record.dump(entry.finding), entry.program.read_text(encoding="utf-8"))
        elif entry.finding.count > 1:
            counts = dict(entry.finding.faces)
            counts[known.oracle] -= 1
            finding = replace(
                entry.finding,
                count=entry.finding.count - 1,
                faces={oracle: count for oracle, count in counts.items() if count},
            )
            is_worse = rank(finding.severity) < rank(severity_of(known.oracle))
            yield Sighted(record.dump(finding), entry.program.read_text(encoding="utf-8") if is_worse else "")


def _core(target: str) -> Core:
    """The core with this name as it is now, which is only looked for if it has changed."""
    core = _found(target)
    if core.has_changed():
        _found.cache_clear()
        core = _found(target)
    return core


@lru_cache(maxsize=8)
def _found(target: str) -> Core:
    return Core.of(target)


@cache
def _base() -> Path:
    """Asked for before any errand has a place of its own, and remembered: TMPDIR is another one meanwhile."""
    return shared("errands")
