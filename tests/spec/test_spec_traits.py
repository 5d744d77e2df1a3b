"""mprotect, minherit, madvise, msync and mincore, row by row."""

import pytest

from sysfuzz.program.layout import LAYOUTS
from sysfuzz.spec import Page

P = 0x1000
R, W, X = 1, 2, 4
RW, RX, RWX = R | W, R | X, R | W | X
ANON_FIXED, SHARED, PRIVATE, FIXED, WIRED, NOSYS = 0x1012, 0x1, 0x2, 0x10, 0x800, 0x10000
A = 0x10000
VM_MAX = LAYOUTS["amd64"].vm_max
TOP = 1 << 64


def fixed(addr, pages, prot=RW, flags=0):
    """A fixed anonymous private mapping."""
    return ("mmap", addr, pages * P, prot, ANON_FIXED | flags, -1, 0)


HOLED = [fixed(A, 1), fixed(A + 2 * P, 1)]  # a hole at A + P


@pytest.mark.parametrize("call", ["mprotect", "minherit", "madvise", "msync", "mlock", "munlock"])
@pytest.mark.parametrize(
    ("addr", "length"),
    [
        (0, P),
        (0xFFF, 1),
        (VM_MAX - P, P + 1),
        (VM_MAX, 1),
        (VM_MAX + P, 0),
        (TOP - P, P),
        (A, TOP - A),
        (P, VM_MAX),
    ],
)
def test_ranges_out_of_bounds(check, call, addr, length):
    """All these calls share the range test: below VM_MIN, past VM_MAX or wrapped is EINVAL."""
    last = () if call in ("mlock", "munlock") else (1,)
    check([], (call, addr, length, *last), "EINVAL")


@pytest.mark.parametrize(
    ("setup", "call", "wanted"),
    [
        ([fixed(A, 2)], ("mprotect", A, 2 * P, RX), 0),
        ([fixed(A, 2)], ("mprotect", A, 2 * P, 0xFFFF_FFF8), 0),
        (HOLED, ("mprotect", A, 3 * P, R), 0),
        ([], ("mprotect", A, P, R), 0),
        ([], ("mprotect", P, VM_MAX - P, RWX), 0),
        ([], ("mprotect", VM_MAX, 0, R), 0),
        ([fixed(A, 1), ("mmap", A + P, P, R, SHARED | FIXED, 4, 0)], ("mprotect", A, 2 * P, RW), "EACCES"),
        ([("mmap", A, P, R, PRIVATE | FIXED, 5, 0)], ("mprotect", A, P, RX), "EACCES"),
        ([("mmap", A, P, R, PRIVATE | FIXED, 4, 0)], ("mprotect", A, P, RWX), 0),
        ([fixed(A, 64, 0), ("mlockall", 2)], ("mprotect", A, 64 * P, R), 0),
        ([fixed(A, 65, 0), ("mlockall", 2)], ("mprotect", A, 65 * P, R), "ENOMEM"),
        ([fixed(A, 65, 0), ("mlockall", 2)], ("mprotect", A, 65 * P, 0), 0),
        ([fixed(A, 65, R), ("mlockall", 2)], ("mprotect", A, 65 * P, RX), 0),
        ([fixed(A, 65, 0)], ("mprotect", A, 65 * P, R), 0),
    ],
)
def test_mprotect_answers(check, setup, call, wanted):
    """Holes are skipped; maxprot and the limits of MCL_FUTURE are not."""
    check(setup, call, wanted)


def test_mprotect_sets_the_protection_alone(play, page):
    """Attributes, wiring and the neighbours stay; only the low three bits count."""
    expected = play(fixed(A, 3, RX, NOSYS | WIRED), ("mprotect", A + P, 1, 0x40 | R))
    assert page(expected, A) == page(expected, A + 2 * P) == Page(RX, RWX, 1, 0, 1, 1)
    assert page(expected, A + P) == Page(R, RWX, 1, 0, 1, 1)


def test_mprotect_under_mcl_future_wires_what_was_none(play, page):
    """NONE to something becomes wired once; what was usable or wired before is left as it was."""
    expected = play(
        fixed(A, 2, 0),
        fixed(A + 2 * P, 1),
        fixed(A + 3 * P, 1, RW, WIRED),
        ("mprotect", A + 3 * P, P, 0),
        ("mlockall", 2),
        ("mprotect", A + P, 3 * P, R),
    )
    assert [page(expected, A + i * P).wired for i in range(4)] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("setup", "call", "wanted"),
    [
        *[([fixed(A, 1)], ("minherit", A, P, value), 0) for value in (0, 1, 2, 4)],
        *[([fixed(A, 1)], ("minherit", A, P, value), "EINVAL") for value in (3, 5, 0xFFFF_FFFF)],
        (HOLED, ("minherit", A, 3 * P, 0), 0),
        ([], ("minherit", A, 0, 3), "EINVAL"),
        *[([fixed(A, 1)], ("madvise", A, P, value), 0) for value in (0, 1, 2, 3, 4, 6)],
        *[([fixed(A, 1)], ("madvise", A, P, value), "EINVAL") for value in (5, 7, 0xFFFF_FFFF)],
        *[(HOLED, ("madvise", A, 3 * P, value), 0) for value in (0, 1, 2, 3)],
        *[(HOLED, ("madvise", A, 3 * P, value), "EFAULT") for value in (4, 6)],
        *[([], ("madvise", A, P, value), "EFAULT") for value in (4, 6)],
        *[([], ("madvise", A, 0, value), "EFAULT") for value in (4, 6)],
        ([fixed(A, 2, RW, WIRED)], ("madvise", A, P, 6), "EBUSY"),
        ([fixed(A, 2, RW, WIRED)], ("madvise", A, P, 4), 0),
        ([fixed(A, 2, RW, WIRED)], ("madvise", A, 0, 6), 0),
        ([fixed(A, 1, RW, WIRED)], ("madvise", A, 2 * P, 6), "EFAULT"),
    ],
)
def test_minherit_and_madvise_answer(check, setup, call, wanted):
    """Known values succeed; DONTNEED and FREE need the whole range mapped, FREE unwired too."""
    check(setup, call, wanted)


