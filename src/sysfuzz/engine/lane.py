"""A lane: one worker's share of the epoch, with the replacements of that worker when it dies.

A replacement starts from the corpus and what its predecessors found, in a directory and with a seed of its own, and never executes an input
that killed one of them. Knows neither the other lanes nor the clock.
"""

import os
from pathlib import Path

from sysfuzz.engine.assignment import Assignment
from sysfuzz.engine.faults import Fault, distinct
from sysfuzz.engine.process import Layout, WorkerProcess
from sysfuzz.engine.settings import EpochSettings
from sysfuzz.feedback.counters import MAP_SIZE

_UNLIMITED = (1 << 63) - 1  # executions; fits a word of the journal
_SEED_STEP = 1_000_003  # between the seeds of a worker and its replacement; more than there are workers


class Lane:
    """All workers of one lane, the dead ones first. The totals are sums over them."""

    def __init__(self, settings: EpochSettings, index: int, runs: int | None, directory: Path) -> None:
        """Start the first worker of lane number `index`, which has `runs` executions (None: no limit) and `directory` to itself."""
        self.gave_up = False  # it died once more than it may
        self._settings = settings
        self._index = index
        self._limit = _UNLIMITED if runs is None else runs
        self._directory = directory
        self._stopping = False
        self._alive = False
        self._workers: list[WorkerProcess] = []
        self._start()

    @property
    def restarts(self) -> int:
        """How often a worker was replaced."""
        return len(self._workers) - 1

    @property
    def executions(self) -> int:
        """Executions started."""
        return sum(worker.numbers().executions for worker in self._workers)

    @property
    def fault_count(self) -> int:
        """Exceptions and deaths."""
        return sum(worker.numbers().faults + (worker.fault is not None) for worker in self._workers)

    @property
    def shown(self) -> int:
        """Executions that showed a bug."""
        return sum(worker.numbers().shown for worker in self._workers)

    @property
    def idle(self) -> int:
        """Executions since the worker last met something new."""
        numbers = self._workers[-1].numbers()
        return numbers.executions - numbers.latest

    @property
    def corpus_size(self) -> int:
        """Number of new inputs that the present worker keeps."""
        return self._workers[-1].corpus_size()

    def poll(self) -> bool:
        """Whether a worker lives; replace it if it has died. EngineError: it could not start."""
        worker = self._workers[-1]
        if self._alive and not worker.watch(self._settings.hang_seconds):
            self._alive = False
            unfinished = not self._stopping and self.executions < self._limit
            if worker.death and (unfinished or worker.suspect is not None):
                self.gave_up = self._is_hopeless()
                if not self.gave_up:
                    self._start()
        return self._alive

    def stop(self) -> None:
        """Let the worker end after its present execution, and start no other."""
        self._stopping = True
        self._workers[-1].stop()

    def close(self) -> None:
        """End whatever still runs at once, and give all back."""
        for worker in self._workers:
            worker.kill()
            worker.close()

    def faults(self) -> list[Fault]:
        """The faults of all workers, the first of each identity."""
        return distinct(fault for worker in self._workers for fault in worker.faults())

    def inputs(self) -> list[bytes]:
        """The new inputs of all workers, each once."""
        return list(dict.fromkeys(data for worker in self._workers for data in worker.corpus()))

    def seen(self) -> bytes:
        """A byte for each counter of the map, not 0 if any of the workers has seen it."""
        total = 0
        for worker in self._workers:
            total |= int.from_bytes(worker.seen(), "little")
        return total.to_bytes(MAP_SIZE, "little")

    def layout(self) -> Layout:
        """How the map is cut into slices; all workers agree."""
        return self._workers[0].layout()

    def _is_hopeless(self) -> bool:
        """Whether another worker would die like those before it. A user's code may die of many inputs, but not of the first each time."""
        most = self._settings.max_restarts
        if not self._settings.own:
            return self.restarts == most
        last = self._workers[-most - 1 :]
        return len(last) > most and all(worker.numbers().executions <= 1 for worker in last)

    def _start(self) -> None:
        """Start a worker; after a death of the user's code its first task is to examine that, and perhaps its only one."""
        settings = self._settings
        suspect = self._workers[-1].suspect if self._workers else None
        number = len(self._workers)
        seed = settings.seed + self._index + number * _SEED_STEP
        quarantine = settings.quarantine.union(*(worker.culprits() for worker in self._workers))
        inputs = {*settings.inputs, *self.inputs()} - quarantine
        assignment = Assignment(
            parent=os.getpid(),
            factory=settings.factory,
            settings={**settings.job, "seed": seed, "worker": self._index},
            packages=settings.packages,
            code_counters=settings.code_counters,
            seed=seed,
            max_len=settings.max_len,
            rss_limit_mb=settings.rss_limit_mb,
            flags=settings.flags,
            sources=settings.sources,
            quarantine=tuple(sorted(data.hex() for data in quarantine)),
            own=settings.own,
            suspect=None if suspect is None else suspect.hex(),
        )
        limit = 0 if self._stopping else self._limit - self.executions
        self._workers.append(WorkerProcess(self._directory / str(number), assignment, sorted(inputs), limit))
        self._alive = True
