"""mimmutable: which pages it freezes, and which calls that keeps from being made."""

import pytest

from special_worlds import FIXED_ANON, A, do, pages_with, world_of
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import IMMUTABLE

AMD64 = LAYOUTS["amd64"]
TOP = AMD64.mask
LAST = TOP + 1 - PAGE  # address of the last page that there is
HINT_ANON, MOVE = 0x1002, 0x10


@pytest.mark.parametrize(
    ("args", "result", "frozen"),
    [
        ((A, PAGE), 0, [0]),
        ((A + PAGE - 1, 2), 0, [0, 1]),
        ((A, 0), 0, []),
        ((A + 1, 0), 0, [0]),  # rounding takes in the page
        ((A + 5 * PAGE, PAGE), 0, []),
        ((0, AMD64.vm_max + PAGE), 0, [0, 1, 2]),
        ((AMD64.vm_max, PAGE), 0, []),
        ((TOP, 1), "EINVAL", []),
        ((A + 1, TOP - A), "EINVAL", []),
        ((0, LAST), 0, [0, 1, 2]),
        ((0, LAST + 1), "EINVAL", []),  # the last page that there is
        ((0, TOP), "EINVAL", []),
        ((A, TOP), "EINVAL", []),
        ((LAST, 0), 0, []),
        ((LAST + 1, 0), "EINVAL", []),  # rounding takes in the page
        ((LAST, PAGE - 1), "EINVAL", []),
    ],
)
def test_mimmutable_freezes_what_is_mapped(args, result, frozen):
    """The mapped pages of the rounded range; what wraps around is EINVAL."""
    world = world_of("pinsyscalls")
    assert do(world, "mimmutable", *args) == result
    assert pages_with(world, IMMUTABLE) == frozen


@pytest.mark.parametrize(
    ("change", "args", "result"),
    [
        ("munmap", (A + PAGE, 1), "EPERM"),
        ("munmap", (0, AMD64.vm_max + PAGE), "EPERM"),  # before the range test
        ("munmap", (A, PAGE), 0),
        ("munmap", (A + PAGE, 0), 0),
        ("munmap", (A + PAGE + 1, 0), "EPERM"),  # rounding takes in the page
        ("munmap", (A + PAGE - 1, 1), 0),
        ("munmap", (A + PAGE - 1, 2), "EPERM"),
        ("munmap", (A + 2 * PAGE, PAGE), 0),
        ("munmap", (A, TOP), 0),  # rounds to nothing
        ("munmap", (A + PAGE + 2, TOP), "EPERM"),  # rounds to the page
        ("mprotect", (A, 3 * PAGE, 5), "EPERM"),
        ("mprotect", (A + 2 * PAGE, PAGE, 1), 0),
        ("mremap", (A + PAGE, PAGE, 0x50000, PAGE, MOVE), "EPERM"),
        ("mremap", (A + 2 * PAGE, PAGE, 0x50000, PAGE, MOVE), 0x50000),
        ("mmap", (A + PAGE, PAGE, 1, FIXED_ANON, -1, 0), "EPERM"),
        ("mmap", (A + 3 * PAGE, PAGE, 1, FIXED_ANON, -1, 0), A + 3 * PAGE),
        ("minherit", (A, 3 * PAGE, 0), 0),
        ("madvise", (A, 3 * PAGE, 1), 0),
    ],
)
def test_what_is_immutable_does_not_change(change, args, result):
    """EPERM for every call that would unmap, replace, move or protect an immutable page; all others are made."""
    world = world_of("pinsyscalls")
    assert do(world, "mimmutable", A + PAGE, PAGE) == 0
    assert do(world, change, *args) == result


def test_a_hint_is_no_change():
    """mmap without MAP_FIXED goes elsewhere."""
    world = world_of("pinsyscalls")
    do(world, "mimmutable", A, PAGE)
    world.answer = 0x60000
    assert not isinstance(do(world, "mmap", A, PAGE, 1, HINT_ANON, -1, 0), str)
