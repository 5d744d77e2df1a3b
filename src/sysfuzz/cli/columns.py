"""Aligned columns and counted nouns: plain lines, which pipes can cut."""

from collections.abc import Iterable, Sequence

import click


def columns(rows: Iterable[Sequence[str]], gap: str = "  ") -> list[str]:
    """Rows of equally many cells as lines, each column as wide as its widest cell; colours take no room."""
    table = [list(row) for row in rows]
    widths = [max(map(_width, column)) for column in zip(*table, strict=True)]
    return [
        gap.join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def counted(count: int, noun: str) -> str:
    """`1 finding`, `2 findings`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _width(cell: str) -> int:
    return len(click.unstyle(cell))
