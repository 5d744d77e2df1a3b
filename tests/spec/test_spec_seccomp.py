"""seccomp: what no filter can be built of, and whose filters are whose."""

import pytest

from special_worlds import A, do, guards, world_of
from sysfuzz.program.layout import LAYOUTS

TOP = LAYOUTS["amd64"].mask


@pytest.mark.parametrize(
    ("args", "result"), [((A, A), "EINVAL"), ((A + 1, A), "EINVAL"), ((0, TOP), 0), ((A, A + 1), 0)]
)
def test_seccomp_wants_a_range(args, result):
    """Of an empty range no filter can be built."""
    world = world_of("seccomp-ip")
    assert do(world, "seccomp", *args) == result
    assert guards(world)[1] == (((1, *args),) if result == 0 else ())


def test_seccomp_adds_up():
    """Filters of one LWP stand in the order in which they came, those of its children with them; exec keeps them."""
    world = world_of("seccomp-ip")
    for end in (3, 2):
        assert do(world, "seccomp", 1, end) == 0
    assert do(world, "lwp_create") == 2
    assert do(world, "seccomp", 1, 4) == 0
    assert guards(world)[1] == ((1, 1, 3), (1, 1, 2), (1, 1, 4), (2, 1, 3), (2, 1, 2))
    assert do(world, "fork", lwp=2) == 2
    assert guards(world)[2] == ((1, 1, 3), (1, 1, 2))
    assert do(world, "exec", pid=2) == 0
    assert guards(world)[2] == ((1, 1, 3), (1, 1, 2))
