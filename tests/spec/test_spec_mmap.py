"""mmap and munmap, row by row."""

import pytest

from sysfuzz.program.layout import LAYOUTS, MAX_PAGES
from sysfuzz.spec import ANON, Anywhere, Page

P = 0x1000
R, W, X = 1, 2, 4
RW, RX, RWX = R | W, R | X, R | W | X
SHARED, PRIVATE, COPY, FIXED, RENAME, INHERIT, WIRED = 0x1, 0x2, 0x4, 0x10, 0x20, 0x80, 0x800
MAPANON, NOSYS = 0x1000, 0x10000
HERE = FIXED | MAPANON | PRIVATE
A = 0x10000
VM_MAX = {mode: LAYOUTS[mode].vm_max for mode in LAYOUTS}
TOP = 1 << 64
COPIED, SHARE = 1, 0
BORN = 5  # pages of a process at birth


def aligned(n):
    """MAP_ALIGNED(n)."""
    return n << 24


def fixed(addr, pages, prot=RW, flags=0):
    """A fixed anonymous private mapping."""
    return ("mmap", addr, pages * P, prot, HERE | flags, -1, 0)


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        # 1: unknown bits come first, whatever else is wrong
        (("mmap", A, P, RW, HERE | 0x8, -1, 0), "EINVAL"),
        (("mmap", A, P, RW, HERE | 0x100, -1, 0), "EINVAL"),
        (("mmap", A, P, RW, HERE | 0x4000, -1, 0), "EINVAL"),
        (("mmap", A, P, RW, HERE | 0x800000, -1, 0), "EINVAL"),
        (("mmap", A, P, RW, HERE | NOSYS | INHERIT | 0x8, -1, 0), "EINVAL"),
        (("mmap", A, P, RW, HERE | NOSYS | INHERIT, -1, 0), "EOPNOTSUPP"),
        (("mmap", A, P, RW, HERE | NOSYS | RENAME, -1, 0), "EOPNOTSUPP"),
        (("mmap", A, P, RW, HERE | NOSYS | RENAME | SHARED, -1, 0), "EOPNOTSUPP"),
        (("mmap", A, P, RW, HERE | INHERIT | RENAME, -1, 0), A),
        (("mmap", A, P, 0xFFFF_FFF8 | R, HERE, -1, 0), A),
        # 2
        (("mmap", A, P, RW, FIXED | MAPANON | SHARED | PRIVATE, -1, 0), "EINVAL"),
        (("mmap", A, P, RW, FIXED | MAPANON | SHARED | COPY, -1, 0), "EINVAL"),
        (("mmap", A, P, RW, FIXED | MAPANON | PRIVATE | COPY, -1, 0), A),
        (("mmap", A, P, RW, FIXED | MAPANON, -1, 0), A),
        # 3, 4: the page offset is taken off a fixed address and comes back in the result
        (("mmap", A + 0x123, P, RW, HERE, -1, 0x123), A + 0x123),
        (("mmap", A, P, RW, HERE, -1, 0x123), "EINVAL"),
        (("mmap", A + 1, P, RW, HERE, -1, 0), "EINVAL"),
        (("mmap", 0, P, RW, HERE, -1, 0), "EINVAL"),
        (("mmap", 0x123, P, RW, HERE, -1, 0x123), "EINVAL"),
        (("mmap", P, P, RW, HERE, -1, 0), P),
        (("mmap", VM_MAX["amd64"] - P, P, RW, HERE, -1, 0), VM_MAX["amd64"] - P),
        (("mmap", VM_MAX["amd64"] - P, P + 1, RW, HERE, -1, 0), "EFBIG"),
        (("mmap", VM_MAX["amd64"], P, RW, HERE, -1, 0), "EFBIG"),
        (("mmap", TOP - P, P, RW, HERE, -1, 0), "EOVERFLOW"),
        (("mmap", 2 * P, TOP - P, RW, HERE, -1, 0), "EOVERFLOW"),
        (("mmap", TOP - P, P, RW, HERE, 3, 0), "EOVERFLOW"),
        # 5: descriptors; row 4 comes before them
        (("mmap", A, P, RW, HERE, 3, 0), "EINVAL"),
        (("mmap", 0, P, RW, HERE, 3, 0), "EINVAL"),
        (("mmap", A, P, R, FIXED | PRIVATE, -1, 0), "EBADF"),
        (("mmap", A, P, R, FIXED | PRIVATE, 7, 0), "EBADF"),
        (("mmap", A, P, R, FIXED | PRIVATE, 0x7FFFFFFF, 0), "EBADF"),
        (("mmap", A, P, R, FIXED | PRIVATE, 0, 0), "ENODEV"),
        (("mmap", A, P, R, FIXED | PRIVATE, 2, 0), "ENODEV"),
        (("mmap", A, P, R, FIXED | PRIVATE, 6, 0), "ENODEV"),
        (("mmap", A, P, R, FIXED | PRIVATE, 3, 1 << 63), "EINVAL"),
        (("mmap", A, P, R, FIXED | PRIVATE, 3, (1 << 63) - 2 * P), A),
        (("mmap", A, P, R, FIXED | PRIVATE, 3, (1 << 63) - P), "EOVERFLOW"),
        (("mmap", A, P, RX, FIXED | PRIVATE, 5, 0), "EACCES"),
        (("mmap", A, P, RX, FIXED | PRIVATE, 5, 1 << 63), "EINVAL"),
        (("mmap", A, P, RW, FIXED | SHARED, 5, 0), A),
        (("mmap", A, P, RW, FIXED | SHARED, 4, 0), "EACCES"),
        (("mmap", A, P, RX, FIXED | SHARED, 4, 0), A),
        (("mmap", A, P, RW, FIXED | PRIVATE, 4, 0), A),
        (("mmap", A, P, RWX, FIXED | SHARED, 3, 0), A),
        # 6: nothing is mapped, whatever the alignment, after the checks of rows 4 and 5
        (("mmap", A, 0, RW, HERE | aligned(64), -1, 0), A),
        (("mmap", A + 5, TOP - 5, RW, HERE, -1, 5), A + 5),
        (("mmap", 0, 0, RW, HERE, -1, 0), "EINVAL"),
        (("mmap", A, 0, RW, HERE, 1, 0), "EINVAL"),
        # 7
        (("mmap", A, P, RW, HERE | aligned(64), -1, 0), "EINVAL"),
        (("mmap", A, P, RW, HERE | aligned(255), -1, 0), "EINVAL"),
        (("mmap", A, P, RW, HERE | aligned(11), -1, 0), "EINVAL"),
        (("mmap", A, P, RW, HERE | aligned(1), -1, 0), "EINVAL"),
        (("mmap", A, P, RW, HERE | aligned(47), -1, 0), "ENOMEM"),
        (("mmap", A, P, RW, HERE | aligned(63), -1, 0), "ENOMEM"),
        (("mmap", A, P, RW, HERE | aligned(46), -1, 0), "EINVAL"),
        (("mmap", A, P, RW, HERE | aligned(17), -1, 0), "EINVAL"),
        (("mmap", A, P, RW, HERE | aligned(16), -1, 0), A),
        (("mmap", A, P, RW, HERE | aligned(12), -1, 0), A),
        # 8
        (("mmap", A, (MAX_PAGES - BORN) * P, RW, HERE, -1, 0), A),
        (("mmap", A, (MAX_PAGES - BORN + 1) * P, RW, HERE, -1, 0), "ENOMEM"),
        (("mmap", P, VM_MAX["amd64"] - P, RW, HERE, -1, 0), "ENOMEM"),
        # 9
        (("mmap", A, 64 * P, RW, HERE | WIRED, -1, 0), A),
        (("mmap", A, 65 * P, RW, HERE | WIRED, -1, 0), "ENOMEM"),
        (("mmap", A, 65 * P, 0, HERE | WIRED, -1, 0), A),
    ],
)
def test_mmap_answers(check, call, wanted):
    """Each row of mmap's list answers as the semantics say, and a failing one changes nothing."""
    check([], call, wanted)


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (("mmap", VM_MAX["i386"] - P, P, RW, HERE, -1, 0), VM_MAX["i386"] - P),
        (("mmap", VM_MAX["i386"] - P, 2 * P, RW, HERE, -1, 0), "EFBIG"),
        (("mmap", 0xFFFF_F000, P, RW, HERE, -1, 0), "EOVERFLOW"),
        (("mmap", A, 0xFFFF_FFFF, RW, HERE, -1, 0), A),
        (("mmap", A, P, RW, HERE | aligned(32), -1, 0), "ENOMEM"),
        (("mmap", A, P, RW, HERE | aligned(63), -1, 0), "ENOMEM"),
        (("mmap", A, P, RW, HERE | aligned(64), -1, 0), "EINVAL"),
        (("mmap", 1 << 31, P, RW, HERE | aligned(31), -1, 0), 1 << 31),
        (("mmap", A, P, R, FIXED | PRIVATE, 3, 1 << 62), A),
        (("mmap", A, P, R, FIXED | PRIVATE, 3, 1 << 63), "EINVAL"),
    ],
)
def test_mmap_answers_on_i386(check, call, wanted):
    """Addresses and sizes are 32 bits wide there, offsets 64."""
    check([], call, wanted, "i386")


