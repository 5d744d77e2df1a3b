"""Durations on the command line: `60s`, `10m`, `1h`."""

import re

import click

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhd])")


def to_seconds(ctx: click.Context | None, param: click.Parameter | None, value: str | None) -> float | None:
    """A callback of click's: the seconds of a positive number with its unit; None if the option is not given."""
    if value is None:
        return None
    match = _DURATION.fullmatch(value)
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not seconds:
        supported = "supported: a number above 0 with s, m, h or d, as in 60s, 10m, 1h"
        raise click.BadParameter(f"{value!r} is no duration; {supported}", ctx, param)
    return seconds
