"""Lists on one screen: nothing is pushed off it, and what is not there is counted."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sysfuzz.cli.screen import Part, fitted, shared


@given(st.integers(-5, 200), st.lists(st.integers(0, 100), max_size=5))
def test_rows_are_shared_fairly(room: int, wanted: list[int]) -> None:
    """Nobody gets more than wanted, all rows are used while anybody wants one, and who goes short has at most one less than any other."""
    shares = shared(room, wanted)
    assert all(0 <= share <= want for share, want in zip(shares, wanted, strict=True))
    assert sum(shares) == min(max(room, 0), sum(wanted))
    short = [share for share, want in zip(shares, wanted, strict=True) if share < want]
    assert all(max(shares) - share <= 1 for share in short)


def shown(parts: list[Part], width: int, height: int) -> list[str]:
    """The rows of a terminal of that size."""
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(fitted(parts, console))
    return [row.rstrip() for row in capture.get().splitlines()]


PARTS = [
    Part(["title"], [f"worker {number}" for number in range(64)]),
    Part(["findings"], [f"finding {number} {'x' * 60}" for number in range(9)]),
    Part([], ["a fault"]),
]


@pytest.mark.parametrize(
    ("height", "rows"),
    [
        (
            11,
            [
                "title", "worker 0", "worker 1", "worker 2", "and 61 more", "findings", "finding 0", "finding 1", "finding 2", "and 6 more",
                "a fault",
            ],
        ),
        (5, ["title", "and 64 more", "findings", "and 9 more", "a fault"]),
        (2, ["title", "findings"]),
        (1, ["title", "findings"]),
    ],
)  # fmt: skip
def test_a_small_screen_has_something_of_everything(height: int, rows: list[str]) -> None:
    """Long lists are cut alike, and what is left out is counted; heads are always there."""
    assert [row.partition(" x")[0] for row in shown(PARTS, 80, height)] == rows


def test_a_large_screen_has_everything() -> None:
    """Where there is room nothing is cut."""
    assert len(shown(PARTS, 80, 76)) == 2 + 64 + 9 + 1
    assert not [row for row in shown(PARTS, 80, 76) if row.startswith("and ")]


@pytest.mark.parametrize("height", [8, 12, 20])
def test_a_narrow_screen_is_not_overfull(height: int) -> None:
    """A head takes the rows that it needs, a row of a list takes one; together they are as many as there are."""
    parts = [Part(["a head of more words than one row of this terminal holds"], []), *PARTS]
    rows = shown(parts, 30, height)
    assert len(rows) == height
    assert " ".join(rows).startswith("a head of more words than one row of this terminal holds")
    assert rows[-1] == "a fault"
    assert all(len(row) <= 30 for row in rows)
