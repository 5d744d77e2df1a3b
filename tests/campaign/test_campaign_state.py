"""The state of a campaign: what its files come to, looked at once or again and again."""

import os
from datetime import timedelta
from pathlib import Path

import toy_campaign as toy
from sysfuzz.campaign.durable import append, show
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.lock import hold
from sysfuzz.campaign.state import Reader, read
from sysfuzz.findings.store import Store
from toy_findings import record


def started(layout: Layout, core: str = "c0", when: str = "2026-01-31T12:00:00Z") -> None:
    """A run of a version of the core."""
    append(layout.events, [{"when": when, "event": "started", "core": core}])


def test_an_empty_campaign(tmp_path: Path) -> None:
    """One that has not run has nothing, and does not fail."""
    state = read(toy.campaign(tmp_path).home, toy.WHEN)
    assert (state.epochs, state.executions, state.features, state.findings, state.workers, state.running) == (
        0,
        0,
        {},
        (),
        (),
        False,
    )
    assert state.last_feature is None
    assert state.series == (state.series[0],)


def test_sums(tmp_path: Path) -> None:
    """Executions, programs and restarts are those of all epochs; features those of the last one; workers have their own."""
    layout = toy.campaign(tmp_path)
    started(layout)
    toy.commit(layout, "w0", toy.program(1), toy.program(2), restarts=1)
    toy.commit(layout, "w1", toy.program(3), features={"calls": 5, "code": 2}, ended="2026-01-31T12:00:50Z")
    toy.commit(layout, "w0", gained={}, features={"calls": 6, "code": 2}, ended="2026-01-31T12:02:00Z")
    state = read(tmp_path, toy.WHEN + timedelta(seconds=180))
    assert (state.epochs, state.executions, state.programs, state.restarts, state.shown) == (3, 3000, 3, 1, 9)
    assert state.features == {"calls": 6, "code": 2}
    assert state.seconds == 120.0  # of which the two of w0 and w1 overlap
    assert state.rate == 25.0
    assert [
        (worker.shard, worker.epochs, worker.executions, worker.programs, worker.alive) for worker in state.workers
    ] == [
        ("w0", 2, 2000, 2, False),
        ("w1", 1, 1000, 1, False),
    ]
    assert state.last_feature == toy.WHEN + timedelta(seconds=50)
    assert [point.executions for point in state.series] == [1000, 2000, 3000, 3000]
    assert [point.features for point in state.series] == [
        {"calls": 1},
        {"calls": 5, "code": 2},
        {"calls": 6, "code": 2},
        {"calls": 6, "code": 2},
    ]


def test_another_look_sees_what_is_new(tmp_path: Path) -> None:
    """A reader that looked before sees the same as one that looks for the first time."""
    layout = toy.campaign(tmp_path)
    reader = Reader(tmp_path)
    found = {
        "when": "2026-01-31T12:01:00Z", "event": "finding", "finding": "x", "what": "new", "oracle": "o", "core": "", "program": "p",
        "to": [],
    }  # fmt: skip
    steps = (
        lambda: started(layout),
        lambda: toy.commit(layout, "w0", toy.program(1)),
        lambda: record(layout.findings),
        lambda: append(layout.events, [found]),
        lambda: toy.commit(layout, "w1", toy.program(2), ended="2026-01-31T12:02:00Z"),
        lambda: record(layout.findings, count=5),
        lambda: layout.program("w0", toy.program(1).name).unlink(),
    )
    for step in steps:
        step()
        assert reader.read(toy.WHEN) == read(tmp_path, toy.WHEN)
    state = reader.read(toy.WHEN)
    assert (state.epochs, state.programs, [one.entry.finding.count for one in state.findings]) == (2, 1, [6])


