"""The index of holes, against a dictionary that is walked."""

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from sysfuzz.kernel.holes import Holes
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE

END = LAYOUTS["amd64"].vm_max
# Pages side by side, in one node of the tree, in neighbouring ones and at both ends of the address space.
numbers = st.one_of(
    st.integers(1, 40), st.integers(250, 260), st.integers(0, END // PAGE - 1), st.just(END // PAGE - 1)
)
lengths = st.integers(0, 6)


def plain(known, addr, size):
    """The first hole from `addr` on that has `size` bytes, by looking at all."""
    return min((start for start, length in known.items() if start >= addr and length >= size), default=END)


@given(
    st.lists(st.tuples(numbers, lengths), max_size=40),
    st.lists(st.tuples(numbers, st.integers(1, 6)), min_size=1, max_size=10),
)
@example([(15, 2), (16, 3), (255, 4), (256, 5)], [(1, 3), (16, 4), (256, 5), (256, 6)])
def test_the_first_hole_is_that_of_a_walk(puts, questions):
    """After every change, from each address on and for each size; the last word about a place counts."""
    holes, known = Holes(END), {}
    for number, length in puts:
        holes.put(number * PAGE, length * PAGE)
        known[number * PAGE] = length * PAGE
        for at, size in questions:
            assert holes.first(at * PAGE, size * PAGE) == plain(known, at * PAGE, size * PAGE)


@given(st.lists(st.tuples(numbers, st.integers(1, 6)), max_size=20))
def test_nothing_is_kept_of_holes_that_are_gone(puts):
    """When the last one is filled the tree is empty, however many there were."""
    holes = Holes(END)
    for number, length in puts:
        holes.put(number * PAGE, length * PAGE)
    for number, _ in puts:
        holes.put(number * PAGE, 0)
    assert holes._levels == Holes(END)._levels


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_the_whole_address_space_has_room_in_the_tree(mode):
    """The last page can be a hole, and there is none behind the end."""
    end = LAYOUTS[mode].vm_max
    holes = Holes(end)
    assert holes.first(0, PAGE) == end
    holes.put(end - PAGE, PAGE)
    assert holes.first(0, PAGE) == end - PAGE
    assert holes.first(end, PAGE) == end
