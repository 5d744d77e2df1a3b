"""mremap, row by row."""

import pytest

from sysfuzz.program.layout import LAYOUTS, MAX_PAGES
from sysfuzz.spec import ANON, Anywhere, Page

P = 0x1000
R, W, X = 1, 2, 4
RW, RX, RWX = R | W, R | X, R | W | X
ANON_FIXED, SHARED, PRIVATE, FIXED, WIRED, NOSYS = 0x1012, 0x1, 0x2, 0x10, 0x800, 0x10000
A, B = 0x10000, 0x40000
VM_MAX = LAYOUTS["amd64"].vm_max
TOP = 1 << 64


def aligned(n):
    """MAP_ALIGNED(n)."""
    return n << 24


def fixed(addr, pages, prot=RW, flags=0):
    """A fixed anonymous private mapping."""
    return ("mmap", addr, pages * P, prot, ANON_FIXED | flags, -1, 0)


TWO = [fixed(A, 2)]
HOLED = [fixed(A, 1), fixed(A + 2 * P, 1)]
BLOCKED = [fixed(A, 2), fixed(A + 2 * P, 1)]  # no room to grow in place


@pytest.mark.parametrize(
    ("setup", "call", "wanted"),
    [
        # arguments
        (TWO, ("mremap", A, P, B, P, 0x1), "EINVAL"),
        (TWO, ("mremap", A, P, B, P, 0x1000 | FIXED), "EINVAL"),
        (TWO, ("mremap", A, P, B, P, 0x4), "EINVAL"),
        (TWO, ("mremap", A, P, B, P, NOSYS), "EINVAL"),
        (TWO, ("mremap", A + 1, P, B, P, 0), "EINVAL"),
        (TWO, ("mremap", A, P, B + 1, P, FIXED), "EINVAL"),
        (TWO, ("mremap", A, P, B + 1, P, 0), A),
        (TWO, ("mremap", A, 0, B, P, 0), "EINVAL"),
        (TWO, ("mremap", A, P, B, 0, 0), "EINVAL"),
        (TWO, ("mremap", A, TOP - 1, B, P, 0), "EINVAL"),
        (TWO, ("mremap", A, P, B, TOP - 1, 0), "EINVAL"),
        ([], ("mremap", 0, P, B, P, 0), "EINVAL"),
        ([], ("mremap", VM_MAX - P, 2 * P, B, P, 0), "EINVAL"),
        ([], ("mremap", TOP - P, P, B, P, 0), "EINVAL"),
        ([], ("mremap", A, TOP - A, B, P, 0), "EINVAL"),
        # alignment against new
        (TWO, ("mremap", A, P, B, P, aligned(64)), "EINVAL"),
        (TWO, ("mremap", A, P, B, P, aligned(11)), "EINVAL"),
        (TWO, ("mremap", A, P, B, P, aligned(47)), "ENOMEM"),
        (TWO, ("mremap", A, P, B, P, aligned(19) | FIXED), "EINVAL"),
        (TWO, ("mremap", A, P, B, P, aligned(18) | FIXED), B),
        (TWO, ("mremap", A, P, B + P, P, aligned(16)), A),
        # it stays: no look at what is mapped
        (TWO, ("mremap", A, 2 * P, B, 2 * P, 0), A),
        (TWO, ("mremap", A, 2 * P, B, P + 1, 0), A),
        (TWO, ("mremap", A, 2 * P, A, 2 * P, FIXED), A),
        ([], ("mremap", A, 2 * P, B, 2 * P, 0), A),
        ([], ("mremap", A, 2 * P, B, P, 0), A),
        ([], ("mremap", A, 2 * P, A, P, FIXED), A),
        ([], ("mremap", P, VM_MAX - P, B, P, 0), P),
        # from here the old range must be mapped
        ([], ("mremap", A, P, B, 2 * P, 0), "EINVAL"),
        ([], ("mremap", A, P, B, P, FIXED), "EINVAL"),
        (HOLED, ("mremap", A, 3 * P, B, 4 * P, 0), "EINVAL"),
        (HOLED, ("mremap", A, 3 * P, B, P, FIXED), "EINVAL"),
        ([*HOLED, fixed(B, 1)], ("mremap", A, 3 * P, B, 3 * P, FIXED), "EINVAL"),
        (TWO, ("mremap", A, 2 * P, B, (MAX_PAGES - 5) * P, 0), A),
        (TWO, ("mremap", A, 2 * P, B, (MAX_PAGES - 4) * P, 0), "ENOMEM"),
        (TWO, ("mremap", A, 2 * P, B, (MAX_PAGES - 4) * P, FIXED), "ENOMEM"),
        ([fixed(A, MAX_PAGES - 5)], ("mremap", A, P, B + MAX_PAGES * P, P, FIXED), B + MAX_PAGES * P),
        # growing in place
        (TWO, ("mremap", A, 2 * P, B, 3 * P, 0), A),
        (TWO, ("mremap", A + P, P, B, 3 * P, 0), A + P),
        (TWO, ("mremap", A, 2 * P, A, 3 * P, FIXED), A),
        (BLOCKED, ("mremap", A, 2 * P, A, 3 * P, FIXED), "ENOMEM"),
        ([fixed(A, 2), fixed(A + 3 * P, 1)], ("mremap", A, 2 * P, A, 3 * P, FIXED), A),
        ([fixed(A, 2), fixed(A + 3 * P, 1)], ("mremap", A, 2 * P, A, 4 * P, FIXED), "ENOMEM"),
        ([fixed(VM_MAX - P, 1)], ("mremap", VM_MAX - P, P, VM_MAX - P, 2 * P, FIXED), "ENOMEM"),
        # moving to a fixed place
        (TWO, ("mremap", A, 2 * P, B, 2 * P, FIXED), B),
        (TWO, ("mremap", A, 2 * P, B, P, FIXED), B),
        (TWO, ("mremap", A, 2 * P, B, 5 * P, FIXED), B),
        (TWO, ("mremap", A, 2 * P, A + P, 2 * P, FIXED), "ENOMEM"),
        (TWO, ("mremap", A, 2 * P, A - P, 2 * P, FIXED), "ENOMEM"),
        (TWO, ("mremap", A, 2 * P, A - 2 * P, 2 * P, FIXED), A - 2 * P),
        ([*TWO, fixed(B + P, 1)], ("mremap", A, 2 * P, B, 2 * P, FIXED), "ENOMEM"),
        (TWO, ("mremap", A, 2 * P, 0, 2 * P, FIXED), "ENOMEM"),
        (TWO, ("mremap", A, 2 * P, VM_MAX - P, 2 * P, FIXED), "ENOMEM"),
        (TWO, ("mremap", A, 2 * P, TOP - P, 2 * P, FIXED), "ENOMEM"),
    ],
)
def test_mremap_answers(check, setup, call, wanted):
    """Each row answers as the semantics say, and a failing one changes nothing."""
    check(setup, call, wanted)


