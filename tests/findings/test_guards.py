"""What a guard reads like."""

import pytest

from sysfuzz.findings.guards import NOTHING, call_name, is_guard, lines, told, wording
from sysfuzz.spec.promise import PROMISES

ON, INCLUSIVE = 1, 2

TOLD = [
    ("syscallemu", (), "no range armed"),
    ("syscallemu", ((0x10000, 0x11000),), "0x10000-0x11000 armed"),
    ("msyscall", (), "no range named"),
    ("msyscall", ((1,),), "a range named"),
    ("pinsyscalls", (), "nothing pinned"),
    ("pinsyscalls", ((0x10000, 0x1000, 0, 0, 0),), "0x10000-0x11000 pinned: no call"),
    ("pinsyscalls", ((0x10000, 0x1000, 0, 5, 0xFFFFFFFF),), "0x10000-0x11000 pinned: exit at 0x10005, fork anywhere"),
    ("pinsyscalls", ((0x10000, 0x1000, 0, 1, 2, 3, 4, 5),),
     "0x10000-0x11000 pinned: exit at 0x10001, fork at 0x10002, read at 0x10003, 2 more"),
    ("pinsyscalls", ((0x10000, 0x1000, *[0] * 198, 7),), "0x10000-0x11000 pinned: #198 at 0x10007"),
    ("sud", (), "no setting"),
    ("sud", ((1, ON, 0x10000, 0x1000, 0),), "LWP 1 only from 0x10000-0x11000"),
    ("sud", ((2, ON, 0, 0, 0x20008),), "LWP 2 from nowhere, by the byte at 0x20008"),
    ("sud-inclusive", ((1, INCLUSIVE, 0x10000, 0x1000, 0),), "LWP 1 not from 0x10000-0x11000"),
    ("seccomp-ip", (), "no filter"),
    ("seccomp-ip", ((1, 0x1000, 0x2000), (2, 0x1000, 0x2000)), "LWP 1 not from 0x1000-0x2000; LWP 2 not from 0x1000-0x2000"),
]  # fmt: skip


@pytest.mark.parametrize(("design", "rows", "text"), TOLD)
def test_rows_in_words(design, rows, text):
    """Each design's rows read as what they mean; a process that has none says so."""
    assert told(design, rows) == text
    assert is_guard(text) == bool(rows)
    assert (text in NOTHING) == (not rows)
    assert len(lines(design, rows)) == len(rows)


@pytest.mark.parametrize(
    ("design", "number", "name"),
    [
        ("nosyscalls", 73, "munmap"),
        ("nosyscalls", 198, "__syscall"),
        ("nosyscalls", 37, "#37"),
        ("nosyscalls", 5, "#5"),
        ("msyscall", 37, "msyscall"),
        ("msyscall", 0, "syscall"),
        ("pinsyscalls", 159, "mimmutable"),
        ("pinsyscalls", 37, "#37"),
        ("pinsyscalls", 0, "#0"),
        ("pinsyscalls", 198, "#198"),
    ],
)
def test_a_number_is_called_what_the_design_has_by_it(design, number, name):
    """A call of another design is none here; OpenBSD 7.5 has removed syscall(2) and __syscall(2), so that their numbers are nobody's."""
    assert call_name(design, number) == name


@pytest.mark.parametrize("design", PROMISES)
@pytest.mark.parametrize("row", [(), (-1,), (1, 2, 3, 4, 5, 6, 7)])
def test_any_row_is_told(design, row):
    """A core of somebody's own may have rows of another shape: they are told all the same, on one line."""
    (line,) = lines(design, (row,))
    assert line
    assert "\n" not in line


@pytest.mark.parametrize("design", PROMISES)
def test_every_promise_has_its_words(design):
    """No design is without a name for its guard, its refused places and what its check looks at."""
    assert all(wording(design)[index] for index in (0, 2, 3, 4, 5))
