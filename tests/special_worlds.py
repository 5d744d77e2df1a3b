"""Worlds of single designs, and what the tests of their calls ask of them."""

from sysfuzz.program.names import PAGE
from sysfuzz.spec.calls import call
from sysfuzz.spec.promise import PROMISES
from sysfuzz.spec.world import World

A = 0x10000  # where a world has pages
FIXED_ANON = 0x1012


def world_of(name, mode="amd64", pages=3, strict=False):
    """A world of design `name` with `pages` pages at A that can be read and executed; `strict`: by the strongest reading."""
    promise = PROMISES[name]
    world = World(mode, promise.strict() if strict else promise)
    assert call(world, "mmap", (A, pages * PAGE, 5, FIXED_ANON, -1, 0)) == A
    return world


def do(world, name, *args, pid=1, lwp=1, pointed=None):
    """Make a call as an LWP. A call that fails must change nothing."""
    world.pid, world.lwp, world.pointed = pid, lwp, pointed
    before, spent = world.states(), {pid: process.spent for pid, process in world.processes.items()}
    result = call(world, name, args)
    if isinstance(result, str):
        assert world.states(before) is before
        assert {pid: process.spent for pid, process in world.processes.items()} == spent
    return result


def guards(world):
    """What is enforced, by process."""
    return {state.pid: state.guard for state in world.states()}


def pages_with(world, bit, pid=1):
    """Numbers of the pages at A and behind that have the attribute `bit`, counted from A."""
    pages = world.processes[pid].space.pages
    return [
        number - A // PAGE
        for number in sorted(pages)
        if A // PAGE <= number < A // PAGE + 64 and pages[number].attributes & bit
    ]
