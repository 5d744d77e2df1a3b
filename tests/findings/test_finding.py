"""How a finding grows from sightings."""

from dataclasses import replace

import pytest
from sightings import LATER, NOON, sighting

from sysfuzz.findings.finding import Evidence, Finding
from sysfuzz.oracles.verdict import Verdict


def test_first_sighting() -> None:
    """A finding begins as new, with the severity of its face."""
    finding = Finding.first(sighting("escape", count=3), NOON)
    assert (finding.oracle, finding.severity, finding.status) == ("escape", "critical", "new")
    assert (finding.count, finding.faces) == (3, {"escape": 3})
    assert finding.first_seen == finding.last_seen == NOON


def test_counts_add_up() -> None:
    """A known bug seen again counts; neither its program's provenance nor its first time changes."""
    first = Finding.first(sighting("escape"), NOON)
    finding = first.after(sighting("escape", status=9, count=4, faces={"escape": 4, "lock": 2}), LATER)
    assert (finding.count, finding.faces) == (5, {"escape": 5, "lock": 2})
    assert (finding.first_seen, finding.last_seen) == (NOON, LATER)
    assert (finding.provenance, finding.evidence) == (first.provenance, first.evidence)


def test_worse_face_replaces_the_shown_one() -> None:
    """The finding then tells of the new program; the old face stays among the faces, and people's status stays."""
    first = Finding.first(sighting("attribute-lost"), NOON)
    worse = sighting("escape", status=5)
    finding = first.after(worse, LATER)
    assert first.is_worsened_by(worse)
    assert (finding.oracle, finding.severity) == ("escape", "critical")
    assert finding.faces == {"attribute-lost": 1, "escape": 1}
    assert (finding.evidence, finding.provenance) == (worse.evidence, worse.provenance)


def test_what_people_said_stays() -> None:
    """No sighting, not even one of a worse face, changes status, reason or original."""
    said = replace(Finding.first(sighting("lock"), NOON), status="duplicate", why="same cause", duplicate_of="other")
    for finding in (said.after(sighting("lock"), LATER), said.after(sighting("escape"), LATER)):
        assert (finding.status, finding.why, finding.duplicate_of) == ("duplicate", "same cause", "other")
        assert (finding.count, finding.last_seen) == (2, LATER)


@pytest.mark.parametrize("oracle", ["panic", "lock", "attribute-gained"])
def test_equal_or_milder_face_does_not(oracle: str) -> None:
    """Only a strictly worse face replaces the program, so that two faces of one severity do not take turns."""
    first = Finding.first(sighting("attribute-lost"), NOON)
    milder = sighting(oracle, status=5)
    assert not first.is_worsened_by(milder)
    assert first.after(milder, LATER).oracle == "attribute-lost"


def test_clocks_may_disagree() -> None:
    """A worker whose clock is behind moves the first time, never the last one back."""
    finding = Finding.first(sighting(), LATER).after(sighting(), NOON)
    assert (finding.first_seen, finding.last_seen) == (NOON, LATER)


def test_evidence_is_printable() -> None:
    """What a foreign core says is kept on one line."""
    verdict = Verdict("panic", 2, "no panic", "panic: bad\n\x1bflag", "panic/x")
    assert Evidence.of(verdict) == Evidence(2, "no panic", "panic: bad ?flag")


def test_evidence_is_short() -> None:
    """A core that dumps its memory when it panics does not fill the finding; what is short stays whole."""
    verdict = Verdict("panic", 2, "n" * 500, "x" * 1_000_000, "panic/x")
    evidence = Evidence.of(verdict)
    assert (evidence.expected, evidence.actual) == ("n" * 500, "x" * 497 + "...")
