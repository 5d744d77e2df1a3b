"""One worker process seen from its parent: its directory, its start, its death and whom to blame for it.

A worker that dies, or that makes no progress for too long, has a culprit: the input in its journal. This file starts a process once and
reads what it left; whether there is another one is decided in `lane.py`.
"""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sysfuzz.engine.assignment import Assignment
from sysfuzz.engine.faults import Fault, read_faults
from sysfuzz.engine.journal import Journal, Numbers
from sysfuzz.feedback.counters import MAP_SIZE

_MEMORY = "memory"  # the kind of such a fault
_OUT_OF_MEMORY = 71  # exit status of libFuzzer when -rss_limit_mb is exceeded
_LOG_TAIL = 4000  # bytes: a traceback, and what libFuzzer said before
_DUMP_SECONDS = 2.0  # to write a traceback to a file
START_SECONDS = 60.0  # to import everything and build the job; tests take 0.3

# faulthandler's dump; the innermost frame comes first.
_FRAME = re.compile(r'most recent call first\):\n  File "(.+)\.py", line \d+ in (\S+)')


class Layout(NamedTuple):
    """How the counter map is cut, and what the marks in the core are."""

    slices: Mapping[str, int]  # sizes by domain, in their order in the map
    points: tuple[tuple[str, int], ...]  # (module, line) by number of mark


class EngineError(Exception):
    """No worker can run: the job cannot be built, or libFuzzer cannot be started. The message holds the worker's own words."""


class WorkerProcess:
    """A started worker. `death` is None while it lives and after it has left at its limit."""

    def __init__(self, directory: Path, assignment: Assignment, seeds: Sequence[bytes], limit: int) -> None:
        """Make `directory` and start a worker in it: first `seeds`, then mutants, up to `limit` executions."""
        for name in ("corpus", "faults", "artifacts", "seeds"):
            (directory / name).mkdir(parents=True)
        paths = []
        for number, data in enumerate(seeds):
            paths.append(f"{directory}/seeds/{number}")
            Path(paths[-1]).write_bytes(data)
        (directory / "seeds.list").write_text(",".join(paths), encoding="utf-8")
        assignment.write(directory)
        self.death: Fault | None = None
        self._directory = directory
        self._assignment = assignment
        self._journal = Journal(directory / "journal", assignment.max_len, MAP_SIZE, create=True)
        self._journal.allow(limit)
        self._limit = limit
        self._moved = time.monotonic()
        self._last: tuple[int, bool, bool] | None = None
        # The worker imports what its parent can import. Its hashes are not random: an order that depends on them repeats.
        places = [path or os.getcwd() for path in sys.path]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([assignment.sources, *places] if assignment.sources else places),
            "PYTHONHASHSEED": "0",
        }
        with (directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "sysfuzz.engine.worker", str(directory)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # a core that prints does not fill the disk; libFuzzer and tracebacks use stderr
                stderr=log,
                env=environment,
                start_new_session=True,  # Ctrl-C in the terminal is the parent's to handle
            )

    def numbers(self) -> Numbers:
        """What the worker has published."""
        return self._journal.numbers()

    def seen(self) -> bytes:
        """The seen counters of all slices, one byte each."""
        return self._journal.seen()

    def stop(self) -> None:
        """Let the worker leave before its next execution."""
        self._limit = 0
        self._journal.allow(0)

    def watch(self, hang_seconds: float) -> bool:
        """Whether the worker lives; kill it if it has made no progress for `hang_seconds`. EngineError: it could not start."""
        status = self._process.poll()
        if status is None:
            numbers = self._journal.numbers()
            state = (numbers.executions, numbers.executing, numbers.ready)
            now = time.monotonic()
            if state != self._last:
                self._last = state
                self._moved = now
            if now - self._moved <= (hang_seconds if numbers.executions else START_SECONDS):
                return True
            self._dump_and_kill()
            self.death = self._blame("hang", "no progress")
        elif status != 0 or self._left_early():
            self.death = self._blame(*_cause(status))
        if not self._journal.numbers().ready:
            raise EngineError(f"a worker could not start\n{self._log_tail()}")
        return False

    def kill(self) -> None:
        """End the process at once, and wait for it."""
        self._process.kill()
        self._process.wait()

    @property
    def suspect(self) -> bytes | None:
        """The input of which the user's code has died, and the worker with it."""
        if self.death is None or self.death.kind == _MEMORY or not self._assignment.own:
            return None
        return self.death.data if self._journal.numbers().executing else None

    @property
    def fault(self) -> Fault | None:
        """The death, if the engine is to blame. Memory that the user's code has not given back goes with the process: no input is to blame."""
        excused = self.suspect is not None or (self._assignment.own and self.death and self.death.kind == _MEMORY)
        return None if excused else self.death

    def faults(self) -> list[Fault]:
        """The exceptions that the worker has recorded, and its death."""
        recorded = read_faults(self._directory / "faults")
        return [*recorded, self.fault] if self.fault else recorded

    def culprits(self) -> tuple[bytes, ...]:
        """The input that must not be executed again, if the worker died while it executed one."""
        if self.death is None or not self._journal.numbers().executing:
            return ()
        return (self.death.data,)

    def corpus_size(self) -> int:
        """Number of inputs that libFuzzer keeps and that were not among the seeds."""
        return len(os.listdir(self._directory / "corpus"))

    def corpus(self) -> list[bytes]:
        """These inputs, in the order of their names, which are hashes; a file that was not written to its end is left out."""
        files = [(path.name, path.read_bytes()) for path in sorted((self._directory / "corpus").iterdir())]
        return [data for name, data in files if hashlib.sha1(data, usedforsecurity=False).hexdigest() == name]

    def layout(self) -> Layout:
        """How the worker has cut the map; nothing until it is ready."""
        if not self._journal.numbers().ready:
            return Layout({}, ())
        layout = json.loads((self._directory / "layout.json").read_text(encoding="utf-8"))
        return Layout(layout["slices"], tuple((module, line) for module, line in layout["points"]))

    def close(self) -> None:
        """Give the shared memory back; the process has ended."""
        self._journal.close()

    def _left_early(self) -> bool:
        """Whether a worker that ended well did so before its limit: something in it, a core perhaps, has ended the process."""
        numbers = self._journal.numbers()
        return numbers.ready and (numbers.executing or numbers.executions < self._limit)

    def _dump_and_kill(self) -> None:
        self._process.send_signal(signal.SIGABRT)  # faulthandler writes the traceback, from native code as well
        try:
            self._process.wait(_DUMP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def _blame(self, kind: str, what: str) -> Fault:
        tail = self._log_tail()
        frame = _FRAME.search(tail)
        where = f"{what} in {'/'.join(Path(frame[1]).parts[-2:])}:{frame[2]}" if frame else what
        return Fault(kind, where, self._journal.input(), tail, self._assignment.seed)

    def _log_tail(self) -> str:
        return (self._directory / "log").read_bytes()[-_LOG_TAIL:].decode(errors="replace")


def _cause(status: int) -> tuple[str, str]:
    """Kind and name of the death that ended in `status`, as subprocess has it."""
    if status == _OUT_OF_MEMORY:
        return _MEMORY, "memory limit"
    if status < 0:
        return "abort", signal.Signals(-status).name
    return "exit", f"exit status {status}"
