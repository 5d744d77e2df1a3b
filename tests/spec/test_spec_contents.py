"""What memory holds: zeros, what was poked, what calls do with it; and where nobody knows."""

import pytest

from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE
from sysfuzz.spec import AnyBytes

P = PAGE
RW = 3
SHARED, PRIVATE, FIXED, ANON = 0x1, 0x2, 0x10, 0x1000
A, B = 0x10000, 0x40000
SHARE, COPY, NONE, ZERO = 0, 1, 2, 4
FREE = 6
STACK, TRAMPOLINE = LAYOUTS["amd64"].stack, LAYOUTS["amd64"].trampoline

DATA = b"\x41\x42"
ZEROS = b"\0\0"
UNKNOWN = AnyBytes(2)


def fixed(addr, pages, flags=PRIVATE, fd=-1, offset=0):
    """A fixed mapping, anonymous without a descriptor."""
    return ("mmap", addr, pages * P, RW, flags | FIXED | (ANON if fd == -1 else 0), fd, offset)


def poke(addr, data=DATA):
    """A loader's write."""
    return ("poke", addr, data)


def child(inherit, *calls):
    """Calls of a child that has inherited page A, which was poked before the fork, so."""
    return [fixed(A, 1), poke(A), ("minherit", A, P, inherit), ("fork",), ("as", 2, 0), *calls]


MOVE = ("mremap", A, 2 * P, B, 2 * P, FIXED)


