"""The life of a page as a picture: time runs downwards, the core's and the spec's idea of the page are two tracks side by side.

Below them stands what was decided about the entry concerned, and what was due. Only geometry is made here, in pixels; the page's template
draws it, and its style sheet colours it. Whatever the colours say is also written in the picture, and the whole as a sentence for those who
do not see it.
"""

import re
import textwrap
from collections.abc import Sequence
from typing import Literal, NamedTuple

from sysfuzz.findings.explanation import Entered, Moment
from sysfuzz.findings.guards import NOTHING, is_guard
from sysfuzz.findings.wording import ATTRIBUTES

# Everything fits a phone: 320 pixels.
_LABELS = 56  # width of the column of op numbers
_TRACK = 128  # width of a track: holds "rwx no-syscalls" at 12 px
_GAP = 8
_HEAD = 24  # height of the names of the tracks
_ROW = 34  # height of a moment: holds two lines
_PARTING = 20  # room for the words where the two part
_LINE = 14  # height of a line of text
_MAX_LINES, _MAX_TEXT = 2, 17  # lines that a moment holds, and characters that a track does

_PAGE = re.compile("[r-][w-][x-]")  # how the state of a page that is mapped begins

# attribute: the page has one, or the process is marked or has a guard; plain: mapped without; none: there is no page, mark, guard or process;
# decision: no state of a page, but what became of an entry.
State = Literal["attribute", "plain", "none", "decision"]


class Segment(NamedTuple):
    """One state of a track, for as long as it lasts."""

    x: int
    y: int
    width: int
    height: int
    state: State
    parted: bool  # the other track says otherwise
    lines: tuple[tuple[int, str], ...]  # y of the baseline, text
    text: str  # as a whole, where it had to be cut


class Tick(NamedTuple):
    """The number of an op."""

    y: int
    text: str


class Timeline(NamedTuple):
    """The picture."""

    width: int
    height: int
    names: tuple[tuple[int, str], ...]  # x of its middle, name of each track
    ticks: tuple[Tick, ...]
    segments: tuple[Segment, ...]
    first: (
        int | None
    )  # index of the row where core and spec first part; that of the entry is the one behind the last moment
    parting: int | None  # y of the line there
    description: str


class _Row(NamedTuple):
    """What stands side by side."""

    label: str
    core: str
    spec: str
    decision: bool = False


def draw(life: Sequence[Moment], entered: Entered | None = None) -> Timeline:
    """The picture of a life of at least one moment, and of the entry at its end."""
    rows = [_Row(label(moment), moment.core, moment.spec) for moment in life]
    if entered is not None:
        rows.append(_Row("entry", entered.decided, entered.due, decision=True))
    first = next((index for index, row in enumerate(rows) if row.core != row.spec), None)
    ys = [_HEAD + i * _ROW + (_PARTING if first is not None and i >= first else 0) for i in range(len(rows))]
    end = ys[-1] + _ROW
    core = _segments(_LABELS, [row.core for row in rows], rows, ys, end, first)
    spec = _segments(_LABELS + _TRACK + _GAP, [row.spec for row in rows], rows, ys, end, first)
    middle = _LABELS + _TRACK // 2
    return Timeline(
        width=_LABELS + 2 * _TRACK + _GAP,
        height=end + 1,  # the outline of the last segment
        names=((middle, "core"), (middle + _TRACK + _GAP, "spec")),
        ticks=tuple(Tick(y + _ROW // 2, row.label) for y, row in zip(ys, rows, strict=True)),
        segments=tuple(core + spec),
        first=first,
        parting=None if first is None else ys[first] - _PARTING // 2,
        description=_description(rows, first),
    )


def label(moment: Moment) -> str:
    """Which op: `op 3`, `op 3.1` for its second event, `boot`."""
    if moment.op < 0:
        return "boot"
    return f"op {moment.op}" if moment.event < 0 else f"op {moment.op}.{moment.event}"


def state_of(text: str) -> State:
    """What a state of a page, a mark or a guard amounts to."""
    if text in ("unmapped", "unmarked", "gone") or text in NOTHING:
        return "none"
    if _PAGE.match(text):
        return "attribute" if any(name in text for name in ATTRIBUTES.values()) else "plain"
    return "attribute" if text == "marked" or is_guard(text) else "plain"


def _segments(
    x: int, texts: Sequence[str], rows: Sequence[_Row], ys: Sequence[int], end: int, first: int | None
) -> list[Segment]:
    """A segment for each state that lasts; it ends where the state does, or where the two part or agree again."""
    parted = [row.core != row.spec for row in rows]
    states = [(text, parted[i], rows[i].decision) for i, text in enumerate(texts)]
    starts = [i for i in range(len(rows)) if i == 0 or states[i] != states[i - 1]]
    segments = []
    for start, after in zip(starts, [*starts[1:], len(rows)], strict=True):
        stop = end if after == len(rows) else ys[after] - (_PARTING if after == first else 0)
        text = texts[start]
        lines = _lines(text)
        top = ys[start] + 21 - _LINE // 2 * (len(lines) - 1)
        baselines = tuple((top + _LINE * row, line) for row, line in enumerate(lines))
        state = "decision" if rows[start].decision else state_of(text)
        segments.append(Segment(x, ys[start], _TRACK, stop - ys[start], state, parted[start], baselines, text))
    return segments


def _lines(text: str) -> list[str]:
    """The text in lines that a track holds; what does not fit the last ends in dots."""
    lines = textwrap.wrap(text, _MAX_TEXT) or [""]
    if len(lines) > _MAX_LINES:
        rest = " ".join(lines[_MAX_LINES - 1 :])
        lines = [*lines[: _MAX_LINES - 1], rest[: _MAX_TEXT - 1] + "…"]
    return lines


def _description(rows: Sequence[_Row], first: int | None) -> str:
    words = [
        f"{row.label}: {row.core}" if row.core == row.spec else f"{row.label}: core {row.core}, spec {row.spec}"
        for row in rows
    ]
    end = "They agree throughout." if first is None else f"Core and spec first part at {rows[first].label}."
    return f"{'; '.join(words)}. {end}"
