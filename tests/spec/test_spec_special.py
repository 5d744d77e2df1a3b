"""The calls that single designs have: what each answers in which order, what it changes, and what stays as it was after an error."""

import pytest

from sysfuzz.program.ir import SPECIAL
from sysfuzz.program.layout import LAYOUTS, MAX_PROCESSES
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import IMMUTABLE, PERMITTED
from sysfuzz.spec import UNSPECIFIED
from sysfuzz.spec.calls import call
from sysfuzz.spec.pages import mapped
from sysfuzz.spec.promise import PROMISES
from sysfuzz.spec.world import World

A = 0x10000
FIXED_ANON, HINT_ANON, MOVE = 0x1012, 0x1002, 0x10
AMD64, I386 = LAYOUTS["amd64"], LAYOUTS["i386"]
TOP = AMD64.mask
OFF, ON, INCLUSIVE = 0, 1, 2
ANYWHERE = 0xFFFF_FFFF
MODES = ["amd64", "i386"]
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


def world_of(name, mode="amd64", pages=3):
    """A world of design `name` with `pages` pages at A that can be read and executed."""
    world = World(mode, PROMISES[name])
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


def pin(world, *offsets, base=A, length=0x800, **who):
    table = b"".join(offset.to_bytes(4, "little") for offset in offsets)
    return do(world, "pinsyscalls", base, length, A, len(offsets), pointed=table, **who)


@pytest.mark.parametrize("name", PROMISES)
@pytest.mark.parametrize("special", SPECIAL)
def test_a_design_has_its_own_calls_alone(name, special):
    """A call of another design is ENOSYS; one's own is made."""
    world = world_of(name)
    args, result = GOOD[special]
    wanted = result if special in PROMISES[name].calls else "ENOSYS"
    assert do(world, special, *args, pointed=bytes(4)) == wanted


# -- syscallemu, ktrace, ptrace -----------------------------------------------------------------------------------------------


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


def test_spawn_is_a_fork_and_an_exec():
    """The child has the map of a birth; a ninth process is EAGAIN."""
    world = world_of("syscallemu")
    for pid in range(2, MAX_PROCESSES + 1):
        assert do(world, "spawn") == pid
        assert world.processes[pid].space.pages == world.promise.born["amd64"]
    assert do(world, "spawn") == "EAGAIN"


# -- msyscall -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "result", "named"),
    [
        ((A, PAGE), 0, [0]),
        ((A + PAGE - 1, 2), 0, [0, 1]),
        ((A, 1), 0, [0]),
        ((A, 0), 0, []),
        ((A + 1, 0), 0, []),
        ((0, A + 1), 0, [0]),
        ((A + PAGE, TOP - A - PAGE), 0, [1, 2]),
        ((A + PAGE, TOP - A - PAGE + 1), "EINVAL", []),
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


# -- pinsyscalls and mimmutable -----------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("name", [name for name in PROMISES if name != "pinsyscalls"])
def test_elsewhere_nothing_is_immutable(name):
    """A design without mimmutable keeps no call from being made."""
    world = world_of(name)
    pages = world.space.pages
    world.space.pages = pages | {
        number: pages[number]._replace(attributes=IMMUTABLE) for number in mapped(pages, range(16, 19))
    }
    assert do(world, "munmap", A, PAGE) == 0


# -- sud and seccomp ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("args", "sud", "inclusive"),
    [
        ((OFF, 0, 0, 0), 0, 0),
        ((OFF, 1, 0, 0), "EINVAL", "EINVAL"),
        ((OFF, 0, 1, 0), "EINVAL", "EINVAL"),
        ((OFF, 0, 0, 1), "EINVAL", "EINVAL"),
        ((ON, 0, 0, 0), 0, 0),
        ((ON, 0, "mask", 0), 0, 0),
        ((ON, 1, 0, 0), "EINVAL", "EINVAL"),
        ((ON, 1, "mask", 0), "EINVAL", "EINVAL"),
        ((ON, A, PAGE, "vm_max"), "EFAULT", "EFAULT"),
        ((ON, A, PAGE, A), 0, 0),
        ((ON, 1, 0, "vm_max"), "EINVAL", "EINVAL"),
        ((INCLUSIVE, A, PAGE, 0), "EINVAL", 0),
        ((INCLUSIVE, 0, 1, 0), "EINVAL", 0),
        ((INCLUSIVE, A, 0, 0), "EINVAL", "EINVAL"),
        ((INCLUSIVE, 1, "mask", 0), "EINVAL", "EINVAL"),
        ((INCLUSIVE, A, PAGE, "mask"), "EINVAL", "EFAULT"),
        ((3, 0, 0, 0), "EINVAL", "EINVAL"),
    ],
)
def test_sud_errors_in_their_order(mode, args, sud, inclusive):
    """The mode's arguments before the selector's address; what is set is the LWP's own row."""
    layout = LAYOUTS[mode]
    values = tuple(getattr(layout, arg) if isinstance(arg, str) else arg for arg in args)
    for name, result in (("sud", sud), ("sud-inclusive", inclusive)):
        world = world_of(name, mode)
        assert do(world, "sud", *values) == result
        assert guards(world)[1] == (((1, *values),) if result == 0 and values[0] != OFF else ())


def test_sud_is_each_lwps():
    """A later setting replaces the LWP's own; new LWPs have that of their maker, in the promise; OFF and the end of the LWP take it away."""
    world = world_of("sud")
    assert do(world, "sud", ON, A, 1, 0) == 0
    assert do(world, "lwp_create") == 2
    assert guards(world)[1] == ((1, ON, A, 1, 0), (2, ON, A, 1, 0))
    assert do(world, "sud", ON, A, 2, 0) == 0
    assert do(world, "sud", OFF, 0, 0, 0, lwp=2) == 0
    assert guards(world)[1] == ((1, ON, A, 2, 0),)
    assert do(world, "sud", ON, A, 3, 0, lwp=2) == 0
    assert do(world, "lwp_exit") == 0
    assert guards(world)[1] == ((2, ON, A, 3, 0),)


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
