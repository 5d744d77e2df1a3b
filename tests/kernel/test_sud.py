"""Syscall User Dispatch: whose calls come back, as which signal, and how long a setting lasts."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from physical import PlainMemory
from sysfuzz.kernel.designs.sud import Sud, SudInclusive
from sysfuzz.kernel.protocol import Frame
from sysfuzz.program.layout import LANDING, LAYOUTS, USER_CODE32, USER_CODE64

OFF, ON, INCLUSIVE = range(3)
GETPID = 20
FIXED, RW = 0x1012, 3  # PRIVATE, FIXED, ANON; READ, WRITE
S, E = 0x10100, 0x10200
TOP = {"amd64": (1 << 64) - 1, "i386": (1 << 32) - 1}
SIGSYS = 12


def armed(*args, mode="amd64", design=SudInclusive):
    kernel = design(mode, PlainMemory(64))
    assert kernel.call(1, 1, "sud", args) == 0
    return kernel


def enter(kernel, behind, gate="int80", pid=1, lwp=1):
    """What becomes of a call whose instruction ends at `behind`."""
    wide = kernel.mode == "amd64"
    regs = [0] * (16 if wide else 8)
    regs[0] = GETPID
    frame = Frame(gate, behind, USER_CODE64 if wide else USER_CODE32, 0x202, regs)
    return kernel.enter(pid, lwp, frame)


def let_in(kernel, behind, **whose):
    return enter(kernel, behind, **whose).call == "getpid"


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        ((OFF, 0, 0, 0), 0),
        ((OFF, 1, 0, 0), "EINVAL"),
        ((OFF, 0, 1, 0), "EINVAL"),
        ((OFF, 0, 0, 1), "EINVAL"),
        ((ON, 0, 0, 0), 0),
        ((ON, 0, "top", 0), 0),
        ((ON, 1, 0, 0), "EINVAL"),
        ((ON, 1, 1, 0), 0),
        ((ON, 1, "top", 0), "EINVAL"),
        ((ON, "top", 1, 0), "EINVAL"),
        ((ON, "top", 0, 0), "EINVAL"),
        ((ON, 0, 0, "max"), "EFAULT"),
        ((ON, 0, 0, "last"), 0),
        ((ON, 1, 0, "max"), "EINVAL"),
        ((INCLUSIVE, 0, 0, 0), "EINVAL"),
        ((INCLUSIVE, 1, 0, 0), "EINVAL"),
        ((INCLUSIVE, 2, 3, 0), 0),
        ((INCLUSIVE, 0, 1, 0), 0),
        ((INCLUSIVE, 0, "top", 0), 0),
        ((INCLUSIVE, "top", 1, 0), "EINVAL"),
        ((INCLUSIVE, "top", 2, 0), "EINVAL"),
        ((INCLUSIVE, 2, 3, "top"), "EFAULT"),
        ((3, 2, 3, 0), "EINVAL"),
        ((0xFFFF_FFFF, 0, 0, 0), "EINVAL"),
    ],
)
def test_errors(mode, args, wanted):
    """The range is looked at first, then the selector; a kernel without the new mode answers EINVAL to all of it."""
    max_ = LAYOUTS[mode].vm_max
    words = {"top": TOP[mode], "max": max_, "last": max_ - 1}
    args = tuple(words.get(arg, arg) for arg in args)
    assert SudInclusive(mode, PlainMemory(64)).call(1, 1, "sud", args) == wanted
    assert Sud(mode, PlainMemory(64)).call(1, 1, "sud", args) == ("EINVAL" if args[0] == INCLUSIVE else wanted)


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize(("gate", "size"), [("int80", 2), ("lcall7", 7)])
@pytest.mark.parametrize("turned", [False, True])
def test_the_address_behind_decides(mode, gate, size, turned):
    """A call at any place around the ends is in the range just if the address behind it is."""
    kernel = armed(INCLUSIVE if turned else ON, S, E - S, 0, mode=mode)
    for end in (S, E):
        for at in range(end - size - 2, end + 3):
            assert let_in(kernel, at + size, gate=gate) is ((S <= at + size < E) is not turned), hex(at)


@given(
    st.integers(0, TOP["i386"]),
    st.integers(1, TOP["i386"]),
    st.lists(st.integers(0, TOP["i386"]), min_size=1, max_size=8),
)
def test_the_two_modes_are_each_others_complement(offset, length, places):
    """Of one range, the same addresses are let in by one mode and refused by the other, wherever it lies."""
    length = min(length, TOP["i386"] - offset)
    if not length:
        return
    inside, outside = armed(INCLUSIVE, offset, length, 0, mode="i386"), armed(ON, offset, length, 0, mode="i386")
    sigreturn = LAYOUTS["i386"].trampoline + 14
    for place in {*places, offset, offset - 1 & TOP["i386"], offset + length, offset + length - 1} - {sigreturn}:
        expected = offset <= place < offset + length
        assert (let_in(outside, place), let_in(inside, place)) == (expected, not expected)


def test_what_comes_back():
    """SIGSYS with code SYS_USER_DISPATCH; address and PC are those behind the call, and no register is touched."""
    reply = enter(armed(ON, 0, 0, 0), 0x10002)
    assert reply.signal[:4] == ("SIGSYS", "SYS_USER_DISPATCH", 0x10002, 0x10002)
    assert reply.signal.regs == (GETPID,) + (0,) * 15
    assert (reply.call, reply.signal.handled) == ("", False)


@pytest.mark.parametrize(
    ("byte", "signal", "code", "handled"),
    [
        (0, "", "", False),
        (1, "SIGSYS", "SYS_USER_DISPATCH", True),
        (2, "SIGSYS", "", False),
        (0xFF, "SIGSYS", "", False),
        (None, "SIGSEGV", "", False),
    ],
)
def test_the_selector(byte, signal, code, handled):
    """0 lets in, 1 refuses; any other value, and none (None), ends the process though there are handlers."""
    kernel = armed(ON, 0, 0, 0x20010)
    assert kernel.call(1, 1, "mmap", (0x30000, 0x1000, RW, FIXED, -1, 0)) == 0x30000
    for number in (SIGSYS, 11):
        assert kernel.call(1, 1, "sigaction", (number, 0x5000)) == 0
    if byte is not None:
        assert kernel.call(1, 1, "mmap", (0x20000, 0x1000, RW, FIXED, -1, 0)) == 0x20000
        assert kernel.poke(1, 0x20010, bytes([byte])) == 0
    frame = Frame("int80", 0x10002, USER_CODE64, 0x202, [GETPID, 0, 0, 0, 0x31000, *[0] * 11])
    reply = kernel.enter(1, 1, frame)
    if not signal:
        assert (reply.call, reply.signal) == ("getpid", None)
        return
    assert (reply.signal.signal, reply.signal.code, reply.signal.handled) == (signal, code, handled)
    assert frame.pc == (0x5000 if handled else 0x10002)


def test_inside_of_the_range_no_selector_is_read():
    """A selector that is not there does not matter to an allowed call."""
    assert let_in(armed(ON, 0x10000, 0x1000, 0x20000), 0x10002)


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize("past", [-1, 0, 1])
def test_the_return_from_a_handler(mode, past):
    """On i386, and there only, the address behind the trampoline's call is let in, and no other of the vdso."""
    kernel = armed(ON, 0, 0, 0, mode=mode)
    end = {"amd64": 10, "i386": 14}[mode]  # the trampolines' lengths
    assert let_in(kernel, LAYOUTS[mode].trampoline + end + past) is (mode == "i386" and past == 0)
    assert not let_in(kernel, LAYOUTS[mode].trampoline + LANDING)


