"""Findings for the tests of the verbs about them, in ./findings."""

from datetime import UTC, datetime
from pathlib import Path

from programs import BAD_FLAG, MERGE
from sysfuzz.findings.finding import Evidence, Replays, Sighting
from sysfuzz.findings.provenance import Provenance
from sysfuzz.findings.store import Store
from sysfuzz.program.text import parse

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)

# Of `three`, the worst first. Run now, MERGE shows the first on its target, and neither BAD_FLAG nor MERGE shows anything else there.
MERGED = "nosyscalls-2011--attribute--mmap--merge"
PANIC = "nosyscalls-2011--panic--sys-mmap-bad-flags-c9059964"
LOCK = "nosyscalls--lock--int80"


def store() -> Store:
    """The store in ./findings."""
    return Store(Path("findings"))


def record(oracle: str, bucket: str, target: str = "nosyscalls-2011", count: int = 1, text: str = MERGE) -> str:
    """Record a finding with the program `text`; its id."""
    sighting = Sighting(
        bucket=bucket,
        oracle=oracle,
        target=target,
        program=parse(text).program,
        evidence=Evidence(3, "SIGILL", "getpid dispatched"),
        replays=Replays(10, 10),
        provenance=Provenance({"sysfuzz": "0.1.0", "unicorn": "2.1.4"}, seed=7, epoch=0, worker=1, executions=1234),
        count=count,
        faces={oracle: count},
    )
    return store().record(sighting, NOON).entry.id


def three() -> None:
    """Two findings that show their bugs, and one that does not, for its target is the reference."""
    record("lock", "lock/int80", "nosyscalls")
    record("escape", "attribute/mmap/merge", count=1200)
    record("panic", "panic/sys_mmap: bad flags", text=BAD_FLAG)
