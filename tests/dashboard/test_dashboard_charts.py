"""Plots: everything lies inside the picture, axes have round numbers, names do not cover each other."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.dashboard.charts import chart, duration

NAMES = ("critical", "high", "medium", "low")

values = st.floats(0, 1e12, allow_nan=False)


@st.composite
def columns(draw: st.DrawFn) -> tuple[list[float], dict[str, list[float]]]:
    """Times from 0 on, and up to four columns."""
    count = draw(st.integers(2, 30))
    step = draw(st.floats(0.1, 1e7))
    names = NAMES[: draw(st.integers(1, 4))]
    times = [step * number for number in range(count)]
    return times, {name: draw(st.lists(values, min_size=count, max_size=count)) for name in names}


@given(columns())
def test_all_lies_inside(given_: tuple[list[float], dict[str, list[float]]]) -> None:
    """Lines, ticks and names stay within the picture, and lines within the axes."""
    c = chart("k", "Title", *given_)
    for line in c.lines:
        points = [tuple(map(float, point.split(","))) for point in line.points.split()]
        assert len(points) == len(given_[0])
        assert all(c.left <= x <= c.right and c.top <= y <= c.bottom for x, y in points)
        assert 0 <= line.label <= c.height
    assert all(c.left <= tick.at <= c.right for tick in c.across)
    assert all(c.top <= tick.at <= c.bottom for tick in c.up)
    assert 2 <= len(c.up) <= 7
    assert 1 <= len(c.across) <= 7


@given(columns())
def test_names_do_not_cover_each_other(given_: tuple[list[float], dict[str, list[float]]]) -> None:
    """The names at the ends of lines are a line of text apart."""
    labels = sorted(line.label for line in chart("k", "Title", *given_).lines)
    assert all(after - before >= 13.9 for before, after in pairwise(labels))


@given(columns())
def test_told_as_a_table(given_: tuple[list[float], dict[str, list[float]]]) -> None:
    """The table has a value for each line, from the first time to the last, and the sentence names each line."""
    times, rows = given_
    c = chart("k", "Title", times, rows)
    assert c.rows[0][1:] == tuple(f"{values[0]:,.0f}" for values in rows.values())
    assert c.rows[-1][1:] == tuple(f"{values[-1]:,.0f}" for values in rows.values())
    assert all(name in c.description for name in rows)


@pytest.mark.parametrize(
    ("peak", "ticks"),
    [
        (0, ["0", "1"]),
        (1, ["0", "1"]),
        (3, ["0", "1", "2", "3"]),
        (7, ["0", "2", "4", "6", "8"]),
        (20, ["0", "5", "10", "15", "20"]),
        (90, ["0", "50", "100"]),
        (130, ["0", "50", "100", "150"]),
        (3500, ["0", "1,000", "2,000", "3,000", "4,000"]),
        (35_000, ["0", "10k", "20k", "30k", "40k"]),
        (5_500_000, ["0", "2M", "4M", "6M"]),
    ],
)
def test_round_numbers(peak: float, ticks: list[str]) -> None:
    """The axis has numbers that people count in, from 0 to the peak or just beyond."""
    assert [tick.text for tick in chart("k", "T", [0, 1], {"a": [0, peak]}).up] == ticks


@pytest.mark.parametrize(
    ("span", "ticks"),
    [
        (50, ["0", "10 s", "20 s", "30 s", "40 s", "50 s"]),
        (3600, ["0", "20 min", "40 min", "1 h"]),
        (6 * 3600, ["0", "2 h", "4 h", "6 h"]),
        (3 * 86400, ["0", "1 d", "2 d", "3 d"]),
    ],
)
def test_round_times(span: float, ticks: list[str]) -> None:
    """So has the axis of time."""
    assert [tick.text for tick in chart("k", "T", [0, span], {"a": [0, 1]}).across] == ticks


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0"),
        (0.4, "0"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (3605, "1 h"),
        (90_000, "1 d 1 h"),
        (86_400 * 1234, "1,234 d"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    """A time span is told in its two largest units."""
    assert duration(seconds) == words
