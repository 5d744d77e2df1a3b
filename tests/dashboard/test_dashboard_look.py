"""Looking at a campaign: what is there is seen, what cannot be read is told, and neither lasts for ever."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from made_campaign import BEGAN, campaign, epoch, finding

from sysfuzz.campaign.state import State
from sysfuzz.dashboard.look import Look, Unreadable

LATER = BEGAN + timedelta(hours=2)
PATIENCE = 120.0  # seconds, for a machine that has other things to do


def comes(what: Callable[[], bool]) -> bool:
    """Whether something comes to hold."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def unreadable(look: Look) -> str:
    """Why the campaign cannot be read; "" if it can."""
    try:
        look.state()
    except Unreadable as error:
        return str(error)
    return ""


def test_no_campaign(tmp_path: Path) -> None:
    """A directory without a campaign is refused at once."""
    with pytest.raises(Unreadable, match="holds no campaign"):
        Look(tmp_path, lambda: LATER)


def test_what_happens_is_seen(tmp_path: Path) -> None:
    """Epochs and findings that come while it looks are there soon after."""
    layout = campaign(tmp_path)
    look = Look(tmp_path, lambda: LATER)
    try:
        assert look.state().epochs == 0
        epoch(layout, "w0", 0, minute=1, features={"calls": 1})
        identity = finding(layout, "escape", "a/b")
        assert comes(lambda: look.state().epochs == 1)
        assert comes(lambda: [found.entry.id for found in look.state().findings] == [identity])
    finally:
        look.close()


def test_damage_is_told_and_mended(tmp_path: Path) -> None:
    """While a file is damaged its place is what everybody gets; when it is whole again, everything is there."""
    layout = campaign(tmp_path)
    epoch(layout, "w0", 0, minute=1, features={"calls": 1})
    look = Look(tmp_path, lambda: LATER)
    try:
        epoch(layout, "w0", 1, minute=2, features={"calls": 2})
        path = layout.epoch("w0", 1)
        whole = path.read_text(encoding="utf-8")
        path.write_text("{", encoding="utf-8")
        assert comes(lambda: str(path) in unreadable(look))
        path.write_text(whole, encoding="utf-8")
        assert comes(lambda: not unreadable(look))
        assert look.state().epochs == 2
        assert look.state().executions == 40_000
    finally:
        look.close()


def test_whatever_fails_is_told_and_mended(tmp_path: Path) -> None:
    """A look that ends in what nobody has thought of is told by its kind, and is not the last one."""
    layout = campaign(tmp_path)
    epoch(layout, "w0", 0, minute=1, features={"calls": 1})
    bad = threading.Event()

    def prepare(_: State) -> None:
        if bad.is_set():
            raise TypeError("an int is no str")

    look = Look(tmp_path, lambda: LATER, prepare)
    try:
        bad.set()
        assert comes(lambda: unreadable(look) == f"{tmp_path}: TypeError: an int is no str")
        bad.clear()
        assert comes(lambda: not unreadable(look))
        assert look.state().epochs == 1
    finally:
        look.close()


def test_a_look_without_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks whether the last look is one of today learns that it is not, as long as the next does not come back."""
    monkeypatch.setattr("sysfuzz.dashboard.look._IDLE", 0.1)
    monkeypatch.setattr("sysfuzz.dashboard.look._IDLE_SHARE", 1)
    campaign(tmp_path)
    goes_on = threading.Event()
    goes_on.set()
    look = Look(tmp_path, lambda: LATER, lambda _: (goes_on.wait(PATIENCE), None)[1])

    def late() -> str:
        try:
            look.check()
        except Unreadable as error:
            return str(error)
        return ""

    try:
        goes_on.clear()
        assert comes(lambda: late().startswith(f"{tmp_path}: has not been read for "))
        assert not unreadable(look)
        goes_on.set()
        assert comes(lambda: not late())
    finally:
        goes_on.set()
        look.close()


def test_a_look_without_end_holds_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the dashboard does not wait for it."""
    monkeypatch.setattr("sysfuzz.dashboard.look._LEAVE", 0.1)
    campaign(tmp_path)
    first, stuck, goes_on = threading.Event(), threading.Event(), threading.Event()

    def prepare(_: State) -> None:
        if first.is_set():
            stuck.set()
            goes_on.wait(PATIENCE)

    look = Look(tmp_path, lambda: LATER, prepare)
    try:
        first.set()
        assert comes(lambda: bool(look.state()) and stuck.is_set())
        look.close()
        assert "look" in [thread.name for thread in threading.enumerate()]
    finally:
        goes_on.set()
