"""The lock of a campaign's directory: of one process at a time, of the directory and not of its path, and what asks its holder to end."""

import os
import shutil
from pathlib import Path

import pytest

import toy_campaign as toy
from sysfuzz.campaign import lock
from sysfuzz.campaign.durable import Damaged
from sysfuzz.campaign.events import EventLog, events
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.lock import Held, Place, hold, is_held


def test_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is held nobody else has it, and everybody can see it."""
    monkeypatch.setattr(lock, "_PATIENCE", 0.05)
    layout = toy.campaign(tmp_path)
    assert not is_held(layout)
    with hold(layout, {"pid": 1, "host": "h", "started": "s", "command": "c"}):
        assert is_held(layout)
        with (
            pytest.raises(Held, match=f"{tmp_path}: another process has this campaign: process 1 on h since s: c"),
            hold(layout, {}),
        ):
            pass
    assert not is_held(layout)
    with hold(layout, {}):
        pass


def test_a_directory_is_more_than_its_path(tmp_path: Path) -> None:
    """A directory is moved if its path leads nowhere, to a copy of it, or to another; it is not if it is back, whatever happened in it."""
    layout, away = toy.campaign(tmp_path / "c"), tmp_path / "away"
    with hold(layout, {}):
        place = Place(layout)
        layout.stop.touch()
        assert not place.is_moved()
        layout.home.rename(away)
        assert place.is_moved()
        with pytest.raises(Damaged, match=f"^{layout.home}: is not the directory any more that it was"):
            place.check()
        shutil.copytree(away, layout.home)
        assert place.is_moved()
        shutil.rmtree(layout.home)
        layout.home.touch()
        assert place.is_moved()
        layout.home.unlink()
        away.rename(layout.home)
        place.check()
        layout.lock.unlink()
        assert place.is_moved()


def test_a_moved_directory_does_not_hold_up_another(tmp_path: Path) -> None:
    """Whoever comes to the path afterwards has the directory that is there now."""
    layout = toy.campaign(tmp_path / "c")
    with hold(layout, {}):
        layout.home.rename(tmp_path / "away")
        toy.campaign(tmp_path / "c")
        with hold(layout, {"pid": 2}):
            assert not Place(layout).is_moved()
            assert is_held(Layout(tmp_path / "away"))


def test_a_stop_is_for_whoever_holds_the_lock(tmp_path: Path) -> None:
    """One that is older than the lock was for a runner before; one that comes the moment that somebody can be asked stays."""
    layout = toy.campaign(tmp_path)
    layout.stop.touch()
    os.utime(layout.stop, (0, 0))
    with hold(layout, {}):
        assert not layout.stop.exists()
        layout.stop.touch()
    assert layout.stop.exists()


def test_a_closed_log_is_not_written(tmp_path: Path) -> None:
    """Whoever still has something to say when the directory is gone says it to nobody."""
    layout, heard = toy.campaign(tmp_path), []
    log = EventLog(layout, lambda: toy.WHEN, heard.append)
    log.add("one")
    log.close()
    log.add("two")
    assert [event["event"] for event in heard] == [event["event"] for event in events(layout)] == ["one"]