@pytest.mark.parametrize(
    ("prot", "flags", "fd", "offset", "wanted"),
    [
        (RW, MAPANON | PRIVATE, -1, 0, Page(RW, RWX, COPIED, 0, 0, 0, ANON)),
        (R, MAPANON | SHARED, -1, 0, Page(R, RWX, SHARE, 0, 0, 0, ANON)),
        (R, MAPANON, -1, 0, Page(R, RWX, COPIED, 0, 0, 0, ANON)),
        (R, MAPANON | COPY, -1, 0, Page(R, RWX, COPIED, 0, 0, 0, ANON)),
        (RX | 0x78, MAPANON | NOSYS, -1, 0, Page(RX, RWX, COPIED, 0, 0, 1, ANON)),
        (R, MAPANON | WIRED, -1, 0, Page(R, RWX, COPIED, 0, 1, 0, ANON)),
        (0, MAPANON | WIRED, -1, 0, Page(0, RWX, COPIED, 0, 0, 0, ANON)),
        (R, SHARED, 4, 0x3000, Page(R, RX, SHARE, 0, 0, 0, 3)),
        (RW, PRIVATE, 4, 0x3000, Page(RW, RWX, COPIED, 0, 0, 0, 3)),
        (RW, SHARED, 5, 0, Page(RW, RW, SHARE, 0, 0, 0, 0)),
        (RX, SHARED | NOSYS, 3, 15 * P, Page(RX, RWX, SHARE, 0, 0, 1, 15)),
    ],
)
def test_mmap_makes_pages(play, page, prot, flags, fd, offset, wanted):
    """A new page has the protection, maxprot, inheritance, wiring, attributes and backing that were asked for."""
    expected = play(("mmap", A, 2 * P, prot, FIXED | flags, fd, offset))
    assert page(expected, A) == wanted
    assert page(expected, A + P) == wanted._replace(backing=ANON if fd == -1 else wanted.backing + 1)
    assert page(expected, A - P) is None
    assert page(expected, A + 2 * P) is None


