"""Times in files: what is written is read again, and nothing else is."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.findings.times import stamp, time_of

seconds = st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30)).map(lambda when: when.replace(microsecond=0))


@given(seconds, st.integers(-12, 12))
def test_what_is_written_is_read_again(when: datetime, hours: int) -> None:
    """Whatever zone a time is told in, it is the same second of UTC."""
    there = when.replace(tzinfo=timezone(timedelta(hours=hours)))
    assert time_of(stamp(there)) == there
    assert stamp(there).endswith("Z")


@given(seconds, seconds)
def test_text_sorts_as_time_does(first: datetime, second: datetime) -> None:
    """The later of two has the later text."""
    first, second = first.replace(tzinfo=UTC), second.replace(tzinfo=UTC)
    assert (stamp(first) < stamp(second)) == (first < second)


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31 12:00:00Z", "2026-01-31T12:00:00+00:00", "2026-02-30T12:00:00Z",
        "2026-01-31T24:00:00Z", "2026-01-31T12:00:00.5Z", " 2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z\n", "0999-01-31T12:00:00Z",
    ],
)  # fmt: skip
def test_nothing_else_is_read(text: str) -> None:
    """Other forms of ISO 8601 and days that there are not are refused."""
    with pytest.raises(ValueError, match="is no time like"):
        time_of(text)