def layout(expected, first, count):
    """Which of `count` pages from `first` are mapped."""
    pages = expected.steps[-1].states[0].pages
    return [first // P + i in pages for i in range(count)]


def test_shrinking_unmaps_the_tail(play):
    """Only the tail goes; staying with what is not mapped maps nothing."""
    expected = play(fixed(A, 5), ("mremap", A, 4 * P, 0, 2 * P, 0))
    assert layout(expected, A, 6) == [True, True, False, False, True, False]
    assert play(("mremap", A, P, B, P, 0)).steps[0].states[0].pages == play().boot[0].pages


def test_growing_in_place_continues_the_last_page(play, page):
    """Grown pages have all traits of the last old page but its wiring; the old pages keep theirs."""
    expected = play(
        fixed(A, 1),
        fixed(A + P, 1, RX, NOSYS | WIRED),
        ("minherit", A + P, P, 4),
        ("madvise", A + P, P, 1),
        ("mremap", A, 2 * P, 0, 4 * P, 0),
    )
    assert page(expected, A) == Page(RW, RWX, 1, 0, 0, 0)
    assert page(expected, A + P) == Page(RX, RWX, 4, 1, 1, 1)
    assert page(expected, A + 2 * P) == page(expected, A + 3 * P) == Page(RX, RWX, 4, 1, 0, 1)
    assert page(expected, A + 4 * P) is None


def test_growing_a_file_goes_on_in_it(play, page):
    """The next pages of the file follow, in place and when moved, past its end as well."""
    for new, flags in ((A, 0), (B, FIXED)):
        expected = play(("mmap", A, 2 * P, R, SHARED | FIXED, 4, 14 * P), ("mremap", A, 2 * P, new, 4 * P, flags))
        assert [page(expected, new + i * P).backing for i in range(4)] == [14, 15, 16, 17]
        assert {page(expected, new + i * P)._replace(backing=ANON) for i in range(4)} == {Page(R, RX, 0, 0, 0, 0)}


def test_moving_carries_every_trait_but_wiring(play, page):
    """Protection, maxprot, inheritance, advice, attributes and backing move along; the old range is gone."""
    expected = play(
        fixed(A, 1, RX, NOSYS | WIRED),
        ("mmap", A + P, P, R, SHARED | FIXED, 4, 0),
        ("madvise", A, P, 2),
        ("minherit", A, P, 2),
        ("mremap", A, 2 * P, B, 3 * P, FIXED),
    )
    assert page(expected, B) == Page(RX, RWX, 2, 2, 0, 1)
    assert page(expected, B + P) == Page(R, RX, 0, 0, 0, 0, 0)
    assert page(expected, B + 2 * P) == Page(R, RX, 0, 0, 0, 0, 1)
    assert layout(expected, A, 3) == [False, False, False]


def test_moving_to_a_smaller_place_drops_the_tail(play):
    """All of the old range goes, and no more than the new size arrives."""
    expected = play(fixed(A, 3), ("mremap", A, 3 * P, B, P, FIXED))
    assert layout(expected, A, 3) == [False, False, False]
    assert layout(expected, B, 2) == [True, False]


def test_an_open_move_is_adopted(play, page):
    """Without FIXED, what cannot grow in place moves to any free place; an aligned one if so asked."""
    setup = [fixed(A, 2, RX, NOSYS), fixed(A + 2 * P, 1)]
    grow = ("mremap", A, 2 * P, 0, 3 * P, 0)
    expected = play(*setup, grow, saw={2: B})
    assert expected.steps[2].result == B
    assert page(expected, B + 2 * P) == Page(RX, RWX, 1, 0, 0, 1)
    assert page(expected, A) is None
    for answer in (A, A + P, A - P, "EINVAL", "ENOMEM", 0):
        expected = play(*setup, grow, saw={2: answer})
        assert expected.steps[2].result == Anywhere(3 * P, P, 0)
        assert expected.steps[2].states is expected.steps[1].states
    misaligned = ("mremap", A, 2 * P, 0, P, aligned(17))  # smaller, but not where it is
    assert play(*setup, misaligned, saw={2: B}).steps[2].result == B
    assert play(*setup, misaligned, saw={2: A}).steps[2].result == Anywhere(P, 1 << 17, 0)


def test_growing_in_place_is_no_choice(play):
    """Where it can grow in place the result is the old address, whatever the core answered."""
    expected = play(fixed(A, 2), ("mremap", A, 2 * P, 0, 3 * P, 0), saw={1: B})
    assert expected.steps[1].result == A
    assert layout(expected, A, 3) == [True, True, True]


def test_an_open_move_without_room_is_enomem(play):
    """Room is looked for while the old range is still there."""
    only = 1 << 46
    move = ("mremap", A, P, 0, P, aligned(46))
    assert play(fixed(A, 1), move, saw={1: only}).steps[1].result == only
    assert play(fixed(A, 1), fixed(only, 1), move, saw={2: A}).steps[2].result == "ENOMEM"


def test_mremap_on_i386(check):
    """Sizes and addresses wrap at 32 bits."""
    check(TWO, ("mremap", A, P, B, 0xFFFF_FFFF, 0), "EINVAL", "i386")
    check(TWO, ("mremap", A, P, 1 << 31, P, FIXED | aligned(31)), 1 << 31, "i386")
    check(TWO, ("mremap", A, P, B, P, aligned(32)), "ENOMEM", "i386")
