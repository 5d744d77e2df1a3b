"""Findings made by hand, of a real target and a program that shows them."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sysfuzz.findings.bucket import group
from sysfuzz.findings.finding import Evidence, Finding, Replays, Sighting
from sysfuzz.findings.provenance import Provenance
from sysfuzz.findings.store import Entry, Store
from sysfuzz.oracles import judge
from sysfuzz.program.text import parse
from sysfuzz.targets.table import get

TARGET = "nosyscalls-2011"
# A flag that no mmap knows: the design as it was first committed panics.
PANIC = "mode amd64\nmunmap(0x1000, 0x1000)\nmunmap(0x3000, 0x1000)\nmmap(0x10000, 0x1000, PROT_READ, MAP_PRIVATE|MAP_ANON|0x800000, -1, 0)\n"


NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
MADE = Finding(
    bucket="map/a",
    oracle="map",
    severity="medium",
    status="new",
    target="nosyscalls",
    first_seen=NOON,
    last_seen=NOON,
    count=1,
    faces={"map": 1},
    replays=Replays(10, 10),
    evidence=Evidence(0, "r--", "rw-"),
    provenance=Provenance({}, 1, 0, 0, 1),
)


def made(**changes: object) -> Finding:
    """A finding that nothing has shown."""
    return replace(MADE, **changes)


def record(
    directory: Path,
    text: str = PANIC,
    bucket: str | None = None,
    seed: int = 5,
    count: int = 1,
    oracle: str | None = None,
    target: str = TARGET,
) -> Entry:
    """Record what a program shows first; with `bucket`, under that name, and with `oracle`, as if that one had said so."""
    program = parse(text).program
    runner = get(target)
    name, (worst, *_) = next(iter(group(judge(program, runner.run(program), runner.promise)).items()))
    provenance = Provenance({}, seed, 0, 0, 1)
    face = oracle or worst.oracle
    sighting = Sighting(
        bucket or name, face, target, program, Evidence.of(worst), Replays(10, 10), provenance, count, {face: count}
    )
    return Store(directory).record(sighting, NOON).entry