@pytest.mark.parametrize(
    ("calls", "addr", "wanted"),
    [
        ([fixed(A, 2)], A + P - 1, ZEROS),
        ([fixed(A, 2, SHARED)], A, ZEROS),
        ([], STACK, ZEROS),
        ([], TRAMPOLINE, UNKNOWN),
        ([poke(TRAMPOLINE)], TRAMPOLINE, UNKNOWN),
        ([fixed(TRAMPOLINE, 1)], TRAMPOLINE, ZEROS),
        ([fixed(A, 2), poke(A)], A, DATA),
        ([fixed(A, 2), poke(A)], A + 1, DATA[1:] + b"\0"),
        ([fixed(A, 2), poke(A + P - 1)], A + P - 1, DATA),
        ([fixed(A, 2), poke(A), poke(A + 1, b"\x43")], A, b"\x41\x43"),
        ([fixed(A, 1), fixed(A + P, 1, fd=3), poke(A + P - 1)], A + P - 1, DATA),
        # gone, and mapped again
        ([fixed(A, 2), poke(A + P), ("munmap", A + P, P), fixed(A + P, 1)], A + P, ZEROS),
        ([fixed(A, 2), poke(A + P), fixed(A + P, 1)], A + P, ZEROS),
        ([fixed(A, 2), poke(A + P), fixed(A, 1)], A + P, DATA),
        ([fixed(A, 3), poke(A + 2 * P), ("munmap", A, P)], A + 2 * P, DATA),
        ([fixed(A, 2), poke(A + P), ("mremap", A, 2 * P, 0, P, 0), fixed(A + P, 1)], A + P, ZEROS),
        ([fixed(A, 1), poke(A), ("munmap", A, 0)], A, DATA),
        ([fixed(A, 1), poke(A), ("munmap", 0, P)], A, DATA),  # fails
        # moved and grown
        ([fixed(A, 2), poke(A + P), MOVE], B + P, DATA),
        ([fixed(A, 2), poke(A + P), MOVE], B, ZEROS),
        ([fixed(A, 2), poke(A), MOVE, fixed(A, 1)], A, ZEROS),
        ([fixed(A, 2), poke(A + P), ("mremap", A, 2 * P, B, P, FIXED), fixed(B + P, 1)], B + P, ZEROS),
        ([fixed(A, 1), poke(A), ("mremap", A, P, 0, 2 * P, 0)], A, DATA),
        ([fixed(A, 1), poke(A), ("mremap", A, P, 0, 2 * P, 0)], A + P, ZEROS),
        ([("mremap", TRAMPOLINE, P, 0, 2 * P, 0)], TRAMPOLINE + P, UNKNOWN),
        # inherited
        (child(COPY), A, DATA),
        (child(COPY, poke(A, b"\x43"), ("as", 1, 0)), A, DATA),
        (child(COPY, ("as", 1, 0), poke(A, b"\x43"), ("as", 2, 0)), A, DATA),
        (child(SHARE), A, DATA),
        (child(SHARE, poke(A, b"\x43"), ("as", 1, 0)), A, b"\x43\x42"),
        (child(SHARE, poke(A, b"\x43"), ("munmap", A, P), fixed(A, 1), poke(A, b"\x44"), ("as", 1, 0)), A, b"\x43\x42"),
        (child(ZERO), A, ZEROS),
        (child(NONE, fixed(A, 1)), A, ZEROS),
        ([fixed(A, 1, SHARED), ("fork",), poke(A), ("as", 2, 0)], A, DATA),
        ([fixed(A, 1), ("vfork",), ("as", 2, 0), poke(A), ("as", 1, 0)], A, DATA),
        ([poke(STACK), ("exec",)], STACK, ZEROS),
        ([("vfork",), ("as", 2, 0), poke(STACK), ("exec",), ("as", 1, 0)], STACK, DATA),
        # files: one page for all who share it, shown by a private mapping until it is written
        ([fixed(A, 1, fd=3)], A, ZEROS),
        ([fixed(A, 1, fd=3), poke(A)], A, DATA),
        ([fixed(A, 1, SHARED, 3), fixed(B, 1, SHARED, 3), poke(A)], B, DATA),
        ([fixed(A, 1, SHARED, 3), poke(A), ("munmap", A, P), fixed(B, 1, SHARED, 3)], B, DATA),
        ([fixed(A, 1, SHARED, 3), fixed(B, 1, SHARED, 5), poke(A)], B, ZEROS),
        ([fixed(A, 1, SHARED, 3), fixed(B, 1, SHARED, 3, P), poke(A)], B, ZEROS),
        ([fixed(A, 2, SHARED, 3, P), fixed(B, 1, SHARED, 3, 2 * P), poke(A + P)], B, DATA),
        ([fixed(A, 1, SHARED, 3), fixed(B, 1, fd=3), poke(A)], B, DATA),
        ([fixed(A, 1, SHARED, 3), fixed(B, 1, 0, 3), poke(A)], B, DATA),
        ([fixed(A, 1, SHARED, 3), fixed(B, 1, fd=3), poke(B)], A, ZEROS),
        ([fixed(A, 1, SHARED, 3), fixed(B, 1, fd=3), poke(B, b"\x43"), poke(A)], B, b"\x43\0"),
        ([fixed(A, 1, SHARED, 3), fixed(B, 1, fd=3), poke(A), poke(B + 1, b"\x43")], B, b"\x41\x43"),
        ([fixed(A, 1, SHARED, 3), fixed(B, 1, 0x4, 3), poke(B)], A, ZEROS),  # COPY is private
        ([fixed(A, 2, fd=3), poke(A + P), ("munmap", A + P, P), fixed(A + P, 1, fd=3, offset=P)], A + P, ZEROS),
        ([fixed(A, 2, SHARED, 3), poke(A + P), MOVE], B + P, DATA),
        ([fixed(A, 1, SHARED, 3), fixed(B, 2, SHARED, 3), poke(B + P), ("mremap", A, P, A, 2 * P, 0)], A + P, DATA),
        ([fixed(A, 1, fd=3), fixed(B, 2, SHARED, 3), poke(B + P), ("mremap", A, P, A, 2 * P, 0)], A + P, DATA),
        ([fixed(A, 1, fd=3), fixed(B, 2, SHARED, 3), ("mremap", A, P, A, 2 * P, 0), poke(A + P)], B + P, ZEROS),
        ([fixed(A, 1, SHARED, 3), poke(A), ("madvise", A, P, FREE)], A, DATA),
        ([fixed(A, 1, fd=3), poke(A), ("madvise", A, P, FREE)], A, DATA),
        ([fixed(A, 1, SHARED, 3), ("fork",), poke(A), ("as", 2, 0)], A, DATA),
        ([fixed(A, 1, fd=3), poke(A), ("fork",), poke(A, b"\x43"), ("as", 2, 0)], A, DATA),
        ([fixed(A, 1, fd=3), ("fork",), poke(A), ("as", 2, 0)], A, ZEROS),
        ([fixed(A, 1, fd=3), fixed(B, 1, SHARED, 3), ("fork",), poke(B), ("as", 2, 0)], A, DATA),
        ([fixed(A, 1, fd=3), ("minherit", A, P, SHARE), ("fork",), poke(A), ("as", 2, 0)], A, DATA),
        ([fixed(A, 1, SHARED, 3), ("minherit", A, P, COPY), ("fork",), poke(A), ("as", 2, 0)], A, DATA),
        ([fixed(A, 1, SHARED, 3), ("minherit", A, P, COPY), ("fork",), ("as", 2, 0), poke(A), ("as", 1, 0)], A, ZEROS),
        ([fixed(A, 1, SHARED, 3), poke(A), ("minherit", A, P, ZERO), ("fork",), ("as", 2, 0)], A, ZEROS),
        ([fixed(A, 1, SHARED, 3), poke(A), ("exec",), fixed(A, 1, SHARED, 3)], A, DATA),
        ([fixed(A, 1, SHARED, 3), ("run", A, 0), fixed(A, 1, SHARED, 3)], A, UNKNOWN),
        ([fixed(A, 1), ("run", A, 0), fixed(B, 1, fd=3)], B, UNKNOWN),
        ([fixed(A, 1, SHARED, 3), fixed(B, 1, SHARED, 3), ("mincore", A, P, A)], B, UNKNOWN),
        ([fixed(A, 1, SHARED, 3), fixed(B, 1, fd=3), ("mincore", A, P, B)], A, ZEROS),
        # dropped
        ([fixed(A, 1), poke(A), ("madvise", A, P, FREE)], A, ZEROS),
        ([fixed(A, 2), poke(A + P), ("madvise", A, P, FREE)], A + P, DATA),
        ([fixed(A, 1, SHARED), poke(A), ("madvise", A, P, FREE)], A, DATA),
        ([fixed(A, 1), poke(A), ("madvise", A, P, 4)], A, DATA),
        (child(SHARE, ("minherit", A, P, COPY), ("madvise", A, P, FREE), ("as", 1, 0)), A, UNKNOWN),
        # written by others
        ([fixed(A, 2), ("mincore", A, P, A + P)], A + P, UNKNOWN),
        ([fixed(A, 2), ("mincore", A, P, A + P), poke(A + P)], A + P, UNKNOWN),
        ([fixed(A, 2), ("mincore", A, P, A + P)], A, ZEROS),
        ([fixed(A, 1), poke(A), ("run", A, 0)], A, UNKNOWN),
        ([fixed(A, 1), ("run", A, 0), poke(A)], A, UNKNOWN),
        ([fixed(A, 1), ("run", A, 0), fixed(A, 1)], A, ZEROS),
    ],
)
def test_contents(play, calls, addr, wanted):
    """What a peek must find after some calls."""
    expected = play(*calls, ("peek", addr, 2))
    assert expected.steps[-1].result == wanted


def test_shrinking_the_address_space(play):
    """A range that is far larger than what is mapped costs no more."""
    expected = play(("mremap", A, LAYOUTS["amd64"].vm_max - A, 0, P, 0), fixed(A, 1), ("peek", A, 2))
    assert expected.steps[-1].result == ZEROS
