"""Core and spec side by side: when a mark is missed, when a page differs in the field that matters."""

import pytest

from sysfuzz.findings.sides import EXACT_MARK, Both, both, differs, unborn
from sysfuzz.findings.timeline import Place, Point
from sysfuzz.oracles.case import MARK
from sysfuzz.program.outcome import Region, View
from sysfuzz.spec.expect import State
from sysfuzz.spec.pages import Page

RX = (5, 7, 1, 0, 0)  # as a plain mmap makes it
PROCESS = Place(1, -1)


def point(core_marked, core_attributes, marked, attributes):
    """Process 1 with one page: its mark and the page's attributes in the core, and by the spec."""
    view = View(1, core_marked, (Region(0x10000, 0x11000, *RX, core_attributes),))
    state = State(1, marked, {0x10: Page(*RX, attributes)})
    return Point(0, -1, 1, "munlockall", (), 0, 0, (view,), (state,), ())


@pytest.mark.parametrize(
    ("situation", "missed", "exact"),
    [
        (point(True, 1, True, 1), False, False),
        (point(False, 1, True, 1), True, True),
        # The core has lost the attribute: that the mark is gone as well is no further bug.
        (point(False, 0, True, 1), False, True),
        # A mark that comes early or stays late protects too much, which only the lock oracle minds.
        (point(True, 0, False, 0), False, True),
        (point(False, 0, True, 0), False, True),
    ],
)
def test_marks(situation, missed, exact):
    """A mark is missed where both sides have an attribute; asked exactly, any difference counts."""
    assert differs(situation, PROCESS, MARK) == missed
    assert differs(situation, PROCESS, EXACT_MARK) == exact


def test_fields_of_a_page():
    """A page differs in the field that is asked about, or not; its text tells all of it."""
    situation = point(True, 1, True, 0)
    place = Place(1, 0x10)
    assert differs(situation, place, "attributes")
    assert not differs(situation, place, "prot")
    assert both(situation, place, "prot") == Both("r-x no-syscalls", "r-x")
    assert not differs(situation, Place(1, 0x11), "mapped")


def test_processes():
    """Whether a process lives is asked of both sides; before the boot nothing does."""
    situation = point(True, 0, True, 0)
    assert both(situation, PROCESS, "alive") == Both("alive", "alive")
    assert both(situation, Place(2, -1), "alive") == unborn(PROCESS, "alive") == Both("gone", "gone")
    assert unborn(PROCESS, MARK) == Both("unmarked", "unmarked")
    assert unborn(Place(1, 0x10), "attributes") == Both("unmapped", "unmapped")
