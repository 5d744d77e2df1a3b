"""The file of results as it is written: one line a trial, each on disk before the next, so that any end leaves a file to go on from.

One file holds trials of one budget and of one set of versions: others would not be comparable, and nobody would see it. What a line says is
`records`' business.
"""

import errno
import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from sysfuzz.bench.plan import Budget, Planned
from sysfuzz.bench.records import BadRecord, parse


class LedgerError(Exception):
    """The file cannot be gone on with; `str(error)` is one line that begins with its name."""


class Ledger:
    """A file of results that this process alone writes to."""

    def __init__(self, path: Path, budget: Budget, versions: Mapping[str, str]) -> None:
        """Open or make it, and read what is done. A half line at its end, left by a run that was killed, is cut off. OSError, LedgerError."""
        self.cut = 0  # bytes that were cut off
        self._file = path.open("a+b", buffering=0)
        try:
            self.done = self._read(path, budget, versions)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, record: Mapping[str, object]) -> None:
        """Append a trial's record; it is on disk when this returns. OSError: it may be there in half."""
        line = json.dumps(record).encode() + b"\n"
        if self._file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._file.name)
        os.fsync(self._file.fileno())

    def _read(self, path: Path, budget: Budget, versions: Mapping[str, str]) -> frozenset[Planned]:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LedgerError(f"{path}: another run is writing to it") from None
        self._file.seek(0)
        data = self._file.read() or b""
        whole = data.rfind(b"\n") + 1
        done: set[Planned] = set()
        for number, line in enumerate(data[:whole].decode(errors="replace").splitlines(), 1):
            place = f"{path}:{number}"
            try:
                trial = parse(line, place)
            except BadRecord as error:
                raise LedgerError(str(error)) from None
            if tuple(trial.budget) != tuple(budget):
                had = f"{trial.budget.executions:,} executions and {trial.budget.seconds:g} s"
                due = f"{budget.executions:,} and {budget.seconds:g} s"
                raise LedgerError(f"{place}: a trial with a budget of {had}, not of {due}; one file holds one budget")
            if dict(trial.versions) != versions:
                raise LedgerError(
                    f"{place}: a trial with {_listed(dict(trial.versions))}; installed: {_listed(versions)}"
                )
            done.add(Planned(trial.weakness, trial.engine, trial.seed))
        if whole < len(data):
            self._file.truncate(whole)
            self.cut = len(data) - whole
        return frozenset(done)


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {versions[name]}" for name in sorted(versions))
