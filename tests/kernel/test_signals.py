"""Signals: who gets them, what the frame holds, and the way back."""

import struct

import pytest

from physical import PlainMemory
from sysfuzz.kernel import signals
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.protocol import Frame
from sysfuzz.program.layout import LAYOUTS, USER_CODE32, USER_CODE64

ILL, SEGV = 4, 11
HANDLER = 0x55000
SETCONTEXT = 308


def booted(mode):
    kernel = Kernel(mode, PlainMemory())
    kernel.call(1, 1, "sigaction", (ILL, HANDLER))
    layout = LAYOUTS[mode]
    count = 16 if mode == "amd64" else 8
    regs = list(range(0x100, 0x100 + count))
    regs[4] = layout.stack_top - 0x100
    cs = USER_CODE64 if mode == "amd64" else USER_CODE32
    return kernel, Frame("", 0x12345, cs, 0x246, regs)


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_handler_and_return_restore_everything(mode):
    """After the handler's ret and the trampoline's setcontext, the registers are those of the interrupted code."""
    kernel, frame = booted(mode)
    before = (frame.pc, frame.cs, frame.flags, list(frame.regs))
    reply = kernel.fault(1, 1, frame, 6, None)
    assert (reply.signal.signal, reply.signal.code, reply.signal.handled) == ("SIGILL", "ILL_ILLOPC", True)
    assert frame.pc == HANDLER
    word = 8 if mode == "amd64" else 4
    sp = frame.regs[4]
    (returns_to,) = struct.unpack("<Q" if word == 8 else "<I", kernel.peek(1, sp, word))
    assert returns_to == LAYOUTS[mode].trampoline
    if mode == "amd64":
        assert frame.regs[7] == ILL
        context = frame.regs[2]
        assert context == sp + 8  # the trampoline finds it at RSP after ret
        frame.regs[7] = context
    else:
        _, number, _, context = struct.unpack("<4I", kernel.peek(1, sp, 16))
        assert number == ILL
        kernel.poke(1, sp + word, context.to_bytes(4, "little"))
    frame.gate, frame.regs[0] = "int80", SETCONTEXT
    frame.pc = returns_to + 2
    reply = kernel.enter(1, 1, frame)
    assert (reply.call, reply.result) == ("setcontext", 0)
    assert (frame.pc, frame.cs, frame.flags, list(frame.regs)) == before


def test_a_masked_signal_ends_the_run():
    """A handler that runs into the same signal dies instead of looping; after setcontext it is handled again."""
    kernel, frame = booted("amd64")
    kernel.fault(1, 1, frame, 6, None)
    context = frame.regs[2]
    again = kernel.fault(1, 1, Frame("", 0x1, USER_CODE64, 2, [0x7F7FFFFE0000] * 16), 6, None)
    assert not again.signal.handled
    frame.gate, frame.regs[0], frame.regs[7] = "syscall", SETCONTEXT, context
    kernel.enter(1, 1, frame)
    assert kernel.fault(1, 1, frame, 6, None).signal.handled


def test_a_stack_that_cannot_be_written_ends_the_run():
    """The frame has nowhere to go: no handler, no change of the registers."""
    kernel, frame = booted("amd64")
    frame.regs[4] = 0x1000
    before = list(frame.regs)
    reply = kernel.fault(1, 1, frame, 6, None)
    assert not reply.signal.handled
    assert frame.regs == before


@pytest.mark.parametrize("cs", [0, 8, 0x33, 0x20, 0x47])
def test_setcontext_refuses_foreign_code_segments(cs):
    """A forged context cannot name a kernel segment, 64-bit code on i386 or a slot of the local table that is empty."""
    kernel, frame = booted("i386")
    layout = LAYOUTS["i386"]
    context = layout.stack + 0x100
    kernel.poke(1, context, struct.pack("<12I", 0, cs, 0x5000, 0x202, *range(8)))
    kernel.poke(1, frame.regs[4] + 4, context.to_bytes(4, "little"))
    frame.gate, frame.regs[0] = "int80", SETCONTEXT
    assert kernel.enter(1, 1, frame).result == "EINVAL"


def test_setcontext_cannot_set_system_flags():
    """Of the flags, only the arithmetic ones and the direction are taken over."""
    kernel, frame = booted("amd64")
    context = LAYOUTS["amd64"].stack + 0x100
    kernel.poke(1, context, struct.pack("<20Q", 0, USER_CODE64, 0x5000, 0xFFFFFFFF, *range(16)))
    frame.gate, frame.regs[0], frame.regs[7] = "syscall", SETCONTEXT, context
    assert kernel.enter(1, 1, frame).result == 0
    assert frame.flags == 0xED7  # the user flags, bit 1 and IF


