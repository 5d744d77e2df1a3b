"""The fuzzing job of an epoch among many: a bug that the store holds already is counted, and not replayed again.

Each epoch starts with a worker that knows no bug. Ten replays of every known one, each time in a fresh process, would take longer than the
epoch. A face that is worse than the recorded one is replayed as any other.
"""

from collections.abc import Mapping
from pathlib import Path

from sysfuzz.engine.job import FuzzJob
from sysfuzz.engine.replay import REPLAYS, Replay, Replayed, fresh
from sysfuzz.feedback.counters import CounterMap
from sysfuzz.findings.bucket import slug_of
from sysfuzz.findings.severity import rank, severity_of
from sysfuzz.findings.store import Store
from sysfuzz.program.ir import Program
from sysfuzz.targets.clibrary import LibraryTarget
from sysfuzz.targets.table import get

FACTORY = "sysfuzz.engine.recorded:create"


def create(settings: Mapping[str, object], counters: CounterMap) -> FuzzJob:
    """The job for `settings`: "target" (a name), "findings" (a directory), "seed", "worker"."""
    target = get(str(settings["target"]), contained=False)
    if isinstance(target, LibraryTarget):
        for address, size in target.counters():
            counters.adopt(address, size)
    store = Store(Path(str(settings["findings"])))
    seed, worker = int(str(settings["seed"])), int(str(settings["worker"]))
    return FuzzJob(target, counters, store, seed, worker, trusting(store, target.name, fresh(target.name)))


def trusting(store: Store, target: str, replay: Replay) -> Replay:
    """`replay`, unless the store holds the bucket with a face that is as bad."""

    def ask(program: Program, bucket: str, oracle: str) -> Replayed:
        identity = slug_of(target, bucket)
        if identity in store.ids() and rank(store.load(identity).finding.severity) <= rank(severity_of(oracle)):
            return Replayed(REPLAYS)
        return replay(program, bucket, oracle)

    return ask
