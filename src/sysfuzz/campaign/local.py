"""Workers of this machine, and a Dask scheduler for them in this process: as many as were asked for, whatever becomes of them.

Each is a process of its own, `dask worker` without a nanny, and another takes its place when it ends. The `LocalCluster` of Dask does not see to
that: a worker that takes its nanny more than 15 s to start again (`distributed.deploy.lost-worker-timeout`), as it does on a busy machine, is
closed together with the nanny, and no other comes (`deploy/spec.py` of distributed 2026.8; seen with that time at 1 s). Knows nothing of what
they do.
"""

import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from distributed import LocalCluster

from sysfuzz.engine.process import EngineError

_PAUSE = 5.0  # seconds from one start in a place to the next: what ends at once may be for want of memory, and is no use more often
_TRIES = 3  # starts in a row that fail by themselves, not by a signal
_CLOSE_SECONDS = 2.0
_LAST_WORDS = 200  # characters: an exception's line


class _Worker(NamedTuple):
    process: subprocess.Popen[bytes]
    started: float


class Local:
    """A scheduler and `count` workers. OSError."""

    def __init__(self, count: int, failures: int) -> None:
        """`failures` of one task are forgiven (`allowed-failures`)."""
        self._home = tempfile.TemporaryDirectory(prefix="sysfuzz-local-", ignore_cleanup_errors=True)
        self._cluster = LocalCluster(
            n_workers=0, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL, scheduler_kwargs={"allowed_failures": failures},
        )  # fmt: skip
        self._failed = 0
        self._workers = [self._start(place) for place in range(count)]

    @property
    def address(self) -> str:
        """That of the scheduler."""
        return str(self._cluster.scheduler_address)

    def tend(self) -> list[str]:
        """Start a worker for each that has ended; what has become of these. EngineError: they end by themselves, again and again."""
        told = []
        for place, worker in enumerate(self._workers):
            status = worker.process.poll()
            if status is None or time.monotonic() < worker.started + _PAUSE:
                continue
            how = f"signal {-status}" if status < 0 else f"status {status}: {self._words(place)}"
            self._failed = self._failed + 1 if status > 0 else 0
            if self._failed == _TRIES:
                raise EngineError(f"no worker can be started on this machine; the last one ended with {how}")
            told.append(f"process {worker.process.pid} of this machine is replaced, which ended with {how}")
            self._workers[place] = self._start(place)
        return told

    def close(self) -> None:
        """End them all."""
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + _CLOSE_SECONDS
        for worker in self._workers:
            try:
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        self._cluster.close(_CLOSE_SECONDS)
        self._home.cleanup()

    def _start(self, place: int) -> _Worker:
        # It imports what this process can import, ends when this process does, and Ctrl-C in the terminal is not for it.
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
            "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "critical",
        }
        tied = [sys.executable, "-P", "-m", "sysfuzz.campaign.tied", str(os.getpid())]
        worker = [
            sys.executable, "-P", "-m", "distributed.cli.dask_worker", self.address, "--nthreads", "1", "--no-nanny",
            "--no-dashboard", "--memory-limit", "0", "--local-directory", self._home.name,
        ]  # fmt: skip
        with self._log(place).open("wb") as log:
            process = subprocess.Popen(
                [*tied, *worker], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        return _Worker(process, time.monotonic())

    def _words(self, place: int) -> str:
        """The last line that the worker of a place has written."""
        lines = self._log(place).read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")[-_LAST_WORDS:]

    def _log(self, place: int) -> Path:
        return Path(self._home.name, f"{place}.log")
