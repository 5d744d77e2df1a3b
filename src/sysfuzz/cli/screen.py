"""Lists that share the rows of a screen: none is pushed off it by a long one, and of each that is cut it says how many more there are."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.console import Console, Group
from rich.text import Text


class Part(NamedTuple):
    """Lines with colours as terminals take them."""

    head: list[str]  # always there, on as many rows as they need
    rows: list[str]  # as many as there is room for, a row each


def fitted(parts: Sequence[Part], console: Console) -> Group:
    """The parts below each other, as they fit the console."""
    heads = [[Text.from_ansi(line) for line in part.head] for part in parts]
    taken = sum(len(line.wrap(console, console.width)) for head in heads for line in head)
    shares = shared(console.height - taken, [len(part.rows) for part in parts])
    lines: list[Text] = []
    for head, part, share in zip(heads, parts, shares, strict=True):
        lines += head
        lines += (Text.from_ansi(row, no_wrap=True, overflow="ellipsis") for row in _cut(part.rows, share))
    return Group(*lines)


def shared(room: int, wanted: Sequence[int]) -> list[int]:
    """How many of `room` rows each list gets that wants so many: what it wants, or no fewer than any other but for one."""
    shares = [0] * len(wanted)
    while room > 0 and shares != list(wanted):
        for index, want in enumerate(wanted):
            if shares[index] < want and room > 0:
                shares[index] += 1
                room -= 1
    return shares


def _cut(rows: Sequence[str], share: int) -> Iterator[str]:
    if share == len(rows):
        yield from rows
    elif share:
        yield from rows[: share - 1]
        yield f"and {len(rows) - share + 1:,} more"
