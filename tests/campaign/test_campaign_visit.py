"""Visitors have a campaign for a while, and leave no trace of themselves."""

import json
from pathlib import Path

import pytest

import toy_campaign as toy
from sysfuzz.campaign.lock import Held, holder, is_held
from sysfuzz.campaign.visit import visit


@pytest.mark.parametrize("before", [None, '{"pid": 42}\n'])
def test_runner_json_is_the_last_runners(tmp_path: Path, before: str | None) -> None:
    """While the visit lasts it says who the visitor is, and then what it said before; also if the visit fails."""
    layout = toy.campaign(tmp_path)
    if before is not None:
        layout.runner.write_text(before)

    def fail() -> None:
        with visit(layout, toy.WHEN):
            assert is_held(layout)
            assert json.loads(layout.runner.read_text())["started"] == "2026-01-31T12:00:00Z"
            assert "since 2026-01-31T12:00:00Z: sysfuzz" in holder(layout)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert not is_held(layout)
    assert (layout.runner.read_text() if layout.runner.exists() else None) == before


def test_nobody_else_has_it(tmp_path: Path) -> None:
    """A second visitor is refused."""
    layout = toy.campaign(tmp_path)
    with visit(layout, toy.WHEN), pytest.raises(Held), visit(layout, toy.WHEN):
        pass


def test_a_directory_that_has_moved_is_left_alone(tmp_path: Path) -> None:
    """What another campaign in its place says stays."""
    layout = toy.campaign(tmp_path / "c")
    layout.runner.write_text('{"pid": 42}\n')
    with visit(layout, toy.WHEN) as place:
        layout.home.rename(tmp_path / "moved")
        toy.campaign(tmp_path / "c").runner.write_text('{"pid": 43}\n')
        assert place.is_moved()
    assert layout.runner.read_text() == '{"pid": 43}\n'
