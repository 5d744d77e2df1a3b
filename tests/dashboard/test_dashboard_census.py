"""What is counted over all findings: right, and worked out again when, and only when, a finding has changed."""

from datetime import timedelta
from pathlib import Path

from made_campaign import BEGAN, campaign, epoch, event, finding, small

from sysfuzz.campaign.state import Reader
from sysfuzz.dashboard.census import census
from sysfuzz.dashboard.weaknesses import known
from sysfuzz.findings.store import Store

LATER = BEGAN + timedelta(hours=2)


def test_census(tmp_path: Path) -> None:
    """Bugs are counted apart from what the design states; open ones are those that nobody has settled; the newest come first."""
    small(tmp_path)
    found = census(Reader(tmp_path).read(LATER))
    assert (found.bugs, found.open, len(found.by_id)) == (4, 3, 5)
    assert found.counts["critical", "new"] == found.counts["low", "fixed"] == found.counts["by design", "new"] == 1
    assert found.counts["medium", "new"] == 0
    assert found.oracles == ("errno", "escape", "lock", "panic")
    assert [one.entry.finding.oracle for one in found.newest] == ["lock", "errno", "panic", "escape"]


def test_worked_out_when_a_finding_changes(tmp_path: Path) -> None:
    """Epochs and messages leave it as it is; a count, a status, a verification and a finding that goes do not."""
    layout = small(tmp_path)
    reader = Reader(tmp_path)
    last = census(reader.read(LATER))
    assert census(reader.read(LATER)) is last
    epoch(layout, "w0", 6, minute=70, features={"calls": 1})
    event(layout, LATER, "told", finding="x", what="new", ear="hook", failed="")
    assert census(reader.read(LATER)) is last
    store = Store(layout.findings)
    identity = next(iter(last.by_id))
    steps = (
        lambda: finding(layout, "escape", "attribute/mmap/merge"),
        lambda: store.set_status(identity, "rejected", "no bug"),
        lambda: event(
            layout,
            LATER,
            "verified",
            finding=identity,
            core="0123456789abcdef",
            program="p",
            shown=3,
            tried=10,
            status="new",
        ),
        lambda: (store.directory / identity).rename(tmp_path / "away"),
    )
    for step in steps:
        step()
        new = census(reader.read(LATER))
        assert new is not last
        assert new == census(Reader(tmp_path).read(LATER))
        last = new
    assert identity not in last.by_id


def test_campaigns_are_told_apart(tmp_path: Path) -> None:
    """Two campaigns that have found nothing are of two targets all the same."""
    states = [
        Reader(campaign(tmp_path / target, target).home).read(LATER) for target in ("nosyscalls-2011", "syscallemu")
    ]
    for state in (*states, *states):
        known_ones = known(state)
        assert known_ones is not None
        assert known_ones.design == state.campaign.target
