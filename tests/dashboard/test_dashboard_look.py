"""Looking at a campaign: what is there is seen, what cannot be read is told, and neither lasts for ever."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from made_campaign import BEGAN, campaign, epoch, finding

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
