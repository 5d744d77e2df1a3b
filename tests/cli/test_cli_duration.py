"""Durations on the command line."""

import click
import pytest

from sysfuzz.cli.duration import to_seconds


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("10m", 600), ("1h", 3600), ("2d", 172800), ("0.5s", 0.5), ("1.5h", 5400)]
)
def test_durations(text: str, seconds: float) -> None:
    """A number and a unit are seconds."""
    assert to_seconds(None, None, text) == seconds


@pytest.mark.parametrize(
    "text", ["", "60", "s", "0s", "0.0m", "-5s", "1e3s", "5 m", "1h30m", "5M", "infs", "٣s", ".5s", "9" * 20 + "s"]
)
def test_what_is_no_duration(text: str) -> None:
    """A number without a unit is refused: nobody knows whether seconds or runs were meant."""
    with pytest.raises(click.BadParameter, match="is no duration; supported: a number above 0 with s, m, h or d"):
        to_seconds(None, None, text)


def test_no_duration_is_none() -> None:
    """An option that is not given is no budget."""
    assert to_seconds(None, None, None) is None
