"""What is known about one bug, as a frozen value.

`Sighting` is what an engine tells: these executions showed that bucket. `Finding` is what is kept, and `after` is the
one rule by which the second grows from the first. How it is written is the business of `record`, where of `store`. No
clock is here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sysfuzz.findings.bucket import one_line
from sysfuzz.findings.provenance import Provenance
from sysfuzz.findings.severity import Severity, rank, severity_of
from sysfuzz.oracles.verdict import Verdict
from sysfuzz.program.ir import Program

Status = Literal["new", "confirmed", "fixed", "duplicate", "rejected"]

STATUSES: tuple[Status, ...] = ("new", "confirmed", "fixed", "duplicate", "rejected")


_MAX_EVIDENCE = 500  # characters; what an oracle says has some 100, the panic of somebody else's core any number


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _MAX_EVIDENCE else f"{line[: _MAX_EVIDENCE - 3]}..."


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the oracle said about the stored program: the op (-1: at boot), what the spec expects there, what happened."""

    op: int
    expected: str
    actual: str

    @classmethod
    def of(cls, verdict: Verdict) -> "Evidence":
        """What is kept of a verdict."""
        return cls(verdict.op, _short(verdict.expected), _short(verdict.actual))


@dataclass(frozen=True, slots=True)
class Replays:
    """Of `tried` runs of the stored program, `shown` showed the bucket; written `shown/tried`."""

    shown: int
    tried: int

    def __str__(self) -> str:
        return f"{self.shown}/{self.tried}"


@dataclass(frozen=True, slots=True)
class Sighting:
    """`count` executions showed `bucket` on `target`; `program` is one of them, with what its worst oracle said.

    `faces` counts the executions by oracle; it holds `oracle` and any other that showed the same bucket.
    """

    bucket: str
    oracle: str
    target: str
    program: Program
    evidence: Evidence
    replays: Replays
    provenance: Provenance
    count: int
    faces: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Finding:
    """One bug. `oracle` is its face: the one that `program.prog` shows, the worst that was seen. Times are UTC.

    `status`, `why` and `duplicate_of` are people's: no sighting changes them.
    """

    bucket: str
    oracle: str
    severity: Severity
    status: Status
    target: str
    first_seen: datetime
    last_seen: datetime
    count: int  # executions that showed it
    faces: Mapping[str, int]  # of them, how many by which oracle
    replays: Replays
    evidence: Evidence
    provenance: Provenance  # of the stored program
    why: str = ""  # the reason that people gave for the status; one line
    duplicate_of: str = ""  # the id of the finding that stands for this one; "" unless the status is "duplicate"

    @classmethod
    def first(cls, sighting: Sighting, when: datetime) -> "Finding":
        """What is known after the first sighting of a bucket."""
        return cls(
            bucket=sighting.bucket,
            oracle=sighting.oracle,
            severity=severity_of(sighting.oracle),
            status="new",
            target=sighting.target,
            first_seen=when,
            last_seen=when,
            count=sighting.count,
            faces=dict(sighting.faces),
            replays=sighting.replays,
            evidence=sighting.evidence,
            provenance=sighting.provenance,
        )

    def after(self, sighting: Sighting, when: datetime) -> "Finding":
        """What is known after one more sighting: it counts, and a worse face replaces the one that is shown."""
        faces = dict(self.faces)
        for oracle, count in sighting.faces.items():
            faces[oracle] = faces.get(oracle, 0) + count
        counted = replace(
            self,
            first_seen=min(self.first_seen, when),
            last_seen=max(self.last_seen, when),
            count=self.count + sighting.count,
            faces=faces,
        )
        if not self.is_worsened_by(sighting):
            return counted
        return replace(
            counted,
            oracle=sighting.oracle,
            severity=severity_of(sighting.oracle),
            replays=sighting.replays,
            evidence=sighting.evidence,
            provenance=sighting.provenance,
        )

    def is_worsened_by(self, sighting: Sighting) -> bool:
        """Whether the sighting shows the bug with a worse face than the stored program does."""
        return rank(severity_of(sighting.oracle)) < rank(self.severity)
