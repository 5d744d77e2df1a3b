"""A campaign over time: what the plots draw is what the directory says."""

from datetime import timedelta
from pathlib import Path

import pytest
from made_campaign import BEGAN, campaign, epoch, event, finding

from sysfuzz.campaign.state import read
from sysfuzz.dashboard.series import series_of

LATER = BEGAN + timedelta(hours=2)


def test_nothing_has_happened(tmp_path: Path) -> None:
    """A campaign that has just begun has no plots."""
    campaign(tmp_path)
    assert series_of(read(tmp_path, BEGAN)) is None


def test_even_work_is_an_even_rate(tmp_path: Path) -> None:
    """600 executions a minute are 10 a second, however many workers tell of them and whenever."""
    layout = campaign(tmp_path)
    for number in range(60):
        epoch(layout, "w0", number, minute=number + 1, features={"calls": number + 1}, executions=300)
        epoch(layout, "w1", number, minute=number + 1, features={"calls": number + 1}, executions=300, gained={})
    series = series_of(read(tmp_path, LATER))
    assert series is not None
    assert series.start == BEGAN
    assert series.times[-1] == 3600
    assert series.rate[1:] == pytest.approx([10.0] * (len(series.rate) - 1), rel=0.05)
    assert series.executions[-1] == 36_000
    assert series.features[-1] == 60
    assert series.programs[-1] == 2 * 2 * 60


def test_a_pause_has_no_rate(tmp_path: Path) -> None:
    """While nobody ran the campaign nothing is executed; what was reached stays."""
    layout = campaign(tmp_path)
    for number in range(10):
        epoch(layout, "w0", number, minute=number + 1, features={"calls": 5})
    event(layout, BEGAN + timedelta(minutes=90), "corpus", programs=20, chosen=5, features={"calls": 5})
    epoch(layout, "w0", 10, minute=91, features={"calls": 5})
    series = series_of(read(tmp_path, LATER))
    assert series is not None
    pause = [index for index, time in enumerate(series.times) if 20 * 60 < time < 85 * 60]
    assert pause
    assert {series.rate[index] for index in pause} == {0.0}
    assert {series.executions[index] for index in pause} == {200_000.0}


def test_further_runs(tmp_path: Path) -> None:
    """Each run but the first, with which time begins, is where it started, however much has happened since."""
    layout = campaign(tmp_path)
    epoch(layout, "w0", 0, minute=60, features={"calls": 5})
    for minute in (10, 25):
        event(layout, BEGAN + timedelta(minutes=minute), "started", core="c", before="c")
    for _ in range(300):
        event(layout, BEGAN + timedelta(minutes=50), "stopped", why="stopped")
    series = series_of(read(tmp_path, LATER))
    assert series is not None
    assert series.resumed == (600.0, 1500.0)


def test_features_by_domain(tmp_path: Path) -> None:
    """Each domain has a line of its own from the beginning on, and they add up; one that came later was 0 before."""
    layout = campaign(tmp_path)
    epoch(layout, "w0", 0, minute=20, features={"calls": 5})
    epoch(layout, "w0", 1, minute=40, features={"calls": 7, "entries": 3})
    epoch(layout, "w0", 2, minute=60, features={"calls": 8, "entries": 30})
    series = series_of(read(tmp_path, LATER))
    assert series is not None
    assert list(series.domains) == ["calls", "entries"]
    at = {minute: series.times.index(60.0 * minute) for minute in (0, 10, 30, 50, 60)}
    assert [series.domains["calls"][at[minute]] for minute in at] == [0, 0, 5, 7, 8]
    assert [series.domains["entries"][at[minute]] for minute in at] == [0, 0, 0, 3, 30]
    assert [series.features[at[minute]] for minute in at] == [0, 0, 5, 10, 38]


def test_findings_count_from_when_they_were_seen(tmp_path: Path) -> None:
    """A bug is in the plot of its severity from its first sighting on; what the design states is in none."""
    layout = campaign(tmp_path)
    epoch(layout, "w0", 0, minute=60, features={"calls": 5})
    finding(layout, "escape", "a/b", minute=30)
    finding(layout, "by-design", "c/d", minute=30)
    series = series_of(read(tmp_path, LATER))
    assert series is not None
    assert set(series.findings) == {"critical", "high", "medium", "low"}
    before = [count for time, count in zip(series.times, series.findings["critical"], strict=True) if time < 29.9 * 60]
    after = [count for time, count in zip(series.times, series.findings["critical"], strict=True) if time >= 30 * 60]
    assert set(before) == {0.0}
    assert set(after) == {1.0}
    assert all(set(series.findings[severity]) == {0.0} for severity in ("high", "medium", "low"))
