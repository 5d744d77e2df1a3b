"""The check at kernel entry: origin from the frame, and who pays for it."""

import pytest

from physical import PlainMemory
from sysfuzz.kernel import trap
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.protocol import Frame, KernelPanic
from sysfuzz.program.layout import USER_CODE32, USER_CODE64

FLAGGED = 0x11012  # PRIVATE, FIXED, ANON, NOSYSCALLS
PLAIN = 0x1012
GETPID = 20
START, END = 0x10000, 0x12000


def booted(mode="amd64", flags=FLAGGED):
    kernel = Kernel(mode, PlainMemory())
    assert kernel.call(1, 1, "mmap", (START, END - START, 5, flags, -1, 0)) == START
    return kernel


def entry(kernel, gate, next_addr, cs=None):
    regs = [0] * (16 if kernel.mode == "amd64" else 8)
    regs[0] = GETPID
    cs = cs or (USER_CODE64 if kernel.mode == "amd64" else USER_CODE32)
    frame = Frame(gate, next_addr, cs, 0x202, regs)
    return frame, kernel.enter(1, 1, frame)


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize(("gate", "size"), [("syscall", 2), ("int80", 2), ("lcall7", 7), ("lcall27", 7)])
def test_every_byte_of_the_opcode_counts(mode, gate, size):
    """An entry is refused just if one of its opcode bytes lies in the flagged range, at either end of it."""
    for boundary in (START, END):
        for at in range(boundary - size - 1, boundary + size + 1):
            frame, reply = entry(booted(mode), gate, at + size)
            inside = any(START <= at + i < END for i in range(size))
            assert (reply.call == "") is inside, hex(at)
            if inside:
                assert (reply.signal.signal, reply.signal.code) == ("SIGILL", "ILL_ILLTRP")
                assert reply.signal.addr == reply.signal.pc == frame.pc == at
                assert frame.regs[0] == GETPID
            else:
                assert (reply.call, frame.regs[0], frame.flags & 1) == ("getpid", 1, 0)


def test_an_unmarked_process_never_takes_the_lock():
    """Without a flagged mapping the entry costs no lock; with one, anywhere, every entry does."""
    _, reply = entry(booted(flags=PLAIN), "syscall", 0x10002)
    assert (reply.call, reply.locked) == ("getpid", False)
    _, reply = entry(booted(), "syscall", 0x20002)
    assert (reply.call, reply.locked) == ("getpid", True)


def test_the_segment_base_is_added_modulo_32_bits():
    """In a segment with a base the linear address decides, wrapped at 4 GiB; the frame keeps the offset."""
    kernel = booted("i386")
    base = 0xFFFF0000
    assert kernel.call(1, 1, "sysarch", (1, 8, base)) == 8
    frame, reply = entry(kernel, "int80", 0x20000 + 2, cs=8 << 3 | 7)
    assert (reply.signal.addr, reply.signal.pc, frame.pc) == (0x10000, 0x20000, 0x20000)
    _, reply = entry(kernel, "int80", 0x10000 + 2, cs=8 << 3 | 7)
    assert reply.call == "getpid"


def test_an_opcode_that_wraps_around_the_address_space():
    """int 0x80 at the last byte of 32 bits has its second byte at 0, which is never mapped: it is let in, and nothing breaks."""
    _, reply = entry(booted("i386"), "int80", 1)
    assert reply.call == "getpid"


def test_sysenter_in_a_marked_process_must_never_arrive():
    """SYSENTER_CS is 0 there; a core that is entered all the same has lost control."""
    kernel = booted()
    assert not kernel.sysenter_enabled(1)
    with pytest.raises(KernelPanic):
        entry(kernel, "sysenter", 0)


def test_sysenter_returns_by_edx_and_ecx():
    """As SYSEXIT does: the next instruction from EDX, the stack from ECX."""
    kernel = booted("i386", PLAIN)
    regs = [GETPID, 0x5000, 0x6000, 0, 0, 0, 0, 0]
    frame = Frame("sysenter", 0, USER_CODE32, 0x202, regs)
    reply = kernel.enter(1, 1, frame)
    assert (reply.call, frame.pc, frame.regs[4], frame.regs[0]) == ("getpid", 0x6000, 0x5000, 1)


@pytest.mark.parametrize(
    ("code", "wide", "prefixes"),
    [
        ("0f34", False, 0),
        ("660f34", False, 1),
        ("f3f22e0f34", False, 3),
        ("480f34", True, 1),
        ("480f34", False, -1),
        ("f00f34", True, -1),
        ("0f05", True, -1),
        ("0f", True, -1),
        ("66" * 13 + "0f34", True, 13),
        ("66" * 14 + "0f", True, -1),
        ("", True, -1),
    ],
)
def test_sysenter_is_recognised_behind_prefixes(code, wide, prefixes):
    """The #GP of a disabled sysenter is told from others by the bytes at its address."""
    assert trap.sysenter_at(bytes.fromhex(code)[:15], wide) == prefixes