def test_fixed_replaces_what_was_there(play, page):
    """FIXED takes over wiring, attribute and all; the pages around keep theirs."""
    expected = play(fixed(A, 3, RX, NOSYS | WIRED), fixed(A + P, 1))
    assert page(expected, A) == page(expected, A + 2 * P) == Page(RX, RWX, COPIED, 0, 1, 1)
    assert page(expected, A + P) == Page(RW, RWX, COPIED, 0, 0, 0)


def test_replaced_pages_do_not_count_against_the_limits(check):
    """What FIXED replaces is taken off before RLIMIT_AS and RLIMIT_MEMLOCK are looked at."""
    full = fixed(A, MAX_PAGES - BORN)
    check([full], full, A)
    check([full], fixed(A - P, 2), "ENOMEM")
    check([full], fixed(A - P, MAX_PAGES - BORN), "ENOMEM")
    wired = fixed(A, 64, RW, WIRED)
    check([wired], wired, A)
    check([wired], fixed(A - P, 64, RW, WIRED), "ENOMEM")
    check([wired], fixed(A + 64 * P, 1, RW, WIRED), "ENOMEM")


def test_wiredmax_counts_all_processes(check):
    """128 wired pages over all maps: two processes fill it, a third finds nothing left, a shared map counts once."""
    wired = fixed(A, 64, RW, WIRED)
    two = [("fork",), ("fork",), wired, ("as", 2, 0), wired, ("as", 3, 0)]
    check(two, fixed(A, 1, RW, WIRED), "ENOMEM")
    check([*two, ("mlockall", 2)], fixed(A, 1), "ENOMEM")
    check([*two, ("mlockall", 2)], fixed(A, 1, 0), A)
    check([wired, ("vfork",), ("vfork",), ("fork",), ("as", 4, 0)], wired, A)


def test_mcl_future_wires_new_mappings(play, page):
    """With mlockall(MCL_FUTURE) in force what can be touched comes wired."""
    expected = play(("mlockall", 2), fixed(A, 1), fixed(A + P, 1, 0))
    assert page(expected, A).wired == 1
    assert page(expected, A + P).wired == 0


