"""Noticing findings: each piece of news is told once, whoever has recorded it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

import toy_campaign as toy
from sysfuzz.campaign.care import Care
from sysfuzz.campaign.events import EventLog, events
from sysfuzz.campaign.herald import Ears, Herald
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.notice import Notice
from sysfuzz.findings.store import Store
from toy_findings import record


class Run:
    """What a run notices, with nobody to tell and nothing to minimise."""

    def __init__(self, layout: Layout) -> None:
        log = EventLog(layout, lambda: datetime.now(UTC), lambda event: None)
        past = events(layout)
        self._layout = layout
        self._care = Care(Store(layout.findings), "c0", log, past, 1, ())
        self._herald = Herald(Ears(), "", log)
        self.notice = Notice(layout.findings, "c0", log, past, ["hook"], self._care, self._herald)

    def news(self, **known: bool) -> list[tuple[str, str]]:
        """What is new since the last look."""
        before = len(events(self._layout))
        self.notice.look(**known)
        found = [event for event in events(self._layout)[before:] if event["event"] == "finding"]
        assert all(event["to"] == ["hook"] for event in found)
        return [(event["what"], event["finding"]) for event in found]

    def close(self) -> None:
        """End it."""
        self._care.close()
        self._herald.close()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A campaign without findings."""
    return toy.campaign(tmp_path)


def test_news_are_told_once(layout: Layout) -> None:
    """A bucket that nobody knew, a worse face, one that is back after people called it fixed; not that it was seen again. The next run knows."""
    run = Run(layout)
    assert run.news() == []
    entry = record(layout.findings)
    assert run.news() == [("new", entry.id)]
    record(layout.findings, count=7)
    assert run.news() == []
    record(layout.findings, oracle="escape")
    assert run.news() == [("worse", entry.id)]
    Store(layout.findings).set_status(entry.id, "fixed")
    assert run.news() == []
    record(layout.findings, count=3)
    assert run.news() == [("reappeared", entry.id)]
    record(layout.findings, count=3)
    assert run.news() == []
    run.close()
    later = Run(layout)
    assert later.news(known=True) == []
    later.close()


def test_what_a_killed_runner_has_not_noticed_is_news(layout: Layout) -> None:
    """A finding that a worker has recorded is told by the next run."""
    entry = record(layout.findings)
    run = Run(layout)
    assert run.news(known=True) == [("new", entry.id)]
    run.close()


def test_one_that_cannot_be_read_stops_no_other(layout: Layout) -> None:
    """A finding whose program is gone is told as a failure, once; the others are told, and so is it when it can be read again."""
    first, second = record(layout.findings), record(layout.findings, bucket="made/up")
    text = first.program.read_text()
    first.program.unlink()
    run = Run(layout)
    assert run.news(known=True) == [("new", second.id)]
    assert run.news() == []
    failed = [event for event in events(layout) if event["event"] == "failed"]
    assert [(event["what"], event["finding"]) for event in failed] == [("read", first.id)]
    assert f"{first.program}: cannot read: No such file or directory" in failed[0]["why"]
    first.program.write_text(text)
    assert run.news() == [("new", first.id)]
    cores = [event["core"] for event in events(layout) if event["event"] == "finding"]
    assert cores == ["", ""]  # neither was met by this run
    assert run.news() == []
    run.close()


def test_who_has_met_it(layout: Layout) -> None:
    """New findings are those of the epoch whose seed the worker had."""
    run = Run(layout)
    first, second = record(layout.findings, seed=8), record(layout.findings, bucket="made/up", seed=9)
    record(layout.findings, seed=9)
    run.news()
    assert (run.notice.of_seed(8), run.notice.of_seed(9), run.notice.of_seed(1)) == ((first.id,), (second.id,), ())
    run.close()
