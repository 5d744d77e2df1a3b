"""Plots as plain geometry, in pixels: axes with round numbers, a line for each column with its name at its end, and marks across the plot.

`drawing` makes SVG of them. Lines differ in their dashes, too, and what a plot shows is there as a sentence and as a table. Knows nothing of
campaigns.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

_WIDTH, _HEIGHT = 440, 200
_LEFT, _TOP, _BOTTOM = 48, 12, 26  # room for the numbers of the axes
_LEAD = 13  # from the end of a line to its label
_LABEL = 14  # height of a label
_LEGEND = 18  # height of what says what marks are, below the numbers of the axis
_LETTER, _EDGE = (
    8,
    5,
)  # a letter of 14 px, the size on narrow screens, on an average of words and numbers; and what digits may take beyond that
_BETWEEN = 8  # numbers of an axis, at least
_ROWS = 8  # of the table
_STYLES = 5  # that the style sheet has
_TICKS = 4  # of an axis, or a few more

_SECOND, _MINUTE, _HOUR, _DAY = 1, 60, 3600, 86400
_ROUND = (
    _SECOND, 2, 5, 10, 20, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 20 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 3 * _HOUR,
    6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 5 * _DAY, 10 * _DAY, 20 * _DAY, 50 * _DAY, 100 * _DAY, 200 * _DAY, 500 * _DAY,
)  # fmt: skip


class Tick(NamedTuple):
    """A number at an axis, in pixels along it."""

    at: float
    text: str


class Line(NamedTuple):
    """One column."""

    name: str
    style: int  # from 0 to 4: which colour and dashes
    points: str  # as SVG has them
    end: float  # y of the last point
    at: float  # y of the label, which may have had to make room
    label: str  # last value, and the name if there are others


class Chart(NamedTuple):
    """One plot."""

    key: str  # a word, different for each plot of a page
    title: str
    width: int
    height: int
    left: int
    right: int  # x of the end of the axis
    top: int
    bottom: int  # y of the axis
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    lines: tuple[Line, ...]
    marks: tuple[float, ...]  # x of each
    legend: str  # what marks are; "" if there are none
    description: str
    rows: tuple[tuple[str, ...], ...]  # time, then a value for each line


def chart(
    key: str,
    title: str,
    times: Sequence[float],
    columns: Mapping[str, Sequence[float]],
    marks: Sequence[float] = (),
    legend: str = "",
) -> Chart:
    """The plot of columns over seconds, of which there are two at least and the last is the largest; `legend` says what `marks` in time are."""
    texts = [f"{_number(values[-1])} {name if len(columns) > 1 else ''}".rstrip() for name, values in columns.items()]
    right, bottom = _WIDTH - _LEAD - _LETTER * max(map(len, texts)) - _EDGE, _HEIGHT - _BOTTOM
    peak = max(max(values) for values in columns.values())
    ups = _round_numbers(peak)
    top_value = max(peak, ups[-1])

    def x(time: float) -> float:
        return round(_LEFT + time / times[-1] * (right - _LEFT), 1)

    def y(value: float) -> float:
        return round(bottom - value / top_value * (bottom - _TOP), 1)

    ends = [y(values[-1]) for values in columns.values()]
    places = _apart(ends, _TOP + _LABEL / 2, bottom)
    lines = tuple(
        Line(
            name=name,
            style=number % _STYLES,
            points=" ".join(f"{x(time):g},{y(value):g}" for time, value in zip(times, values, strict=True)),
            end=ends[number],
            at=places[number],
            label=texts[number],
        )
        for number, (name, values) in enumerate(columns.items())
    )
    marked = [time for time in marks if 0 <= time <= times[-1]]
    chosen = [round(row * (len(times) - 1) / (_ROWS - 1)) for row in range(_ROWS)]
    return Chart(
        key=key,
        title=title,
        width=_WIDTH,
        height=_HEIGHT + (_LEGEND if marked else 0),
        left=_LEFT,
        right=right,
        top=_TOP,
        bottom=bottom,
        across=tuple(Tick(x(time), duration(time)) for time in _round_times(times[-1], right - _LEFT)),
        up=tuple(Tick(y(value), _short(value)) for value in ups),
        lines=lines,
        marks=tuple(dict.fromkeys(float(round(x(time))) for time in marked)),  # one for each pixel
        legend=legend if marked else "",
        description=_description(title, times[-1], columns) + _marks(marked, legend),
        rows=tuple(
            (duration(times[row]), *(_number(values[row]) for values in columns.values()))
            for row in dict.fromkeys(chosen)
        ),
    )


def duration(seconds: float) -> str:
    """A time span in its two largest units: `3 d 4 h`, `2 min`, `0`."""
    rest = round(seconds)
    words: list[str] = []
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (_SECOND, "s")):
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{count:,} {unit}")
        elif words:
            break
    return " ".join(words[:2]) or "0"


def _round_times(span: float, width: float) -> list[float]:
    """0 and a few more, up to `span`, whose names have room side by side on an axis of `width` pixels."""
    for step in _ROUND:
        times = [float(time) for time in range(0, int(span) + 1, step)] if span / step <= _TICKS + 1 else []
        if times and _LETTER * max(len(duration(time)) for time in times) + _BETWEEN <= width * step / span:
            return times
    return [0.0]


def _round_numbers(peak: float) -> list[float]:
    """0 and a few more, up to `peak` or the next beyond it; counts have no halves."""
    step = 1.0
    while step * _TICKS < peak:
        step *= 2.5 if str(step)[0] == "2" else 2  # 1, 2, 5, 10
    count = max(1, -int(-peak // step))
    return [step * number for number in range(count + 1)]


def _apart(wanted: Sequence[float], top: float, bottom: float) -> list[float]:
    """Places near those wanted, none nearer to another than a label is high: pushed up from the lowest."""
    places = list(wanted)
    limit = bottom
    for index in sorted(range(len(wanted)), key=lambda index: (-wanted[index], -index)):
        places[index] = limit = min(wanted[index], limit)
        limit -= _LABEL
    if places and min(places) < top:  # too many for the room below: down from the top
        limit = top
        for index in sorted(range(len(wanted)), key=lambda index: (places[index], index)):
            places[index] = limit = max(places[index], limit)
            limit += _LABEL
    return [round(place, 1) for place in places]


def _short(value: float) -> str:
    """A number of an axis: 1,500 and 20k, 1.5M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if unit == 'k' else size):g}{unit}"
    return f"{value:,g}"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _description(title: str, span: float, columns: Mapping[str, Sequence[float]]) -> str:
    ends = "; ".join(
        f"{name}: from {_number(values[0])} to {_number(values[-1])}, at most {_number(max(values))}"
        for name, values in columns.items()
    )
    return f"{title} over {duration(span)}. {ends}."


def _marks(marked: Sequence[float], legend: str) -> str:
    if not marked:
        return ""
    told = ", ".join(map(duration, marked[:_ROWS]))
    more = f", and {len(marked) - _ROWS:,} more" if len(marked) > _ROWS else ""
    return f" Marks ({legend}): {told}{more}."
