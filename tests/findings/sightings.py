"""Sightings for the tests of findings: real programs and plain numbers."""

from datetime import UTC, datetime

from sysfuzz.findings.finding import Evidence, Replays, Sighting
from sysfuzz.findings.provenance import Provenance
from sysfuzz.program.ir import Op, Program

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
LATER = datetime(2026, 1, 31, 13, 0, 0, tzinfo=UTC)

BUCKET = "attribute/mmap/merge"
TARGET = "nosyscalls-2011"
SLUG = "nosyscalls-2011--attribute--mmap--merge"


def program(status: int = 0) -> Program:
    """A valid program; different for different `status`."""
    return Program(ops=(Op("poke", (0x10000, bytes.fromhex("0f05c3"))), Op("exit", (status,))))


def sighting(
    oracle: str = "attribute-lost",
    *,
    bucket: str = BUCKET,
    target: str = TARGET,
    status: int = 0,
    count: int = 1,
    faces: dict[str, int] | None = None,
) -> Sighting:
    """One sighting; `status` tells its program from others."""
    return Sighting(
        bucket=bucket,
        oracle=oracle,
        target=target,
        program=program(status),
        evidence=Evidence(status, "attributes 1", f"attributes 0 ({oracle})"),
        replays=Replays(10, 10),
        provenance=Provenance(
            {"sysfuzz": "0.1.0", "python": "3.11.7"}, seed=7, epoch=0, worker=1, executions=status + 1
        ),
        count=count,
        faces={oracle: count} if faces is None else faces,
    )
