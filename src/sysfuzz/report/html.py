"""The report as one HTML file that needs nothing else: no script, no font, no picture from anywhere.

What a page holds is computed here and in `picture`, `disassembly`; how it looks is `report.html`, `card.html` and `report.css`. The templates
escape whatever they are given, and the page's own policy forbids everything but its one style sheet, which it names by hash.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

import jinja2

from sysfuzz.findings.explanation import Explanation, Row
from sysfuzz.report.contents import TIME, Item, Report
from sysfuzz.report.disassembly import Block, blocks
from sysfuzz.report.document import legal
from sysfuzz.report.picture import Timeline, draw, label
from sysfuzz.report.rules import Rule, rule_of
from sysfuzz.report.text import headline

_FILES = resources.files("sysfuzz.report")


class MapLine(NamedTuple):
    """One entry of a map as the page shows it."""

    row: Row
    mark: str  # "the page", "changed": what is said beside it


class ProgramLine(NamedTuple):
    """One line of a program, its comment apart."""

    op: int | None  # its number, if it is one
    statement: str
    comment: str
    here: bool  # the evidence is about it


class Card(NamedTuple):
    """One finding as the page shows it."""

    number: int  # from 1 over the whole page, for names of things inside
    item: Item
    rule: Rule
    program: tuple[ProgramLine, ...]
    code: tuple[Block, ...]
    timeline: Timeline | None
    parted: bool  # whether the map of the core is not what it must be: then there are two, before and after
    before: tuple[MapLine, ...]
    after: tuple[MapLine, ...]


def render(report: Report) -> str:
    """The whole report."""
    style = _FILES.joinpath("report.css").read_text(encoding="utf-8")
    numbers = iter(range(1, len(report.items) + 1))
    sections = {
        "open": ("Open", [card_of(item, next(numbers)) for item in report.open]),
        "by-design": ("By design", [card_of(item, next(numbers)) for item in report.by_design]),
        "closed": ("Closed", [card_of(item, next(numbers)) for item in report.closed]),
        "ignored": ("Ignored", [card_of(item, next(numbers)) for item in report.ignored]),
    }
    page = _template().render(
        report=report,
        headline=headline(report),
        sections=sections,
        style=style,
        policy=f"default-src 'none'; style-src '{_hash(style)}'; base-uri 'none'; form-action 'none'",
    )
    return legal(page)


@cache
def _template() -> jinja2.Template:
    """The page, compiled once."""
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FunctionLoader(lambda name: _FILES.joinpath(name).read_text(encoding="utf-8")),
        lstrip_blocks=True,
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["time"] = lambda when: f"{when:{TIME}}"
    environment.filters["label"] = label
    return environment.get_template("report.html")


def _hash(style: str) -> str:
    """What a content security policy calls a style sheet. `report.html` writes it between the tags as it is."""
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def card_of(item: Item, number: int) -> Card:
    """The card of a finding; `number` tells it from others of the same page."""
    found = item.explanation
    entry = found.entered.address if found and found.entered else None
    parted = any(moment.core != moment.spec for moment in found.life) if found else False
    return Card(
        number=number,
        item=item,
        rule=rule_of(item.finding.oracle),
        program=_program(item),
        code=blocks(item.program, entry) if item.program else (),
        timeline=draw(found.life, found.entered) if found and found.life else None,
        parted=parted,
        before=_map(found.before, found.after if parted else found.before, found) if found else (),
        after=_map(found.after, found.before, found) if found else (),
    )


def _program(item: Item) -> tuple[ProgramLine, ...]:
    """The program as it is on disk."""
    ops = {line: op for op, line in enumerate(item.lines)}
    found = []
    for number, line in enumerate(item.text.splitlines(), 1):
        statement, hash_, comment = line.partition("#")
        op = ops.get(number)
        found.append(ProgramLine(op, statement, hash_ + comment, op is not None and op == item.finding.evidence.op))
    return tuple(found)


def _map(rows: Sequence[Row], others: Sequence[Row], explanation: Explanation) -> tuple[MapLine, ...]:
    """A map beside another: what is not in the other has changed."""
    return tuple(
        MapLine(
            row,
            ", ".join(["the page"] * (row.here and explanation.page is not None) + ["changed"] * (row not in others)),
        )
        for row in rows
    )
