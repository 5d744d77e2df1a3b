"""syscallemu, ktrace, ptrace: what each answers in which order, what it changes, and what stays as it was after an error."""

import pytest

from special_worlds import A, do, guards, world_of
from sysfuzz.program.layout import LAYOUTS

TOP = LAYOUTS["amd64"].mask


@pytest.mark.parametrize(
    ("calls", "results"),
    [
        ([(A, A)], ["EINVAL"]),
        ([(A, A - 1)], ["EINVAL"]),
        ([(0, TOP)], [0]),
        ([(TOP, 0), (A, A + 1)], ["EINVAL", 0]),
        ([(A, A + 1), (A, A)], [0, "EACCES"]),
        ([(A, A + 1), (A + 8, A + 9)], [0, "EACCES"]),
        ([(A, A + 1, 1), (A + 8, A + 9)], [0, "EACCES"]),
    ],
)
def test_syscallemu_is_armed_once(calls, results):
    """EACCES before EINVAL; the first range stays; arming is one step, whether somebody was preempted or not."""
    world = world_of("syscallemu")
    assert [do(world, "syscallemu", *args) for args in calls] == results
    armed = [args[:2] for args, result in zip(calls, results, strict=True) if result == 0]
    assert guards(world)[1] == tuple(armed)


@pytest.mark.parametrize("watch", ["ktrace", "ptrace"])
@pytest.mark.parametrize("on", [0, 1])
def test_watching_changes_nothing(watch, on):
    """Tracing, on or off, leaves a range armed."""
    world = world_of("syscallemu")
    assert do(world, "syscallemu", A, A + 1) == 0
    assert do(world, watch, on) == 0
    assert guards(world)[1] == ((A, A + 1),)


@pytest.mark.parametrize(("birth", "kept"), [("fork", True), ("vfork", True), ("spawn", False)])
def test_a_range_is_inherited_until_exec(birth, kept):
    """A child of fork and vfork has its parent's range, a new program has none and may arm."""
    world = world_of("syscallemu")
    do(world, "syscallemu", A, A + 1)
    assert do(world, birth) == 2
    assert guards(world)[2] == (((A, A + 1),) if kept else ())
    assert do(world, "syscallemu", A, A + 1, pid=2) == ("EACCES" if kept else 0)
    assert do(world, "exec") == 0
    assert do(world, "syscallemu", A, A + 2) == 0
    assert guards(world)[1] == ((A, A + 2),)