def test_attribute_marks_all_who_share_the_map(play):
    """A mapping with an attribute marks every process that uses the map, and no other; one of size 0 marks nobody."""
    expected = play(("fork",), ("vfork",), fixed(A, 0, RX, NOSYS), fixed(A, 1, RX, NOSYS))
    assert [state.marked for state in expected.steps[2].states] == [False, False, False]
    assert [(state.pid, state.marked) for state in expected.steps[3].states] == [(1, True), (2, False), (3, True)]


@pytest.mark.parametrize("hint", [0, A, A + 1, TOP - 1])
def test_an_open_address_is_adopted(play, page, hint):
    """Without FIXED any free place will do, whatever the hint; the core's is taken over."""
    expected = play(("mmap", hint, 2 * P, RW, MAPANON, -1, 0x123), saw={0: A + 0x123})
    assert expected.steps[0].result == A + 0x123
    assert page(expected, A) is not None
    assert page(expected, A + P) is not None


@pytest.mark.parametrize("answer", [P, VM_MAX["amd64"] - 2 * P])
def test_the_bounds_themselves_are_legal(play, answer):
    """A place may begin at VM_MIN and end at VM_MAX."""
    assert play(("mmap", 0, 2 * P, RW, MAPANON, -1, 0), saw={0: answer}).steps[0].result == answer


@pytest.mark.parametrize(
    ("answer", "flags"),
    [
        ("ENOMEM", 0),
        ("panic", 0),
        (b"\0", 0),
        (0, 0),  # below VM_MIN
        (A + 1, 0),  # not a page
        (LAYOUTS["amd64"].stack, 0),  # taken
        (LAYOUTS["amd64"].stack - P, 0),  # its second page is taken
        (VM_MAX["amd64"] - P, 0),  # ends past VM_MAX
        (VM_MAX["amd64"], 0),
        (A, aligned(20)),  # not aligned
    ],
)
def test_an_illegal_place_is_not_adopted(play, answer, flags):
    """Where the core's place is not legal the expectation stays open, and nothing changes."""
    expected = play(("mmap", 0, 2 * P, RW, MAPANON | flags, -1, 0), saw={0: answer})
    assert expected.steps[0].result == Anywhere(2 * P, 1 << 20 if flags else P, 0)
    assert expected.steps[0].states is expected.boot


def test_no_room_is_enomem(play):
    """Where no place is left an address would be wrong: 2^46 is the one multiple of itself in bounds."""
    only = 1 << 46
    call = ("mmap", 0, P, RW, MAPANON | aligned(46), -1, 0)
    assert play(fixed(only - P, 1), call, saw={1: only}).steps[1].result == only
    assert play(fixed(only, 1), call, saw={1: only}).steps[1].result == "ENOMEM"


@pytest.mark.parametrize(
    ("answer", "wanted"), [(0, Anywhere(0, P, 5)), (5, 5), (A + 5, A + 5), (A + 6, Anywhere(0, P, 5))]
)
def test_a_mapping_of_no_size_may_be_anywhere(play, answer, wanted):
    """Size 0 without FIXED: any page-aligned address plus the page offset, and nothing is mapped."""
    expected = play(("mmap", 0, TOP - 5, RW, MAPANON, -1, 5), saw={0: answer})
    assert expected.steps[0].result == wanted
    assert expected.steps[0].states is expected.boot


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (("munmap", 0, 0), 0),
        (("munmap", A, TOP - 1), 0),  # the size wraps to 0
        (("munmap", A + 1, TOP - 1), 0),
        (("munmap", TOP - 1, 0), "EINVAL"),  # its offset in the page makes this a size of one page
        (("munmap", 0, P), "EINVAL"),
        (("munmap", 0xFFF, 1), "EINVAL"),
        (("munmap", P, P), 0),
        (("munmap", VM_MAX["amd64"], 1), "EINVAL"),
        (("munmap", VM_MAX["amd64"] - 1, 1), 0),
        (("munmap", VM_MAX["amd64"] - 1, 2), "EINVAL"),
        (("munmap", TOP - P, P), "EINVAL"),
        (("munmap", 2 * P, TOP - P), "EINVAL"),
    ],
)
def test_munmap_answers(check, call, wanted):
    """Size 0 is success before the range test; holes do not matter."""
    check([], call, wanted)


def test_munmap_takes_whole_pages(play, page):
    """Every page that the range touches goes, and no other; the mark stays."""
    expected = play(fixed(A, 4, RX, NOSYS), ("munmap", A + P + 5, P))
    assert [page(expected, A + i * P) is None for i in range(4)] == [False, True, True, False]
    assert expected.steps[-1].states[0].marked
    expected = play(fixed(A, 4, RX, NOSYS), ("munmap", P, VM_MAX["amd64"] - P))
    assert expected.steps[-1].states[0].pages == {}
