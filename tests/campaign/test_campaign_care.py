"""The care of findings, with real replays and real searches: what is verified, what is made smaller, and what is not done twice."""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

import toy_campaign as toy
from sysfuzz.campaign import care
from sysfuzz.campaign.care import Care
from sysfuzz.campaign.events import Event, EventLog, events
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.state import read
from sysfuzz.engine.replay import Replayed
from sysfuzz.findings.store import Store
from toy_findings import record

MINIMISER = (sys.executable, "-m", "sysfuzz", "minimise", "--executions", "500")


def care_for(
    layout: Layout, *identities: str, core: str = "c0", minimiser: tuple[str, ...] = (), fresh: bool = False
) -> list[Event]:
    """What the care logs when a run starts with these findings and ends when all is done."""
    before = events(layout)
    log = EventLog(layout, lambda: datetime.now(UTC), lambda event: None)
    if not before:
        log.add("started", core=core)  # the state of a campaign is that of the core that ran last
    store = Store(layout.findings)
    pool = Care(store, core, log, before, 1, minimiser)
    try:
        for identity in identities:
            pool.offer(store.load(identity), fresh=fresh)
        deadline = time.monotonic() + 60.0
        while pool.waiting() and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        pool.close()
    return [event for event in events(layout)[len(before) :] if event["event"] != "started"]


def life(layout: Layout, identity: str) -> str:
    """As the campaign has it."""
    state = read(layout.home, toy.WHEN)
    return next(finding.life for finding in state.findings if finding.entry.id == identity)


def test_known_findings_are_verified(tmp_path: Path) -> None:
    """Each is replayed once for a version of the core and a program: one that shows its bug and one that does not are told apart, and people's
    statuses stay.
    """
    layout = toy.campaign(tmp_path)
    shows, gone = record(layout.findings).id, record(layout.findings, bucket="made/up").id
    told = care_for(layout, shows, gone)
    assert {(event["event"], event["finding"], event["shown"]) for event in told} == {
        ("verified", shows, 10),
        ("verified", gone, 0),
    }
    assert (life(layout, shows), life(layout, gone)) == ("crashing", "gone")
    assert care_for(layout, shows, gone) == []
    Store(layout.findings).set_status(shows, "fixed")
    Store(layout.findings).set_status(gone, "fixed")
    assert (life(layout, shows), life(layout, gone)) == ("regression", "fixed")
    assert len(care_for(layout, shows, gone, core="c1")) == 2
    assert Store(layout.findings).load(shows).finding.status == "fixed"


def test_replays_that_die_say_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding whose replays came to no end is not gone; the next run asks again."""
    layout = toy.campaign(tmp_path)
    entry = record(layout.findings)
    with monkeypatch.context() as patch:
        patch.setattr(care, "replays", lambda *_: Replayed(0, "killed by SIGKILL"))
        (told,) = care_for(layout, entry.id)
    assert (told["event"], told["why"], life(layout, entry.id)) == ("failed", "killed by SIGKILL", "crashing")
    assert [event["event"] for event in care_for(layout, entry.id)] == ["verified"]


def test_a_new_finding_is_minimised(tmp_path: Path) -> None:
    """Its program is replaced by a smaller one, the original stays, and neither that program nor that finding is searched or replayed again."""
    layout = toy.campaign(tmp_path)
    entry = record(layout.findings)
    (told,) = care_for(layout, entry.id, minimiser=MINIMISER, fresh=True)
    assert (told["event"], told["ending"], told["ops"]) == ("minimised", "minimal", [3, 1])
    assert "munmap" not in entry.program.read_text()
    assert "munmap" in (entry.directory / "original.prog").read_text()
    assert care_for(layout, entry.id, minimiser=MINIMISER) == []


@pytest.mark.parametrize("status", ["fixed", "rejected"])
def test_what_people_are_done_with_is_left_alone(tmp_path: Path, status: str) -> None:
    """No search for a smaller program."""
    layout = toy.campaign(tmp_path)
    entry = record(layout.findings)
    Store(layout.findings).set_status(entry.id, status)  # type: ignore[arg-type]
    assert care_for(layout, entry.id, minimiser=("false",), fresh=True) == []


@pytest.mark.parametrize(
    ("script", "endings"),
    [
        ("exit 3", ["failed"]),
        ("exit 0", ["failed"]),
        ("echo '{}' > $1", ["failed"]),
        ("echo [1 > $1", ["failed"]),
        (
            """echo '{"executions": 9, "ending": "executions", "before": {"ops": 3}, "after": {"ops": 3}}' > $1""",
            ["executions"] * 3,
        ),
    ],
)
def test_searches_are_bounded(tmp_path: Path, script: str, endings: list[str]) -> None:
    """One that fails, or does not say what it has done, is told and not tried again; one that comes to no end has a few rounds."""
    layout = toy.campaign(tmp_path)
    entry = record(layout.findings)
    told = care_for(layout, entry.id, minimiser=("sh", "-c", script), fresh=True)
    assert [event["ending"] for event in told] == endings
    assert [event["event"] for event in care_for(layout, entry.id, minimiser=("false",))] in ([], ["verified"])


def test_care_is_nice_and_ends_at_once(tmp_path: Path) -> None:
    """A search runs at a lower priority than this process, and a runner that ends does not wait for it."""
    layout = toy.campaign(tmp_path)
    entry = record(layout.findings)
    log = EventLog(layout, lambda: datetime.now(UTC), lambda event: None)
    pool = Care(Store(layout.findings), "c0", log, [], 1, ("sh", "-c", f"nice > {tmp_path}/nice; exec sleep 600"))
    pool.offer(entry, fresh=True)
    while not (tmp_path / "nice").exists() or not (tmp_path / "nice").read_text():
        time.sleep(0.02)
    started = time.monotonic()
    pool.close()
    assert time.monotonic() - started < 60.0  # and not 600
    assert int((tmp_path / "nice").read_text()) > os.getpriority(os.PRIO_PROCESS, 0)
    assert events(layout) == []


def test_what_a_core_prints_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that prints when it is imported has its findings minimised as any other."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "loudcore.py").write_text(
        "from sysfuzz.targets.designs import DESIGNS\nprint('loading tables')\nboot = DESIGNS['nosyscalls-2011'].boot\n"
    )
    layout = toy.campaign(tmp_path / "c", "loudcore:boot")
    entry = record(layout.findings, target="loudcore:boot")
    (told,) = care_for(layout, entry.id, minimiser=MINIMISER, fresh=True)
    assert (told["event"], told["ending"], told["ops"]) == ("minimised", "minimal", [3, 1])


def test_the_pool_survives_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody has thought of is told of its finding, and the next one has its turn."""
    layout = toy.campaign(tmp_path)
    first, second = record(layout.findings).id, record(layout.findings, bucket="made/up").id
    fails = [False, True]

    def once(*_: object) -> Replayed:
        if fails.pop():
            raise ZeroDivisionError("of nobody")
        return Replayed(10)

    monkeypatch.setattr(care, "replays", once)
    told = care_for(layout, first, second)
    assert [event["event"] for event in told] == ["failed", "verified"]
    assert told[0]["why"] == "ZeroDivisionError: of nobody"
    assert {event["finding"] for event in told} == {first, second}
