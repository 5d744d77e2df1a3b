"""Records that are not what they should be, foreign ones too: each verb that reads one says in a line which it is, and that is all it does."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from commandline import run

import toy_campaign as toy
from sysfuzz.campaign.durable import append, make
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.records import Campaign

WHEN = "2026-01-31T12:00:00Z"
ONE = toy.program(1, {"calls": ["a"]})
FAULT = {
    "kind": "hang", "where": "x", "target": "t", "shard": "w0", "epoch": 0, "seed": 1, "first_seen": WHEN, "last_seen": WHEN, "epochs": 1,
    "detail": "", "data": "",
}  # fmt: skip
FINDING = {
    "when": WHEN, "event": "finding", "finding": "x", "what": "new", "oracle": "o", "core": "c", "program": "p", "to": ["hook"],
}  # fmt: skip


def event(**fields: object) -> Callable[[Layout], None]:
    """A line of the log."""
    return lambda layout: append(layout.events, [fields])


def fault(**fields: object) -> Callable[[Layout], None]:
    """An engine fault."""

    def damage(layout: Layout) -> None:
        make(layout.faults)
        (layout.faults / "x.prog").write_text(ONE.text)
        (layout.faults / "x.json").write_text(json.dumps(fields))

    return damage


def edited(path: Callable[[Layout], Path], **fields: object) -> Callable[[Layout], None]:
    """Another value in a record, of which the file holds the first line."""

    def damage(layout: Layout) -> None:
        file = path(layout)
        file.write_text(json.dumps(json.loads(file.read_text().splitlines()[0]) | fields) + "\n")

    return damage


def campaign(layout: Layout) -> Path:
    """What the campaign is."""
    return layout.campaign


def epoch(layout: Layout) -> Path:
    """Its one epoch."""
    return layout.epoch("w0", 0)


def features(layout: Layout) -> Path:
    """What its one program shows."""
    return layout.features("c0", "w0")


def refuses(layout: Layout, words: str, *verb: object) -> None:
    """Exit code 2, one line, and nothing is written."""
    before = layout.events.read_bytes() if layout.events.exists() else b""
    result = run("campaign", *verb)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{layout.home}/")
    assert result.stderr.endswith(f"{words}\n")
    assert result.stderr.count("\n") == 1
    assert (layout.events.read_bytes() if layout.events.exists() else b"") == before


A_TIME = "expected a time as 2026-01-31T12:00:00Z"
DAMAGES: list[tuple[Callable[[Layout], None], str]] = [
    (fault(), "faults/x.json: kind: expected text, got nothing"),
    (fault(**FAULT | {"data": "0g"}), "faults/x.json: data: expected hex digits, got '0g'"),
    (fault(**FAULT | {"epochs": None}), "faults/x.json: epochs: expected a whole number, got None"),
    (fault(**FAULT | {"last_seen": "now"}), f"faults/x.json: last_seen: {A_TIME}, got 'now'"),
    (event(a=1), f"events.jsonl at byte 0: when: {A_TIME}, got nothing"),
    (event(when=5, event="finding"), f"events.jsonl at byte 0: when: {A_TIME}, got 5"),
    (event(when=WHEN, event=["finding"]), "events.jsonl at byte 0: event: expected text, got ['finding']"),
    (event(when=WHEN, event="started"), "events.jsonl at byte 0: core: expected text, got nothing"),
    (event(when=WHEN, event="finding", what="new"), "events.jsonl at byte 0: finding: expected text, got nothing"),
    (event(**FINDING | {"oracle": None}), "events.jsonl at byte 0: oracle: expected text, got None"),
    (event(**FINDING | {"to": [1]}), "events.jsonl at byte 0: to: expected a list of names, got [1]"),
    (
        event(when=WHEN, event="corpus", programs=1),
        "events.jsonl at byte 0: features: expected numbers by domain, got nothing",
    ),
    (
        event(when=WHEN, event="corpus", programs=1, features={"calls": "1"}),
        "events.jsonl at byte 0: features: expected numbers by domain, got {'calls': '1'}",
    ),
    (
        event(when=WHEN, event="distilled", removed=True),
        "events.jsonl at byte 0: removed: expected a whole number, got True",
    ),
    (edited(campaign, created="yesterday"), f"campaign.json: created: {A_TIME}, got 'yesterday'"),
    (edited(epoch, ended="2026-01-31T12:00:00"), f"00000000.json: ended: {A_TIME}, got '2026-01-31T12:00:00'"),
    (edited(epoch, features=["a"]), "00000000.json: features: expected numbers by domain, got ['a']"),
    (edited(epoch, programs=[1]), "00000000.json: programs: expected a list of names, got [1]"),
]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A campaign of one epoch."""
    layout = toy.campaign(tmp_path)
    toy.commit(layout, "w0", ONE)
    return layout


@pytest.mark.parametrize(("damage", "words"), DAMAGES, ids=[words for _, words in DAMAGES])
def test_damage_is_told_by_all(layout: Layout, damage: Callable[[Layout], None], words: str) -> None:
    """`status` and `run` refuse it as bad input, and for `fsck` it is a problem, all in the same words."""
    damage(layout)
    if words.startswith("campaign.json"):  # then it is no campaign for any of them
        refuses(layout, words, "fsck", layout.home)
    else:
        problem = run("campaign", "fsck", layout.home)
        assert (problem.exit_code, problem.stdout.count(words)) == (1, 1)
    refuses(layout, words, "status", layout.home)
    if "00000000.json" not in words:  # the next run does not rely on an epoch before
        refuses(layout, words, "run", layout.home, "--epochs", 1)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"size": "8"}, "w0.jsonl at byte 0: size: expected a whole number, got '8'"),
        ({"features": ["calls"]}, "w0.jsonl at byte 0: features: expected names by domain, or null, got ['calls']"),
        (
            {"features": {"calls": [1]}},
            "w0.jsonl at byte 0: features: expected names by domain, or null, got {'calls': [1]}",
        ),
        ({"program": None}, "w0.jsonl at byte 0: program: expected text, got None"),
    ],
)
def test_damaged_features_are_told(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, fields: dict[str, object], words: str
) -> None:
    """By the run that would rely on them, and by `fsck`."""
    edited(features, **fields)(layout)
    monkeypatch.setattr("sysfuzz.campaign.core._version", lambda files: "c0")
    problem = run("campaign", "fsck", layout.home)
    assert (problem.exit_code, words in problem.stdout) == (1, True)
    refuses(layout, words, "run", layout.home, "--epochs", 1)


def test_what_is_sound_is_taken(layout: Layout) -> None:
    """A fault as it is written, and an event that only another version knows, are no damage; neither is null for what nobody could tell."""
    fault(**FAULT)(layout)
    event(when=WHEN, event="later", more=1)(layout)
    event(**FINDING)(layout)
    edited(features, features=None)(layout)
    assert Campaign.load(json.loads(layout.campaign.read_text()), "x").created == WHEN
    assert run("campaign", "fsck", layout.home).exit_code == 0
    assert "engine fault: hang: x in 1 epoch\n" in run("campaign", "status", layout.home).stdout
