"""Durations on the command line: `60s`, `10m`, `1h`."""

import re

import click

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhd])")


class Duration(click.ParamType[float]):
    """A positive number with its unit; the value is in seconds."""

    name = "duration"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Click's protocol."""
        if isinstance(value, float):
            return value
        match = _DURATION.fullmatch(str(value))
        seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
        if not seconds:
            self.fail(
                f"{value!r} is no duration; supported: a number above 0 with s, m, h or d, as in 60s, 10m, 1h",
                param,
                ctx,
            )
        return seconds
