"""syscallemu: which addresses the filter refuses, and the steps of arming."""

import pytest

from physical import PlainMemory
from sysfuzz.kernel.designs.syscallemu import Syscallemu
from sysfuzz.kernel.protocol import Frame, KernelPanic
from sysfuzz.program.layout import USER_CODE32, USER_CODE64

A = 0x10000
GETPID = 20
TOP = (1 << 64) - 1


def booted(mode="amd64"):
    return Syscallemu(mode, PlainMemory())


def enter(kernel, behind, gate="syscall", lwp=1, pid=1):
    """Whether a call whose instruction ends in front of `behind` is let in."""
    wide = kernel.mode == "amd64"
    regs = [GETPID] + [0] * (15 if wide else 7)
    reply = kernel.enter(pid, lwp, Frame(gate, behind, USER_CODE64 if wide else USER_CODE32, 0x202, regs))
    if reply.signal is not None:
        assert (reply.signal.signal, reply.signal.code) == ("SIGILL", "ILL_ILLTRP")
        assert reply.signal.pc == reply.signal.addr
    return reply.signal is None


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize(("gate", "size"), [("syscall", 2), ("int80", 2), ("lcall7", 7), ("lcall27", 7)])
@pytest.mark.parametrize("length", [1, 2, 3, 6, 7, 8, 20])
def test_first_byte_and_the_one_behind(mode, gate, size, length):
    """Refused just if the first byte, or the byte behind the last, lies in the range: x86_syscall_emu, every position."""
    kernel = booted(mode)
    assert kernel.call(1, 1, "syscallemu", (A, A + length, 0)) == 0
    for first in range(A - size - 2, A + length + 3):
        inside = A <= first < A + length or A <= first + size < A + length
        assert enter(kernel, first + size, gate) is not inside, hex(first)


def test_at_the_top_of_the_space():
    """The last bytes of the space, and the first: the address behind is compared as it is saved."""
    kernel = booted()
    assert kernel.call(1, 1, "syscallemu", (0, 1, 0)) == 0
    assert not enter(kernel, 0)
    assert enter(kernel, 1)
    kernel = booted()
    assert kernel.call(1, 1, "syscallemu", (TOP, TOP + 1, 0)) == 0
    assert not enter(kernel, 1)
    assert enter(kernel, 0)


@pytest.mark.parametrize(
    ("calls", "results"),
    [
        ([(A, A)], ["EINVAL"]),
        ([(A + 1, A)], ["EINVAL"]),
        ([(TOP, 0)], ["EINVAL"]),
        ([(0, TOP)], [0]),
        ([(A, A), (A, A + 1)], ["EINVAL", 0]),
        ([(A, A + 1), (A, A + 1)], [0, "EACCES"]),
        ([(A, A + 1), (A, A)], [0, "EACCES"]),
    ],
)
def test_errors_in_their_order(calls, results):
    """EACCES before EINVAL; an error arms nothing."""
    kernel = booted()
    assert [kernel.call(1, 1, "syscallemu", (*args, 0)) for args in calls] == results
    armed = next((args for args, result in zip(calls, results, strict=True) if result == 0), None)
    assert kernel.views()[0].guard == ((armed,) if armed else ())


def window():
    """A kernel whose LWP 1 has been preempted between hook and record, with three LWPs."""
    kernel = booted()
    for new in (2, 3):
        assert kernel.call(1, 1, "lwp_create", ()) == new
    assert kernel.call(1, 1, "syscallemu", (A, A + 16, 1)) == 0
    return kernel


@pytest.mark.parametrize("behind", [A + 2, A + 0x100])
def test_in_the_window_calls_of_others_recurse(behind):
    """Wherever they come from: without a record the filter takes the process's handler, itself, for the plain one."""
    kernel = window()
    assert kernel.views()[0].guard == ()
    with pytest.raises(KernelPanic, match="no range yet"):
        enter(kernel, behind, lwp=2)


@pytest.mark.parametrize("call", ["munlockall", "fork", "ktrace", "lwp_exit"])
def test_whatever_it_does_the_preempted_lwp_goes_on(call):
    """Its next call, or entry, comes behind the record that it makes."""
    kernel = window()
    kernel.call(1, 1, call, (0,) if call == "ktrace" else ())
    assert kernel.call(1, 2, "syscallemu", (A, A + 1, 0)) == "EACCES"


def test_two_in_the_window():
    """Each goes on with its own record; the later one counts, and only the second to hook keeps the filter as plain handler."""
    kernel = window()
    assert kernel.call(1, 2, "syscallemu", (A + 32, A + 48, 1)) == 0
    assert enter(kernel, A + 0x100, lwp=1)
    assert kernel.views()[0].guard == ((A, A + 16),)
    assert not enter(kernel, A + 34, lwp=2)
    assert kernel.views()[0].guard == ((A + 32, A + 48),)
    with pytest.raises(KernelPanic, match="armed twice"):
        enter(kernel, A + 0x100, lwp=3)


def test_the_record_outlives_the_hook():
    """Tracing and exec put the plain handler back; nothing is armed, and nothing can be."""
    for call in ("ktrace", "ptrace", "exec"):
        kernel = booted()
        assert kernel.call(1, 1, "syscallemu", (A, A + 16, 0)) == 0
        assert kernel.call(1, 1, call, () if call == "exec" else (0,)) == 0
        assert enter(kernel, A + 2)
        assert kernel.call(1, 1, "syscallemu", (A, A + 16, 0)) == "EACCES"
        assert kernel.views()[0].guard == ()


@pytest.mark.parametrize("call", ["fork", "vfork", "spawn"])
def test_children_start_afresh(call):
    """No child has hook or record, not even one of the window; it may arm for itself."""
    for preempt in (0, 1):
        kernel = booted()
        assert kernel.call(1, 1, "syscallemu", (A, A + 16, preempt)) == 0
        assert kernel.call(1, 1, call, ()) == 2
        assert enter(kernel, A + 2, pid=2)
        assert kernel.call(2, 1, "syscallemu", (A, A + 16, 0)) == 0
        assert not enter(kernel, A + 2, pid=2)
        assert not enter(kernel, A + 2, pid=1)
