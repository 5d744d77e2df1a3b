"""Settings that no epoch could have are refused by name."""

import math
from typing import Any

import pytest

from sysfuzz.engine.settings import EpochSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("workers", 0),
        ("runs", 0),
        ("seconds", 0.0),
        ("seconds", math.nan),
        ("hang_seconds", -1.0),
        ("max_len", 0),
        ("max_restarts", -1),
        ("rss_limit_mb", 0),
    ],
)
def test_out_of_range(name: str, value: Any) -> None:
    """The message holds the field, the value and what is supported."""
    with pytest.raises(ValueError, match=rf"^{name} = {value}; supported: "):
        EpochSettings(factory="m:f", **{name: value}).validate()


def test_defaults_are_valid() -> None:
    """A factory is all that an epoch needs."""
    settings = EpochSettings(factory="m:f")
    assert settings.validate() is settings
