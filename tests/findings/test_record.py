"""`finding.json`, written and read."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightings import NOON, sighting

from sysfuzz.findings.finding import STATUSES, Evidence, Finding, Replays
from sysfuzz.findings.provenance import Provenance
from sysfuzz.findings.record import DamagedFinding, dump, load
from sysfuzz.findings.severity import SEVERITIES

_LINES = st.text().filter(str.isprintable)
_COUNTS = st.integers(1, 2**70)
_NUMBERS = st.integers(0, 2**70)
_TIMES = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC))
_DUPLICATES = st.tuples(st.just("duplicate"), _LINES)
_OTHERS = st.tuples(st.sampled_from(STATUSES), st.just(""))
_STATUSES = _DUPLICATES | _OTHERS  # a status, and what the finding is a duplicate of
_FINDINGS = st.builds(
    lambda said, **facts: Finding(status=said[0], duplicate_of=said[1], **facts),
    _STATUSES,
    bucket=_LINES,
    oracle=_LINES,
    severity=st.sampled_from(SEVERITIES),
    target=_LINES,
    why=_LINES,
    first_seen=_TIMES,
    last_seen=_TIMES,
    count=_COUNTS,
    faces=st.dictionaries(_LINES, _COUNTS),
    replays=st.tuples(st.integers(0, 9999), st.integers(1, 9999)).map(lambda pair: Replays(min(pair), max(pair))),
    evidence=st.builds(Evidence, st.integers(-1, 2**70), _LINES, _LINES),
    provenance=st.builds(Provenance, st.dictionaries(_LINES, _LINES), _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS),
)


@given(_FINDINGS)
def test_what_is_written_reads_back(finding: Finding) -> None:
    """load(dump(f)) == f."""
    assert load(dump(finding), "f") == finding


def test_the_format() -> None:
    """The text is what other tools and committed findings rely on: a change needs a new schema number."""
    assert dump(Finding.first(sighting("escape", count=2), NOON)) == (
        """\
{
  "schema": 1,
  "bucket": "attribute/mmap/merge",
  "oracle": "escape",
  "severity": "critical",
  "status": "new",
  "target": "nosyscalls-2011",
  "first_seen": "2026-01-31T12:00:00Z",
  "last_seen": "2026-01-31T12:00:00Z",
  "count": 2,
  "faces": {
    "escape": 2
  },
  "replays": "10/10",
  "evidence": {
    "op": 0,
    "expected": "attributes 1",
    "actual": "attributes 0 (escape)"
  },
  "provenance": {
    "versions": {
      "sysfuzz": "0.1.0",
      "python": "3.11.7"
    },
    "seed": 7,
    "epoch": 0,
    "worker": 1,
    "executions": 1
  }
}
"""
    )


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        ({"status": "confirmed"}, ['  "status": "confirmed",']),
        ({"status": "rejected", "why": "Héctor's"}, ['  "status": "rejected",', '  "why": "Héctor\'s",']),
        ({"status": "duplicate", "duplicate_of": "b"}, ['  "status": "duplicate",', '  "duplicate_of": "b",']),
        (
            {"status": "duplicate", "why": "same", "duplicate_of": "b"},
            ['  "status": "duplicate",', '  "why": "same",', '  "duplicate_of": "b",'],
        ),
    ],
)
def test_what_people_say_is_the_only_change(said: dict, lines: list[str]) -> None:
    """A status, its reason and the original stand in lines of their own, as they were typed; nothing else moves."""
    finding = Finding.first(sighting(), NOON)
    expected = dump(finding).replace('  "status": "new",', "\n".join(lines))
    assert dump(replace(finding, **said)) == expected


def damaged(damage: Callable[[dict], object]) -> str:
    """A good file after `damage`."""
    value = json.loads(dump(Finding.first(sighting(), NOON)))
    damage(value)
    return json.dumps(value)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: f.pop("bucket"), "f: bucket: is missing"),
        (lambda f: f["provenance"].pop("seed"), "f: provenance.seed: is missing"),
        (lambda f: f.update(schema=2), "f: schema: expected one of 1, got 2"),
        (lambda f: f.update(schema=True), "f: schema: expected one of 1, got true"),
        (lambda f: f.update(count=0), "f: count: expected a number from 1, got 0"),
        (lambda f: f.update(count="7"), 'f: count: expected a number from 1, got "7"'),
        (lambda f: f.update(count=1.5), "f: count: expected a number from 1, got 1.5"),
        (lambda f: f.update(count=True), "f: count: expected a number from 1, got true"),
        (lambda f: f.update(bucket="a\nb"), r'f: bucket: expected a line of text, got "a\nb"'),
        (lambda f: f.update(oracle=None), "f: oracle: expected a line of text, got null"),
        (
            lambda f: f.update(severity="bad"),
            'f: severity: expected one of critical, high, medium, low, by design, got "bad"',
        ),
        (
            lambda f: f.update(status="open"),
            'f: status: expected one of new, confirmed, fixed, duplicate, rejected, got "open"',
        ),
        (lambda f: f.update(first_seen="soon"), 'f: first_seen: expected a time like 2026-01-31T12:00:00Z, got "soon"'),
        (lambda f: f.update(last_seen=0), "f: last_seen: expected a time like 2026-01-31T12:00:00Z, got 0"),
        *(
            (
                lambda f, time=time: f.update(first_seen=time),
                f'f: first_seen: expected a time like 2026-01-31T12:00:00Z, got "{time}"',
            )
            for time in (
                "0001-01-01T00:00:00Z",  # what would be written in another way
                "2026-1-31T12:0:0Z",
                "2026-01-31 12:00:00Z",
                "2026-01-31T12:00Z",
                "2026-01-31T12:00:00.000Z",
                "2026-01-31T12:00:00+00:00",
                "2026-01-31T12:00:00",
                "20260131T120000Z",
                "2026-W05-6T12:00:00Z",
                "2026-01-31t12:00:00z",
                "2026-02-29T12:00:00Z",  # what was never
                "2026-13-01T12:00:00Z",
                "2026-01-31T24:00:00Z",
                "2026-01-31T12:00:60Z",
            )
        ),
        (lambda f: f.update(replays="11/10"), 'f: replays: expected replays like 10/10, got "11/10"'),
        (lambda f: f.update(replays="0/0"), 'f: replays: expected replays like 10/10, got "0/0"'),
        (lambda f: f.update(faces=[]), "f: faces: expected an object, got []"),
        (lambda f: f["faces"].update(lock=-1), "f: faces.lock: expected a number from 1, got -1"),
        (lambda f: f["faces"].update({"\ud800": 1}), r"f: 'faces.\ud800': expected a line of text"),
        (
            lambda f: f["provenance"]["versions"].update({"\n": "1"}),
            r"f: 'provenance.versions.\n': expected a line of text",
        ),
        (lambda f: f["evidence"].update(op=-2), "f: evidence.op: expected a number from -1, got -2"),
        (lambda f: f["provenance"]["versions"].update(x=1), "f: provenance.versions.x: expected a line of text, got 1"),
        (lambda f: f.update(note="mine"), "f: note: is not known"),
        (lambda f: f.update(why=3), "f: why: expected a line of text, got 3"),
        (lambda f: f.update(why=""), 'f: why: expected a line of text that is not empty, or no such key, got ""'),
        (lambda f: f.update(status="duplicate", duplicate_of=[]), "f: duplicate_of: expected a line of text, got []"),
        (lambda f: f.update(duplicate_of="b"), "f: duplicate_of: supported with status duplicate, not new"),
        (lambda f: f["evidence"].update(note="mine"), "f: evidence.note: is not known"),
    ],
)
def test_damage_is_located(damage: Callable[[dict], object], message: str) -> None:
    """Each damage is told with the file, the key and what is supported, in one line."""
    with pytest.raises(DamagedFinding) as caught:
        load(damaged(damage), "f")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f:1:1: no JSON: Expecting value"),
        ('{\n  "schema": 1,\n  oops', "f:3:3: no JSON: Expecting property name enclosed in double quotes"),
        ("[]", "f: the file: expected an object, got []"),
        ("[" * 100_000, "f: no finding"),
        ('{"schema": ' + "9" * 5000 + "}", "f: no finding"),
        ('{"schema": NaN}', "f: schema: expected one of 1, got NaN"),
        ('"' + "x" * 99 + '"', f'f: the file: expected an object, got "{"x" * 36}...'),
    ],
)
def test_what_is_no_finding(text: str, message: str) -> None:
    """Anything that is not JSON, or another kind of JSON, is told in one line too."""
    with pytest.raises(DamagedFinding) as caught:
        load(text, "f")
    assert str(caught.value) == message


@given(st.text())
def test_only_damaged_finding_is_raised(text: str) -> None:
    """Any text is read or refused."""
    with pytest.raises(DamagedFinding, match=r"^f:"):
        load(text, "f")