def test_findings_are_the_same_until_something_is_said_about_them(tmp_path: Path) -> None:
    """Whoever works something out of the findings need do so once for each change: of one of them, of what was verified, of the core."""
    layout = toy.campaign(tmp_path)
    started(layout)
    entry = record(layout.findings, bucket="check/int80")
    reader = Reader(tmp_path)
    last = reader.read(toy.WHEN).findings
    toy.commit(layout, "w0", toy.program(1))
    assert reader.read(toy.WHEN).findings is last
    assert last == read(tmp_path, toy.WHEN).findings
    said = {"when": "2026-01-31T12:01:00Z", "finding": entry.id, "program": "p"}
    steps = (
        lambda: append(layout.events, [said | {"event": "verified", "shown": 3, "tried": 10, "core": "c0"}]),
        lambda: append(layout.events, [said | {"event": "minimised", "ending": "minimal", "round": 1}]),
        lambda: started(layout, core="c1", when="2026-01-31T12:02:00Z"),
        lambda: record(layout.findings, bucket="check/int80/tail"),
        lambda: Store(layout.findings).set_status(entry.id, "fixed"),
    )
    seen = []
    for step in steps:
        step()
        new = reader.read(toy.WHEN).findings
        assert new is not last
        assert new == read(tmp_path, toy.WHEN).findings
        last = new
        seen.append([(one.life, one.replays, one.minimised, one.kin_of) for one in new])
    assert seen == [
        [("incubating", "3/10", "", "")],
        [("incubating", "3/10", "minimal", "")],
        [("crashing", "", "minimal", "")],
        [("crashing", "", "minimal", ""), ("crashing", "", "", entry.id)],
        [("fixed", "", "minimal", ""), ("crashing", "", "", "")],
    ]


def test_workers_live_while_their_runner_does(tmp_path: Path) -> None:
    """A worker is alive if the directory is locked and it has told something lately; its executions count, and its rate."""
    layout = toy.campaign(tmp_path)
    layout.live("w0").parent.mkdir()
    told = {
        "shard": "w0", "number": 4, "seed": 1, "began": "2026-01-31T11:59:50Z", "now": "2026-01-31T12:00:00Z", "runs": 1000, "corpus": 7,
        "executions": 300, "seconds": 10.0,
    }  # fmt: skip
    show(layout.live("w0"), told)
    assert not read(tmp_path, toy.WHEN).workers[0].alive
    with hold(layout, {"pid": 1}):
        state = read(tmp_path, toy.WHEN)
        assert (state.running, state.executions, state.recent_rate, state.workers[0].alive) == (True, 300, 30.0, True)
        assert not read(tmp_path, toy.WHEN + timedelta(minutes=5)).workers[0].alive


def test_a_long_series_is_thinned(tmp_path: Path) -> None:
    """At most 500 points, in order, from the first epochs to the last."""
    layout = toy.campaign(tmp_path)
    started(layout)
    for number in range(1300):
        path = layout.epoch("w0", number)
        if number == 0:
            toy.commit(layout, "w0")
        else:
            ended = (toy.WHEN + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
            show(path, toy.epoch("w0", number, ended=ended).record())
    state = read(tmp_path, toy.WHEN)
    assert 200 < len(state.series) <= 501
    executions = [point.executions for point in state.series]
    assert executions == sorted(executions)
    assert executions[-1] == 1_300_000
    assert executions[0] <= 10_000


def test_a_large_campaign_is_cheap_to_look_at_again(tmp_path: Path) -> None:
    """What has not changed is not read again: no file but directories and the log is opened."""
    layout = toy.campaign(tmp_path)
    for number in range(20):
        record(layout.findings, bucket=f"made/up-{number}")
        toy.commit(layout, "w0", toy.program(number))
    reader = Reader(tmp_path)
    reader.read(toy.WHEN)
    for path in (
        *layout.findings.glob("*/finding.json"),
        *layout.epochs.rglob("*.json"),
        *layout.shards.rglob("*.prog"),
    ):
        changed = path.stat()
        path.write_text("x" * changed.st_size)
        os.utime(path, ns=(changed.st_atime_ns, changed.st_mtime_ns))
    state = reader.read(toy.WHEN)
    assert (state.epochs, state.programs, len(state.findings), state.damaged) == (20, 20, 20, ())
