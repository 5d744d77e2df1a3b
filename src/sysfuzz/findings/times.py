"""Times as files hold them: whole seconds of UTC, such as `2026-01-31T12:00:00Z`, which sort as text. Asks no clock."""

import re
from contextlib import suppress
from datetime import UTC, datetime

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
# What that writes, and nothing else that `fromisoformat` takes. A year before 1000 would have fewer digits.
_WRITTEN = re.compile("[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z")


def stamp(when: datetime) -> str:
    """A time as it is written."""
    return when.astimezone(UTC).strftime(_FORMAT)


def time_of(text: str) -> datetime:
    """The time that was written. ValueError: `stamp` writes no such thing, or there is no such day."""
    if _WRITTEN.fullmatch(text):
        with suppress(ValueError):  # there is no such day
            return datetime.fromisoformat(text)
    raise ValueError(f"{text!r} is no time like 2026-01-31T12:00:00Z")