def test_minherit_and_madvise_set_one_field(play, page):
    """One field of the pages of the range changes; WILLNEED, DONTNEED and FREE change none."""
    expected = play(
        fixed(A, 3, RX, NOSYS),
        ("minherit", A + P, 1, 4),
        ("madvise", A + P, 1, 2),
        ("madvise", A, 3 * P, 3),
        ("madvise", A, 3 * P, 4),
        ("madvise", A, 3 * P, 6),
    )
    assert page(expected, A) == page(expected, A + 2 * P) == Page(RX, RWX, 1, 0, 0, 1)
    assert page(expected, A + P) == Page(RX, RWX, 4, 2, 0, 1)


@pytest.mark.parametrize(
    ("setup", "call", "wanted"),
    [
        *[([fixed(A, 1)], ("msync", A, P, flags), 0) for flags in (1, 2, 4, 3, 6)],
        *[([fixed(A, 1)], ("msync", A, P, flags), "EINVAL") for flags in (0, 5, 7, 8, 0xC)],
        ([fixed(A, 1)], ("msync", 0, P, 8), "EINVAL"),
        ([fixed(A, 1)], ("msync", A, 0, 4), 0),
        ([], ("msync", A, 0, 4), "EINVAL"),
        ([], ("msync", A, P, 4), "EFAULT"),
        (HOLED, ("msync", A, 3 * P, 4), "EFAULT"),
        (HOLED, ("msync", A, 3 * P, 6), "EFAULT"),
        ([fixed(A, 1, RW, WIRED)], ("msync", A, P, 4), 0),
        ([fixed(A, 1, RW, WIRED)], ("msync", A, P, 2), "EBUSY"),
        ([fixed(A, 1, RW, WIRED)], ("msync", A, 0, 6), "EBUSY"),
        ([fixed(A, 1), fixed(A + P, 1, RW, WIRED)], ("msync", A, 2 * P, 2), "EBUSY"),
        ([fixed(A, 1), fixed(A + P, 1, RW, WIRED)], ("msync", A, 0, 2), 0),
    ],
)
def test_msync_answers(check, setup, call, wanted):
    """Flags before range, size 0 by the mapping at addr, holes EFAULT, INVALIDATE of wired pages EBUSY."""
    check(setup, call, wanted)


STACK = LAYOUTS["amd64"].stack


@pytest.mark.parametrize(
    ("setup", "call", "wanted"),
    [
        ([fixed(A, 2)], ("mincore", A, 2 * P, STACK), 0),
        ([fixed(A, 2)], ("mincore", A, P + 1, STACK), 0),
        ([fixed(A, 2)], ("mincore", A + 1, P, STACK), "EINVAL"),
        ([fixed(A, 2)], ("mincore", A, 0, STACK), "EINVAL"),
        ([fixed(A, 2)], ("mincore", A, TOP - A, STACK), "EINVAL"),
        ([fixed(A, 2)], ("mincore", A, TOP - 1, STACK), "EINVAL"),
        ([fixed(A, 2)], ("mincore", A, 3 * P, STACK), "ENOMEM"),
        ([], ("mincore", 0, P, STACK), "ENOMEM"),
        ([], ("mincore", VM_MAX, P, STACK), "ENOMEM"),
        ([], ("mincore", 0, P, 0), "EFAULT"),
        ([fixed(A, 2, R)], ("mincore", A, P, A), "EFAULT"),
        ([fixed(A, 2)], ("mincore", A, 2 * P, A + 2 * P - 2), 0),
        ([fixed(A, 2)], ("mincore", A, 2 * P, A + 2 * P - 1), "EFAULT"),
        ([fixed(A, 1), fixed(A + P, 1, R)], ("mincore", A, 2 * P, A + P - 1), "EFAULT"),
        ([fixed(A, 2)], ("mincore", A, 1 << 62, STACK), "EFAULT"),
        ([fixed(A, 2)], ("mincore", A, P, TOP - 1), "EFAULT"),
        ([("mmap", A, P, RW, PRIVATE | FIXED, 3, 16 * P)], ("mincore", A, P, A), "EFAULT"),
        ([("mmap", A, P, RW, PRIVATE | FIXED, 3, 15 * P)], ("mincore", A, P, A), 0),
    ],
)
def test_mincore_answers(check, setup, call, wanted):
    """Arguments, then the vector, then the pages; there is no range test."""
    check(setup, call, wanted)