def guards(kernel):
    return {view.pid: view.guard for view in kernel.views()}


def test_a_setting_is_one_threads():
    """A thread that is made has none; each has, changes and loses its own."""
    kernel = armed(ON, 0, 0, 0)
    assert kernel.call(1, 1, "lwp_create", ()) == 2
    assert guards(kernel) == {1: ((1, ON, 0, 0, 0),)}
    assert kernel.call(1, 2, "sud", (INCLUSIVE, 2, 3, 0)) == 0
    assert guards(kernel) == {1: ((1, ON, 0, 0, 0), (2, INCLUSIVE, 2, 3, 0))}
    assert (let_in(kernel, S), let_in(kernel, S, lwp=2)) == (False, True)
    assert kernel.call(1, 1, "sud", (OFF, 0, 0, 0)) == 0
    assert guards(kernel) == {1: ((2, INCLUSIVE, 2, 3, 0),)}


@pytest.mark.parametrize("call", ["fork", "vfork", "spawn"])
def test_no_child_has_it(call):
    """A child begins without it, and its parent keeps it."""
    kernel = armed(ON, 0, 0, 0)
    assert kernel.call(1, 1, call, ()) == 2
    assert guards(kernel) == {1: ((1, ON, 0, 0, 0),), 2: ()}
    assert (let_in(kernel, S), let_in(kernel, S, pid=2)) == (False, True)


def test_no_new_program_has_it():
    """exec ends the settings of all threads, and a setting may be asked for again."""
    kernel = armed(ON, 0, 0, 0)
    assert kernel.call(1, 1, "lwp_create", ()) == 2
    assert kernel.call(1, 2, "sud", (ON, 0, 0, 0)) == 0
    assert kernel.call(1, 2, "exec", ()) == 0
    assert guards(kernel) == {1: ()}
    assert let_in(kernel, S, lwp=2)
    assert kernel.call(1, 2, "sud", (ON, 0, 0, 0)) == 0
    assert not let_in(kernel, S, lwp=2)


def test_a_failing_call_keeps_it():
    """What was asked for before stays as it was."""
    kernel = armed(ON, S, E - S, 0)
    assert kernel.call(1, 1, "sud", (ON, 1, 0, 0)) == "EINVAL"
    assert kernel.call(1, 1, "sud", (ON, 0, 0, TOP["amd64"])) == "EFAULT"
    assert guards(kernel) == {1: ((1, ON, S, E - S, 0),)}
