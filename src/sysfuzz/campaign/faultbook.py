"""Engine faults of a campaign: each distinct one with the first input that met it, and the inputs that no worker shall meet again.

faults/<name>.prog    the input, as a program
faults/<name>.json    what is known
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sysfuzz.campaign.durable import dump, make, read, write
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.records import sound_fault
from sysfuzz.engine.faults import Fault
from sysfuzz.findings.bucket import one_line, slug_of
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.reproducer import program_text
from sysfuzz.findings.times import stamp
from sysfuzz.program.wire import decode

# The death of a process. An exception costs an execution, and its input may be a good one yet.
_DEADLY = ("abort", "hang", "memory", "exit", "survey")


class Known(NamedTuple):
    """A fault that is on record."""

    name: str
    record: dict[str, Any]


class FaultBook:
    """The writer of a campaign's faults."""

    def __init__(self, layout: Layout, target: str) -> None:
        """Read what is on record. Raises Damaged, OSError."""
        self._layout = layout
        self._target = target
        make(layout.faults)
        self._known = {known.name: known.record for known in faults(layout)}

    def quarantine(self) -> frozenset[bytes]:
        """Inputs that have ended a process."""
        records = self._known.values()
        return frozenset(
            bytes.fromhex(record["data"]) for record in records if record["kind"] in _DEADLY and record["data"]
        )

    def add(self, fault: Fault, shard: str, number: int, when: datetime) -> bool:
        """Count one epoch's meeting of a fault; whether it is a new one."""
        name = slug_of(fault.kind, fault.where)
        known = self._known.get(name)
        if known is None:
            known = {
                "kind": fault.kind,
                "where": fault.where,
                "target": self._target,
                "shard": shard,
                "epoch": number,
                "seed": fault.seed,
                "first_seen": stamp(when),
                "epochs": 0,
                "detail": fault.detail,
                "data": fault.data.hex(),
            }
            comments = (f"target: {self._target}", f"engine fault: {fault.kind}: {one_line(fault.where)}")
            write(self._layout.faults / f"{name}.prog", program_text(decode(fault.data), comments))
        is_new = not known["epochs"]
        self._known[name] = known | {"last_seen": stamp(when), "epochs": known["epochs"] + 1}
        write(self._layout.faults / f"{name}.json", dump(self._known[name]))
        return is_new


def faults(layout: Layout) -> list[Known]:
    """The faults on record, by name. Raises Damaged, OSError."""
    paths = sorted(layout.faults.glob("*.json")) if layout.faults.is_dir() else []
    return [Known(path.stem, read(path, sound_fault)) for path in paths if not path.name.startswith(".")]


def store_error(found: Iterable[Fault]) -> str:
    """Why findings could not be written, if that is what one of the faults is about; else ""."""
    for fault in found:
        if fault.where.startswith(f"{StoreError.__name__} "):
            return one_line(fault.detail.rstrip().rpartition("\n")[2].partition(": ")[2])
    return ""
