"""Engine faults: what went wrong in the fuzzer itself, kept apart from findings.

A worker records the exceptions that leave its job; the parent adds the deaths of workers. A fault is known by where it happened, so that a
bug that every input meets is one fault and not a million files. Knows nothing of why the job was called.
"""

import hashlib
import json
import os
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

MAX_RECORDS = 100  # distinct faults of one worker that are kept: more than anybody reads, a few KiB each


class Fault(NamedTuple):
    """One fault, with the first input that met it. `kind` and `where` are its identity."""

    kind: str  # "execute", "mutate", "crossover", "close": an exception; "abort", "hang", "memory", "exit": the death of a worker
    where: str  # what, in which module and function: "ValueError in pkg.module:function", "SIGABRT in file:function"
    data: bytes  # the input that was executed or mutated
    detail: str  # traceback, or the end of the worker's log
    seed: int  # of the worker


class FaultLog:
    """The distinct faults of one worker, each a JSON file that is written when the fault is first met."""

    def __init__(self, directory: Path, seed: int) -> None:
        """Write into `directory`, which exists."""
        self._directory = directory
        self._seed = seed
        self._known: set[tuple[str, str]] = set()

    def record(self, kind: str, data: bytes, error: BaseException) -> None:
        """Keep the fault that `error` is, if it is a new one and fewer than MAX_RECORDS are kept."""
        frame = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][-1]
        where = f"{type(error).__name__} in {frame.f_globals['__name__']}:{frame.f_code.co_name}"
        if (kind, where) in self._known or len(self._known) >= MAX_RECORDS:
            return
        self._known.add((kind, where))
        fault = Fault(kind, where, data, "".join(traceback.format_exception(error)), self._seed)
        name = hashlib.sha256(f"{kind} {where}".encode()).hexdigest()[:16]
        temporary = self._directory / f"{name}.new"
        temporary.write_text(json.dumps(fault._asdict() | {"data": data.hex()}), encoding="utf-8")
        os.replace(temporary, self._directory / f"{name}.json")


def read_faults(directory: Path) -> list[Fault]:
    """All faults of a directory, by name of file."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(directory.glob("*.json"))]
    return [Fault(**record | {"data": bytes.fromhex(record["data"])}) for record in records]


def distinct(faults: Iterable[Fault]) -> list[Fault]:
    """The first fault of each identity, in the order given."""
    first: dict[tuple[str, str], Fault] = {}
    for fault in faults:
        first.setdefault((fault.kind, fault.where), fault)
    return list(first.values())
