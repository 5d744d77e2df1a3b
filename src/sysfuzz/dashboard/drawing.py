"""Plots as SVG: a part of a page, whose style sheet colours it, or a file that stands alone.

A file holds the same style with its colours written out, since not every program that shows SVG knows CSS variables; those of the dark theme
hold where that is asked for. It has a paper of its own, so that it can be read on whatever page it lies. Needs no template and no server.
"""

import re
from collections.abc import Iterator
from functools import cache
from html import escape
from importlib import resources

from sysfuzz.dashboard.charts import Chart

_HEAD = 46  # height of the title and of what it is about, above the plot of a file
_MARGIN = 8
_SCALE = 1.5  # of a file, which is shown as large as it says: letters of 18 pixels
_HERE = resources.files("sysfuzz")
_COLOUR = re.compile("--([a-z0-9-]+): (#[0-9a-f]{6});")


def drawn(c: Chart) -> str:
    """The plot as a part of a page."""
    return "\n".join(
        (
            f'<svg class="chart" role="img" aria-labelledby="{c.key}-title {c.key}-desc"'
            f' viewBox="0 0 {c.width} {c.height}" width="{c.width}" height="{c.height}">',
            *_parts(c),
            "</svg>",
        )
    )


def stand_alone(c: Chart, about: str) -> str:
    """The plot as the text of an SVG file, below its title and a line of what it is about."""
    box = -_MARGIN, -_HEAD, c.width + 2 * _MARGIN, c.height + _HEAD + _MARGIN
    size = f'width="{box[2] * _SCALE:g}" height="{box[3] * _SCALE:g}"'
    lines = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" aria-labelledby="{c.key}-title {c.key}-desc"'
        f' viewBox="{" ".join(map(str, box))}" {size}>',
        f"<style>\n{_style()}</style>",
        f'<rect class="paper" x="{box[0]}" y="{box[1]}" width="{box[2]}" height="{box[3]}"/>',
        f'<text class="title" x="0" y="{18 - _HEAD}">{_text(c.title)}</text>',
        f'<text class="tick" x="0" y="{34 - _HEAD}">{_text(about)}</text>',
        *_parts(c),
        "</svg>",
    )
    return "\n".join(lines) + "\n"


def _parts(c: Chart) -> Iterator[str]:
    yield f'<title id="{c.key}-title">{_text(c.title)}</title>'
    yield f'<desc id="{c.key}-desc">{_text(c.description)}</desc>'
    for tick in c.up:
        yield f'<line class="grid" x1="{c.left}" x2="{c.right}" y1="{tick.at}" y2="{tick.at}"/>'
        yield f'<text class="tick" x="{c.left - 6}" y="{tick.at + 4}" text-anchor="end">{_text(tick.text)}</text>'
    for tick in c.across:
        yield f'<line class="mark" x1="{tick.at}" x2="{tick.at}" y1="{c.bottom}" y2="{c.bottom + 4}"/>'
        yield f'<text class="tick" x="{tick.at}" y="{c.bottom + 18}" text-anchor="middle">{_text(tick.text)}</text>'
    for at in c.marks:
        yield f'<line class="run" x1="{at}" x2="{at}" y1="{c.top}" y2="{c.bottom}"/>'
    if c.legend:
        yield f'<line class="run" x1="{c.left}" x2="{c.left}" y1="{c.bottom + 25}" y2="{c.bottom + 40}"/>'
        yield f'<text class="tick" x="{c.left + 6}" y="{c.bottom + 37}">{_text(c.legend)}</text>'
    for line in c.lines:
        yield f'<g class="line line-{line.style}"><polyline points="{line.points}"/>'
        yield f'<path class="lead" d="M{c.right} {line.end}L{c.right + 10} {line.at}"/>'
        yield f'<text x="{c.right + 13}" y="{line.at + 4}">{_text(line.label)}</text></g>'


def _text(text: str) -> str:
    """Text that XML can hold, whatever a campaign's files say."""
    return escape("".join(letter if letter.isprintable() else "\ufffd" for letter in text))


@cache
def _style() -> str:
    """The style sheet of a file."""
    rules = _HERE.joinpath("dashboard/chart.css").read_text(encoding="utf-8")
    light: dict[str, str] = {}
    dark: dict[str, str] = {}
    for sheet in ("report/report.css", "dashboard/dashboard.css"):
        for name, colour in _COLOUR.findall(_HERE.joinpath(sheet).read_text(encoding="utf-8")):
            theme = dark if name in light else light  # a sheet says the colours of the light theme first
            theme[name] = colour
    return f"{_coloured(rules, light)}@media (prefers-color-scheme: dark) {{\n{_coloured(rules, dark)}}}\n"


def _coloured(rules: str, colours: dict[str, str]) -> str:
    return re.sub(r"var\(--([a-z0-9-]+)\)", lambda match: colours[match[1]], rules)