@pytest.mark.parametrize(
    ("vector", "signal"),
    [
        *((vector, "SIGFPE") for vector in (0, 4, 16, 19)),
        *((vector, "SIGTRAP") for vector in (1, 3)),
        *((vector, "SIGBUS") for vector in (11, 12, 17)),
        (6, "SIGILL"),
        (13, "SIGSEGV"),
    ],
)
def test_vectors(vector, signal):
    """Each exception makes its signal."""
    kernel, frame = booted("amd64")
    assert kernel.fault(1, 1, frame, vector, None).signal.signal == signal


@pytest.mark.parametrize(
    ("addr", "signal", "code"),
    [(0x9000, "SIGSEGV", "SEGV_MAPERR"), (0x10000, "SIGSEGV", "SEGV_ACCERR"), (0x20000 + 16 * 4096, "SIGBUS", "BUS_ADRERR")],
)  # fmt: skip
def test_page_faults(addr, signal, code):
    """Unmapped, protected, and past the end of a file."""
    kernel, frame = booted("amd64")
    kernel.call(1, 1, "mmap", (0x10000, 0x1000, 1, 0x1012, -1, 0))
    kernel.call(1, 1, "mmap", (0x20000, 17 * 4096, 3, 0x11, 3, 0))
    delivered = kernel.fault(1, 1, frame, 14, addr).signal
    assert (delivered.signal, delivered.code, delivered.addr) == (signal, code, addr)


def test_a_disabled_sysenter_is_delivered_at_its_opcode():
    """In a marked process the #GP of a sysenter is SIGILL/ILL_ILLTRP past the prefixes; any other #GP stays SIGSEGV."""
    kernel = Kernel("i386", PlainMemory())
    kernel.call(1, 1, "mmap", (0x10000, 0x1000, 5, 0x11012, -1, 0))
    kernel.poke(1, 0x10000, bytes.fromhex("66 66 0f34 f4"))
    frame = Frame("", 0x10000, USER_CODE32, 2, [0] * 8)
    delivered = kernel.fault(1, 1, frame, 13, None).signal
    assert (delivered.code, delivered.addr, delivered.pc) == ("ILL_ILLTRP", 0x10002, 0x10002)
    delivered = kernel.fault(1, 1, Frame("", 0x10004, USER_CODE32, 2, [0] * 8), 13, None).signal
    assert (delivered.signal, delivered.code, delivered.pc) == ("SIGSEGV", "SEGV_ACCERR", 0x10004)


def test_trampolines_call_setcontext():
    """The bytes are what they are said to be: the number of setcontext is loaded before the entry."""
    assert bytes.fromhex("b834010000") in signals.TRAMPOLINE["amd64"]
    assert signals.TRAMPOLINE["amd64"].endswith(b"\x0f\x05")
    assert signals.TRAMPOLINE["i386"].endswith(b"\xcd\x80")


@pytest.mark.parametrize(("gate", "code"), [("", 1), ("syscall", 4)])
def test_the_siginfo_tells_the_reason(gate, code):
    """An illegal opcode is ILL_ILLOPC (1), a refused system call ILL_ILLTRP (4): signal, code and address lie behind the context."""
    kernel, frame = booted("amd64")
    kernel.call(1, 1, "mmap", (0x12000, 0x1000, 5, 0x11012, -1, 0))
    frame.gate = gate
    if gate:
        kernel.enter(1, 1, frame)
    else:
        kernel.fault(1, 1, frame, 6, None)
    assert struct.unpack("<3Q", kernel.peek(1, frame.regs[6], 24)) == (ILL, code, 0x12345 - (2 if gate else 0))


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_a_signal_without_a_handler_is_answered_as_the_kernel_does(mode):
    """`unhandled` says what the kernel says of a signal for which nobody has asked, and leaves the frame as it is."""
    kernel, frame = booted(mode)
    before = (frame.pc, frame.cs, frame.flags, list(frame.regs))
    reply = signals.unhandled(frame, "SIGSEGV", "SEGV_MAPERR", 0x7777)
    assert (frame.pc, frame.cs, frame.flags, frame.regs) == before
    assert reply == kernel.fault(1, 1, frame, 14, 0x7777)
