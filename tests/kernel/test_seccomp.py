"""Filters on the instruction pointer: which calls they trap, and who has them."""

import pytest

from physical import PlainMemory
from sysfuzz.kernel.designs.seccomp import Seccomp
from sysfuzz.kernel.protocol import Frame
from sysfuzz.program.layout import LANDING, LAYOUTS, USER_CODE32, USER_CODE64
from sysfuzz.program.names import RAX, RSP

GETPID = 20
FIXED, RW = 0x1012, 3  # PRIVATE, FIXED, ANON; READ, WRITE
S, E = 0x10100, 0x10200
VSYSCALL = 0xFFFF_FFFF_FF60_0000


def filtered(*ranges, mode="amd64"):
    kernel = Seccomp(mode, PlainMemory(64))
    for start, end in ranges:
        assert kernel.call(1, 1, "seccomp", (start, end)) == 0
    return kernel


def enter(kernel, behind, gate="int80", pid=1, lwp=1):
    """What becomes of a call whose instruction ends at `behind`."""
    wide = kernel.mode == "amd64"
    regs = [0] * (16 if wide else 8)
    regs[RAX] = GETPID
    frame = Frame(gate, behind, USER_CODE64 if wide else USER_CODE32, 0x202, regs)
    return kernel.enter(pid, lwp, frame)


def let_in(kernel, behind, **whose):
    return enter(kernel, behind, **whose).call == "getpid"


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [(0, 0, "EINVAL"), (S, S, "EINVAL"), (E, S, "EINVAL"), (S, S + 1, 0), (0, (1 << 64) - 1, 0)],
)
def test_a_filter_needs_a_range(start, end, wanted):
    """A range that is empty or the wrong way round is no filter, and leaves nothing behind."""
    kernel = filtered()
    assert kernel.call(1, 1, "seccomp", (start, end)) == wanted
    assert kernel.views()[0].guard == (() if wanted else ((1, start, end),))


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize(("gate", "size"), [("int80", 2), ("lcall7", 7)])
def test_the_address_behind_decides(mode, gate, size):
    """A call at any place around the ends is trapped just if the address behind it is in the range."""
    kernel = filtered((S, E), mode=mode)
    for end in (S, E):
        for at in range(end - size - 2, end + 3):
            assert let_in(kernel, at + size, gate=gate) is not (S <= at + size < E), hex(at)


def test_what_comes_back():
    """SIGSYS with code SYS_SECCOMP; address and PC are those behind the call, and no register is touched."""
    reply = enter(filtered((S, E)), S)
    assert reply.signal[:4] == ("SIGSYS", "SYS_SECCOMP", S, S)
    assert reply.signal.regs == (GETPID,) + (0,) * 15


def test_filters_add_up():
    """Each filter traps for itself, whatever comes before or after it."""
    kernel = filtered((0x1000, 0x2000), (0x5000, 0x6000), (0x1800, 0x5001))
    places = (0xFFF, 0x1000, 0x1FFF, 0x2000, 0x4FFF, 0x5000, 0x5FFF, 0x6000)
    assert [let_in(kernel, place) for place in places] == [True, False, False, False, False, False, False, True]


def test_no_return_from_a_handler_is_an_exception():
    """The trampoline's call is trapped like any other, in both modes."""
    for mode, size in (("amd64", 10), ("i386", 14)):
        behind = LAYOUTS[mode].trampoline + size
        assert not let_in(filtered((behind, behind + 1), mode=mode), behind)


@pytest.mark.parametrize("gate", ["sysenter", "syscall"])
def test_entries_that_are_moved(gate):
    """SYSENTER and 32-bit SYSCALL are seen at the landing pad, wherever they were."""
    pad = LAYOUTS["i386"].trampoline + LANDING
    assert let_in(filtered((S, E), mode="i386"), S, gate=gate)
    reply = enter(filtered((pad, pad + 1), mode="i386"), S, gate=gate)
    assert reply.signal[:4] == ("SIGSYS", "SYS_SECCOMP", pad, pad)


@pytest.mark.parametrize("call", ["fork", "vfork", "spawn"])
def test_children_have_the_filters_of_their_parent(call):
    """A child is filtered as the LWP that made it, and what either adds later is its own."""
    kernel = filtered((S, E))
    assert kernel.call(1, 1, call, ()) == 2
    assert kernel.call(2, 1, "seccomp", (0x5000, 0x6000)) == 0
    assert kernel.call(1, 1, "seccomp", (0x7000, 0x8000)) == 0
    assert [view.guard for view in kernel.views()] == [
        ((1, S, E), (1, 0x7000, 0x8000)),
        ((1, S, E), (1, 0x5000, 0x6000)),
    ]


def test_threads():
    """A thread has those of the thread that made it, not those that others ask for later."""
    kernel = filtered()
    assert kernel.call(1, 1, "lwp_create", ()) == 2
    assert kernel.call(1, 1, "seccomp", (S, E)) == 0
    assert kernel.call(1, 1, "lwp_create", ()) == 3
    assert kernel.call(1, 2, "lwp_create", ()) == 4
    assert [let_in(kernel, S, lwp=lwp) for lwp in (1, 2, 3, 4)] == [False, True, False, True]


def test_a_forked_child_of_a_thread():
    """The child's one LWP is number 1, and is filtered as the thread that forked."""
    kernel = filtered()
    assert kernel.call(1, 1, "lwp_create", ()) == 2
    assert kernel.call(1, 2, "seccomp", (S, E)) == 0
    assert (kernel.call(1, 1, "fork", ()), kernel.call(1, 2, "fork", ())) == (2, 3)
    assert [view.guard for view in kernel.views()] == [((2, S, E),), (), ((1, S, E),)]


def test_exec_keeps_them():
    """A new program is filtered as the thread that began it."""
    kernel = filtered((S, E))
    assert kernel.call(1, 1, "lwp_create", ()) == 2
    assert kernel.call(1, 2, "seccomp", (0x5000, 0x6000)) == 0
    assert kernel.call(1, 1, "exec", ()) == 0
    assert kernel.views()[0].guard == ((1, S, E),)
    assert (let_in(kernel, S), let_in(kernel, 0x5000)) == (False, True)


@pytest.mark.parametrize(("entry", "number"), [(0, 96), (0x400, 201), (0x800, 309)])
def test_a_trapped_vsyscall_has_returned(entry, number):
    """A vsyscall is filtered by its entry; trapped, the frame stands behind its caller, with Linux's number in RAX."""
    at = VSYSCALL + entry
    for low, high in ((at, at + 1), (at + 1, at + 0x400)):
        kernel = filtered((low, high))
        assert kernel.call(1, 1, "mmap", (0x30000, 0x1000, RW, FIXED, -1, 0)) == 0x30000
        assert kernel.poke(1, 0x30000, (0x12345).to_bytes(8, "little")) == 0
        regs = [GETPID, 0, 0, 0, 0x30000, *[0] * 11]
        frame = Frame("", at, USER_CODE64, 0x202, regs)
        reply = kernel.fault(1, 1, frame, 14, at)
        if low > at:
            assert (reply.call != "", reply.signal) == (True, None)
            continue
        assert (reply.call, *reply.signal[:4]) == ("", "SIGSYS", "SYS_SECCOMP", at, 0x12345)
        assert (reply.signal.regs[RAX], reply.signal.regs[RSP]) == (number, 0x30008)
