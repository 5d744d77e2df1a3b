"""pinsyscalls: errors in their order, which call is the one that there is, and what stays as it was after an error."""

import pytest

from special_worlds import FIXED_ANON, A, do, guards, world_of
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE
from sysfuzz.spec import UNSPECIFIED

AMD64 = LAYOUTS["amd64"]
TOP = AMD64.mask
ANYWHERE = 0xFFFF_FFFF


def pin(world, *offsets, base=A, length=0x800, **who):
    table = b"".join(offset.to_bytes(4, "little") for offset in offsets)
    return do(world, "pinsyscalls", base, length, A, len(offsets), pointed=table, **who)


@pytest.mark.parametrize(
    ("args", "result"),
    [
        ((0, 1, 0, 0), "EINVAL"),
        ((PAGE - 1, 1, A, 1), "EINVAL"),
        ((PAGE, AMD64.vm_max - PAGE, A, 1), 0),
        ((PAGE, AMD64.vm_max - PAGE + 1, A, 1), "EINVAL"),
        ((TOP, 1, A, 1), "EINVAL"),
        ((AMD64.vm_max, 0, A, 1), 0),
        ((A, 1, 0, 0), "E2BIG"),
        ((A, 1, 0, 513), "E2BIG"),
        ((A, 1, 0, ANYWHERE), "E2BIG"),
        ((A, 1, 0, 512), "EFAULT"),
        ((A, 1, A + 3 * PAGE, 1), "EFAULT"),
        ((A, 1, A + 3 * PAGE - 4, 2), "EFAULT"),
        ((A, 1, A + 3 * PAGE - 4, 1), 0),
    ],
)
def test_pinsyscalls_errors_in_their_order(args, result):
    """EINVAL, E2BIG, EFAULT; an error is no call, so that the next one counts."""
    world = world_of("pinsyscalls")
    assert do(world, "pinsyscalls", *args, pointed=bytes(4 * (args[3] & 0xFFF))) == result
    assert pin(world, 0) == ("EPERM" if result == 0 else 0)


@pytest.mark.parametrize(
    ("offset", "length", "result"),
    [
        (0, 0, 0),
        (1, 0, "ERANGE"),
        (7, 8, 0),
        (8, 8, "ERANGE"),
        (9, 8, "ERANGE"),
        (ANYWHERE, 0, 0),
        (ANYWHERE - 1, 8, "ERANGE"),
    ],
)
def test_a_pin_lies_in_the_range(offset, length, result):
    """An offset that is not inside is ERANGE; 0 and -1 are none."""
    world = world_of("pinsyscalls")
    assert pin(world, offset, length=length) == result
    assert guards(world)[1] == (((A, length, offset),) if result == 0 else ())


@pytest.mark.parametrize("pointed", [None, b"", bytes(3), bytes(8)])
def test_a_table_that_was_not_told_is_not_guessed(pointed):
    """Without the bytes that the core has read nothing is said, and nothing changes."""
    world = world_of("pinsyscalls")
    assert do(world, "pinsyscalls", A, PAGE, A, 1, pointed=pointed) is UNSPECIFIED
    assert guards(world)[1] == ()


def test_an_unreadable_table():
    """The table must be readable, which without protection it is not."""
    world = world_of("pinsyscalls")
    assert do(world, "mprotect", A, PAGE, 0) == 0
    assert pin(world, 0) == "EFAULT"


def test_pinsyscalls_is_called_once_for_a_map():
    """A second time is EPERM before all else, in whoever shares the map or has a copy; exec begins anew."""
    world = world_of("pinsyscalls")
    assert do(world, "vfork") == 2
    assert pin(world, 4, pid=2) == 0
    assert do(world, "pinsyscalls", 0, 1, 0, 0) == "EPERM"
    assert do(world, "fork") == 3
    assert pin(world, 4, pid=3) == "EPERM"
    assert guards(world) == {1: (), 2: ((A, 0x800, 4),), 3: ()}
    assert do(world, "fork", pid=2) == 4
    assert guards(world)[4] == ((A, 0x800, 4),)
    assert do(world, "exec", pid=4) == 0
    assert guards(world)[4] == ()
    assert do(world, "mmap", A, PAGE, 1, FIXED_ANON, -1, 0, pid=4) == A
    assert pin(world, 4, pid=4) == 0


def test_pinsyscalls_comes_before_threads():
    """EPERM while there are several LWPs, before all else."""
    world = world_of("pinsyscalls")
    assert do(world, "lwp_create") == 2
    assert do(world, "pinsyscalls", 0, 1, 0, 0) == "EPERM"
    assert do(world, "lwp_exit", lwp=2) == 0
    assert pin(world, 4) == 0
