"""msyscall: which pages it names, which call is the one that there is, and what stays as it was after an error."""

import pytest

from special_worlds import A, do, pages_with, world_of
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import PERMITTED

AMD64 = LAYOUTS["amd64"]
TOP = AMD64.mask
LAST = TOP + 1 - PAGE  # address of the last page that there is


@pytest.mark.parametrize(
    ("args", "result", "named"),
    [
        ((A, PAGE), 0, [0]),
        ((A + PAGE - 1, 2), 0, [0, 1]),
        ((A, 1), 0, [0]),
        ((A, 0), 0, []),
        ((A + 1, 0), 0, []),
        ((0, A + 1), 0, [0]),
        ((A + PAGE, LAST - A - PAGE), 0, [1, 2]),
        ((A + PAGE, LAST - A - PAGE + 1), "EINVAL", []),  # the last page that there is
        ((A + PAGE, TOP - A - PAGE + 1), "EINVAL", []),
        ((0, TOP), "EINVAL", []),
        ((TOP - 15, 15), "EINVAL", []),
        ((TOP, 0), 0, []),
        ((TOP, 1), "EINVAL", []),
        ((AMD64.vm_max, PAGE), 0, []),
    ],
)
def test_msyscall_names_pages(args, result, named):
    """The mapped pages that hold the range; what wraps around is EINVAL, what lies outside of user space is cut off."""
    world = world_of("msyscall")
    assert do(world, "msyscall", *args) == result
    assert pages_with(world, PERMITTED) == named


@pytest.mark.parametrize(
    ("first", "spent"),
    [((A, PAGE), True), ((A + 64 * PAGE, 1), True), ((A, 0), False), ((TOP, 1), False), ((AMD64.vm_max, 1), False)],
)
def test_msyscall_is_called_once(first, spent):
    """A range in user space is the one call, mapped or not; nothing and errors are none."""
    world = world_of("msyscall")
    do(world, "msyscall", *first)
    assert do(world, "msyscall", A, PAGE) == ("EPERM" if spent else 0)
    assert do(world, "msyscall", TOP, 1) == "EINVAL"


def test_msyscall_belongs_to_the_map():
    """Who shares a map shares the one call; a copy has it behind it, and a new program before it."""
    world = world_of("msyscall")
    assert do(world, "vfork") == 2
    assert do(world, "msyscall", A, PAGE, pid=2) == 0
    assert do(world, "msyscall", A, PAGE) == "EPERM"
    assert do(world, "fork") == 3
    assert pages_with(world, PERMITTED, pid=3) == [0]
    assert do(world, "msyscall", A, PAGE, pid=3) == "EPERM"
    assert do(world, "exec", pid=2) == 0
    assert do(world, "msyscall", A, PAGE, pid=2) == 0
    assert pages_with(world, PERMITTED) == [0]
