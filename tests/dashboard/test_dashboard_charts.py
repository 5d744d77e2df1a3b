"""Plots: everything lies inside the picture, axes have round numbers, names do not cover each other."""

import re
from importlib import resources
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.dashboard.charts import chart, duration

NAMES = ("critical", "high", "medium", "low", "transitions", "events", "somebody's own domain")

WIDEST = 8  # pixels: a letter of 14, on an average of words

values = st.floats(0, 1e12, allow_nan=False)


STYLES, SHEET = (
    resources.files("sysfuzz.dashboard").joinpath(name).read_text(encoding="utf-8")
    for name in ("chart.css", "dashboard.css")
)
# By style; the first line is drawn through. Colours are those of the light theme, then of the dark one.
DASHES = [
    dashes[1] if (dashes := re.search(rf"\.line-{style} polyline,.*stroke-dasharray: ([0-9 ]+);", STYLES)) else ""
    for style in sorted({int(style) for style in re.findall(r"\.line-(\d) polyline,", STYLES)})
]
COLOURS = [re.findall(r"--line-\d: (#[0-9a-f]{6})", line) for line in SHEET.splitlines() if "--line-0: " in line]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, "contrast ratio" and "relative luminance"."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@st.composite
def columns(draw: st.DrawFn) -> tuple[list[float], dict[str, list[float]]]:
    """Times from 0 on, and some columns."""
    count = draw(st.integers(2, 30))
    step = draw(st.floats(0.1, 1e7))
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
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
        assert 0 <= line.at <= c.height
        assert c.left + 40 < c.right < c.width - WIDEST * len(line.label)
    assert all(c.left <= tick.at <= c.right for tick in c.across)
    assert all(c.top <= tick.at <= c.bottom for tick in c.up)
    assert 2 <= len(c.up) <= 7
    assert 1 <= len(c.across) <= 7


@given(columns())
def test_names_do_not_cover_each_other(given_: tuple[list[float], dict[str, list[float]]]) -> None:
    """The names at the ends of lines are a line of text apart, and the times below the axis a space."""
    c = chart("k", "Title", *given_)
    labels = sorted(line.at for line in c.lines)
    assert all(after - before >= 13.9 for before, after in pairwise(labels))
    halves = [(tick.at, WIDEST / 2 * len(tick.text)) for tick in c.across]
    assert all(after - half >= before + other + 5 for (before, other), (after, half) in pairwise(halves))


@given(columns())
def test_lines_are_told_apart_without_colours(given_: tuple[list[float], dict[str, list[float]]]) -> None:
    """Each of some lines says its name, and neighbours have dashes of their own; a single one needs no name."""
    c = chart("k", "Title", *given_)
    assert all(before.style != after.style for before, after in pairwise(c.lines))
    assert len({line.style for line in c.lines}) == min(len(c.lines), len(DASHES))
    assert [name in line.label for name, line in zip(given_[1], c.lines, strict=True)] == [len(c.lines) > 1] * len(
        c.lines
    )


def test_styles_have_dashes_of_their_own() -> None:
    """No two styles of the style sheet have the same dashes, in either theme the same colour, or less than 3:1 between line and paper."""
    assert len(set(DASHES)) == len(DASHES) == 5
    for lines, paper in ((COLOURS[0], "#ffffff"), (COLOURS[1], "#12161c")):
        assert len(set(lines)) == 5
        assert all(contrast(line, paper) >= 3 for line in lines)


@given(columns())
def test_told_as_a_table(given_: tuple[list[float], dict[str, list[float]]]) -> None:
    """The table has a value for each line, from the first time to the last, and the sentence names each line."""
    times, rows = given_
    c = chart("k", "Title", times, rows)
    assert c.rows[0][1:] == tuple(f"{values[0]:,.0f}" for values in rows.values())
    assert c.rows[-1][1:] == tuple(f"{values[-1]:,.0f}" for values in rows.values())
    assert all(name in c.description for name in rows)


@given(columns(), st.lists(st.floats(0, 2, allow_nan=False), max_size=50))
def test_marks(given_: tuple[list[float], dict[str, list[float]]], shares: list[float]) -> None:
    """Marks stand in time where they were, none beyond the end and no two on one pixel; only where there are any there is room for what they
    are, and the sentence says it.
    """
    times, rows = given_
    marks = [share * times[-1] for share in shares]
    c = chart("k", "Title", times, rows, marks, "a break")
    bare = chart("k", "Title", times, rows)
    shown = [time for time in marks if time <= times[-1]]
    assert {round(at) for at in c.marks} <= {
        round(c.left + time / times[-1] * (c.right - c.left)) + one for time in shown for one in (-1, 0, 1)
    }
    assert len({round(at) for at in c.marks}) == len(c.marks) <= len(shown)
    assert bool(c.marks) == bool(shown)
    assert all(c.left <= at <= c.right for at in c.marks)
    assert (c.legend, c.height > bare.height, "a break" in c.description) == (
        ("a break", True, True) if shown else ("", False, False)
    )
    assert c.lines == bare.lines


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
