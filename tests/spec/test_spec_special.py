"""The calls that single designs have: each has its own alone, and what is no other design's. What a call does is told with its design."""

import pytest

from special_worlds import A, do, world_of
from sysfuzz.program.ir import SPECIAL
from sysfuzz.program.layout import MAX_PROCESSES
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import IMMUTABLE
from sysfuzz.spec.pages import mapped
from sysfuzz.spec.promise import PROMISES

ON = 1
# Arguments that the call takes on a fresh process with three pages at A, and what it answers.
GOOD = {
    "spawn": ((), 2),
    "ktrace": ((1,), 0),
    "ptrace": ((0,), 0),
    "syscallemu": ((A, A + 1), 0),
    "msyscall": ((A, PAGE), 0),
    "mimmutable": ((A, PAGE), 0),
    "pinsyscalls": ((A, PAGE, A, 1), 0),
    "sud": ((ON, A, PAGE, 0), 0),
    "seccomp": ((A, A + PAGE), 0),
}


@pytest.mark.parametrize("name", PROMISES)
@pytest.mark.parametrize("special", SPECIAL)
def test_a_design_has_its_own_calls_alone(name, special):
    """A call of another design is ENOSYS; one's own is made."""
    world = world_of(name)
    args, result = GOOD[special]
    wanted = result if special in PROMISES[name].calls else "ENOSYS"
    assert do(world, special, *args, pointed=bytes(4)) == wanted


def test_spawn_is_a_fork_and_an_exec():
    """The child has the map of a birth; a ninth process is EAGAIN."""
    world = world_of("syscallemu")
    for pid in range(2, MAX_PROCESSES + 1):
        assert do(world, "spawn") == pid
        assert world.processes[pid].space.pages == world.promise.born["amd64"]
    assert do(world, "spawn") == "EAGAIN"


@pytest.mark.parametrize("name", [name for name in PROMISES if name != "pinsyscalls"])
def test_elsewhere_nothing_is_immutable(name):
    """A design without mimmutable keeps no call from being made."""
    world = world_of(name)
    pages = world.space.pages
    world.space.pages = pages | {
        number: pages[number]._replace(attributes=IMMUTABLE) for number in mapped(pages, range(16, 19))
    }
    assert do(world, "munmap", A, PAGE) == 0
