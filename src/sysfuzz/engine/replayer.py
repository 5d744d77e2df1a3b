"""Programs that are known run once more, as a fuzzing run would: what they show is replayed in a fresh process, and recorded in a store.

No libFuzzer is needed for that, and no worker: the job runs in this process. A core of the user's own is contained by its target.
"""

from sysfuzz.engine.job import Flaky, FuzzJob
from sysfuzz.feedback.counters import CounterMap
from sysfuzz.findings.store import Store
from sysfuzz.program.source import Source
from sysfuzz.program.wire import encode
from sysfuzz.targets.table import Target


class Replayer:
    """Runs programs, each once. `close` it in the end."""

    def __init__(self, target: Target, store: Store, seed: int) -> None:
        self.faults: list[str] = []  # of programs that did not show the same again, one located line each
        self._target = target
        self._job = FuzzJob(target, CounterMap(), store, seed, 0)

    def run(self, source: Source) -> tuple[str, ...]:
        """Run one program; the buckets that it shows. Raises StoreError, and whatever a core of the user's own does."""
        try:
            return tuple(self._job.execute(encode(source.program)))
        except Flaky as error:
            self.faults.append(f"{source.file}: {self._target.name}: {error}")
            return ()

    def close(self) -> None:
        """Write down what was only counted so far. Raises StoreError."""
        self._job.close()
