"""Code segments: widths, bases, and the ways from one to another."""

from collections.abc import Callable

import pytest
from board import CODE, DATA, Board, R, W, X, attempt

from sysfuzz.machine.cpu import BadSelector
from sysfuzz.machine.descriptors import ldt_selector
from sysfuzz.program.layout import USER_CODE32, USER_CODE64, USER_DATA
from sysfuzz.x86.snippets import far_jump, far_return, to_32, to_64

Boards = Callable[..., Board]

SLOT = 8
LOCAL = ldt_selector(SLOT)
FAULT = 14


def test_there_and_back_between_64_and_32_bit_code(boards: Boards) -> None:
    """A far return into 32-bit code, a far jump back: each entry says the width that it was made in."""
    board = boards("amd64")
    board.map(CODE, R | X, to_32(DATA))
    board.map(DATA, R | X, bytes.fromhex("cd80") + to_64(DATA + 0x100))
    board.put(DATA + 0x100, bytes.fromhex("0f05"))
    found = attempt(board.start())
    assert (found.gate, found.bits, found.pc) == ("int80", 32, DATA + 2)
    assert board.machine.frame().cs == USER_CODE32
    found = attempt(board.resume())
    assert (found.gate, found.bits, found.pc) == ("syscall", 64, DATA + 0x102)
    assert board.machine.frame().cs == USER_CODE64


@pytest.mark.parametrize("base", [0x1000, 0xFFF0, 0x8000_0000, 0xFFFF_F000])
def test_segment_bases(boards: Boards, base: int) -> None:
    """Offsets count from the base and wrap at 4 GiB; linear addresses are what an attempt tells, the PC is an offset."""
    board = boards("i386")
    board.machine.set_segments([(SLOT, base)])
    offset = DATA + 0x20 - base & 0xFFFF_FFFF
    board.map(CODE, R | X, far_jump(LOCAL, offset))
    board.map(DATA + 0x20, R | X, bytes.fromhex("9066cd80 f4"))
    found = attempt(board.start())
    assert (found.gate, found.bits, found.base) == ("int80", 32, base)
    assert (found.start, found.opcode) == (DATA + 0x21, DATA + 0x22)
    assert found.pc == offset + 4 & 0xFFFF_FFFF
    assert board.machine.frame().cs == LOCAL
    found = attempt(board.resume())
    assert (found.vector, found.start, found.pc) == (13, DATA + 0x24, offset + 4 & 0xFFFF_FFFF)


@pytest.mark.parametrize("code", ["cd80", "0f05", "0f34", "9a000000000700", "cc", "f1", "0f0b"])
def test_every_entry_with_a_base(boards: Boards, code: str) -> None:
    """None of them forgets the base, even where base and offset add up beyond 4 GiB."""
    board = boards("i386")
    base = 0xFFFF_8000
    board.machine.set_segments([(SLOT, base)])
    offset = DATA - base & 0xFFFF_FFFF
    board.map(CODE, R | X, far_jump(LOCAL, offset))
    board.map(DATA, R | X, bytes.fromhex(code))
    found = attempt(board.start())
    assert (found.start, found.opcode, found.base) == (DATA, DATA, base)
    assert found.size == len(bytes.fromhex(code))


def test_faults_with_a_base(boards: Boards) -> None:
    """A data address is linear (the data segment is flat), a fetch fault names the linear address and saves the offset."""
    base = 0x4000_0000
    board = boards("i386")
    board.machine.set_segments([(SLOT, base)])
    board.map(CODE, R | X, far_jump(LOCAL, DATA - base & 0xFFFF_FFFF))
    board.map(DATA, R | X, bytes.fromhex("8b01"))
    found = attempt(board.start(ecx=0x1234_5678))
    assert (found.vector, found.start, found.data) == (FAULT, DATA, 0x1234_5678)
    board.map(DATA + 4095, R | X, b"\xb8")
    board.put(CODE, far_jump(LOCAL, DATA + 4095 - base & 0xFFFF_FFFF))
    found = attempt(board.start())
    assert (found.start, found.data) == (DATA + 4095, DATA + 4096)
    assert found.pc == DATA + 4095 - base & 0xFFFF_FFFF


@pytest.mark.parametrize("selector", [0x00, 0x03, 0x18, USER_DATA, USER_CODE64, ldt_selector(9), 0xFFFF])
def test_selectors_that_are_no_code_of_the_user(boards: Boards, selector: int) -> None:
    """A far jump to anything but the user's code segments is #GP at the jump (there is no 64-bit code in legacy mode)."""
    found = attempt(boards("i386").run(far_jump(selector, CODE)))
    assert (found.gate, found.vector, found.start) == ("", 13, CODE)


def test_the_frame_may_name_another_segment(boards: Boards) -> None:
    """`resume` goes where the frame's CS says, with all registers of the frame, and keeps the vector state."""
    board = boards("amd64")
    # movd xmm3, eax; int 0x80
    board.map(CODE, R | X, bytes.fromhex("660f6ed8 cd80"))
    # 32-bit code: movd ecx, xmm3; int 0x80
    board.map(DATA, R | X, bytes.fromhex("660f7ed9 cd80"))
    attempt(board.start(rax=0x55))
    frame = board.machine.frame()
    frame.cs, frame.pc = USER_CODE32, DATA
    frame.regs = [0x1000 + number for number in range(16)]
    board.machine.resume(frame)
    found = attempt(board.machine.go())
    assert (found.bits, found.pc, found.regs[1]) == (32, DATA + 6, 0x55)
    assert [value for number, value in enumerate(found.regs) if number != 1] == [
        0x1000 + number for number in range(16) if number != 1
    ]
    frame = board.machine.frame()
    frame.cs, frame.pc = USER_CODE64, CODE
    board.machine.resume(frame)
    found = attempt(board.machine.go())
    assert (found.bits, found.pc) == (64, CODE + 6)


def test_the_frame_may_name_a_local_segment(boards: Boards) -> None:
    """From the default segment to a local one, to another one, and back."""
    board = boards("i386")
    board.machine.set_segments([(8, 0x1000), (9, 0xFFFF_0000)])
    board.map(CODE, R | X, bytes.fromhex("cd80"))
    attempt(board.start())
    for selector, base in ((ldt_selector(8), 0x1000), (ldt_selector(9), 0xFFFF_0000), (USER_CODE32, 0)):
        frame = board.machine.frame()
        frame.cs, frame.pc = selector, CODE - base & 0xFFFF_FFFF
        board.machine.resume(frame)
        found = attempt(board.machine.go())
        assert (found.start, found.base, found.pc) == (CODE, base, CODE + 2 - base & 0xFFFF_FFFF)


def test_a_segment_that_changes_under_running_code(boards: Boards) -> None:
    """The way back from the kernel loads CS anew, as IRET does: a new base counts at once."""
    board = boards("i386")
    board.machine.set_segments([(SLOT, 0)])
    board.map(CODE, R | X, far_jump(LOCAL, CODE + 7) + bytes.fromhex("cd80 b011 cd80"))
    board.map(DATA, R | X, bytes(9) + bytes.fromhex("b022 cd80"))
    attempt(board.start())
    board.machine.set_segments([(SLOT, DATA - CODE)])
    found = attempt(board.resume())
    assert (found.base, found.regs[0]) == (DATA - CODE, 0x22)


def test_a_segment_that_is_gone(boards: Boards) -> None:
    """While code in a local segment is in the kernel, exec empties the table: the way back to the default segment still works."""
    board = boards("i386")
    board.machine.set_segments([(SLOT, 0x1000)])
    board.map(CODE, R | X, far_jump(LOCAL, DATA - 0x1000))
    board.map(DATA, R | X, bytes.fromhex("cd80"))
    attempt(board.start())
    board.machine.set_segments(())
    frame = board.machine.frame()
    with pytest.raises(BadSelector, match=f"{LOCAL:#x}"):
        board.machine.resume(frame)
    frame.cs, frame.pc = USER_CODE32, DATA
    board.machine.resume(frame)
    found = attempt(board.machine.go())
    assert (found.gate, found.base, found.start) == ("int80", 0, DATA)


def test_iret_cannot_reach_virtual_8086_mode(boards: Boards) -> None:
    """Hardware ignores VM at ring 3; the emulator does not. It ends in a #GP, and the machine goes on in 32-bit code."""
    for mode in ("i386", "amd64"):
        board = boards(mode)
        # the frame that iret pops: offset, CS, flags with VM, then what only a return to virtual-8086 mode pops
        words = (0x10, DATA // 16, 0x20202, board.sp & 0xFFFF_FFFF, 0, 0, 0, 0, 0)
        board.map(0x7000, R | W, b"".join(word.to_bytes(4, "little") for word in words))
        board.map(CODE, R | X, bytes.fromhex("cf 90 cd80"))
        board.map(DATA + 0x10, R | X, bytes.fromhex("cd80"))
        found = attempt(board.start(sp=0x7000))
        assert (found.gate, found.vector, found.bits) == ("", 13, 32)
        assert not found.flags & 0x20000
        frame = board.machine.frame()
        frame.cs, frame.pc = (USER_CODE64 if mode == "amd64" else USER_CODE32), CODE + 2
        board.machine.resume(frame)
        assert attempt(board.machine.go()).gate == "int80"


@pytest.mark.parametrize("selector", [0, USER_DATA, 0x18, ldt_selector(8), ldt_selector(0), USER_CODE32 & ~3])
def test_frames_with_a_bad_selector_are_refused(boards: Boards, selector: int) -> None:
    """The kernel's own return would fault; nothing is changed, so the caller can answer with a fault."""
    board = boards("amd64")
    board.run("cd80 0f05")
    frame = board.machine.frame()
    good, frame.cs = frame.cs, selector
    with pytest.raises(BadSelector, match="0x23"):
        board.machine.resume(frame)
    frame.cs = good
    board.machine.resume(frame)
    assert attempt(board.machine.go()).gate == "syscall"


def test_data_segments_may_be_local_code_segments(boards: Boards) -> None:
    """A far call through memory reads its pointer in the segment that the prefix or DS names, base included."""
    board = boards("i386")
    base = DATA - 0x100
    board.machine.set_segments([(SLOT, base)])
    # mov ax, LOCAL; mov ds, ax; call far [0x100]
    board.map(CODE, R | X, b"\x66\xb8" + LOCAL.to_bytes(2, "little") + bytes.fromhex("8ed8 ff1d00010000"))
    board.map(DATA, R, bytes.fromhex("00000000 0700"))
    found = attempt(board.start())
    assert (found.gate, found.start) == ("lcall7", CODE + 6)
    # The same by FS, and from the code segment.
    for load, prefix in ((bytes.fromhex("8ee0"), b"\x64"), (b"", b"\x2e")):
        board = boards("i386")
        board.machine.set_segments([(SLOT, base)])
        code = b"\x66\xb8" + LOCAL.to_bytes(2, "little") + load + prefix + bytes.fromhex("ff1d00010000")
        if prefix == b"\x2e":
            board.map(CODE, R | X, far_jump(LOCAL, 0x200))
            board.map(DATA, R | X, bytes.fromhex("00000000 0700"))
            board.put(DATA + 0x100, prefix + bytes.fromhex("ff1d00010000"))
        else:
            board.map(CODE, R | X, code)
            board.map(DATA, R, bytes.fromhex("00000000 0700"))
        assert attempt(board.start()).gate == "lcall7"


def test_a_far_return_into_a_local_segment(boards: Boards) -> None:
    """retf loads it like a jump does."""
    board = boards("i386")
    board.machine.set_segments([(SLOT, DATA)])
    board.map(CODE, R | X, far_return(LOCAL, 0x10, 32))
    board.map(DATA + 0x10, R | X, bytes.fromhex("cd80"))
    found = attempt(board.start())
    assert (found.start, found.base, found.pc) == (DATA + 0x10, DATA, 0x12)


def test_user_code_cannot_write_the_tables(boards: Boards) -> None:
    """The system page is readable at most."""
    found = attempt(boards("i386").run("c705f0ffffff00000000"))
    assert (found.vector, found.data) == (FAULT, 0xFFFF_FFF0)
    found = attempt(boards("amd64").run("c7042500f0ffff00000000"))
    assert (found.vector, found.data) == (FAULT, 0xFFFF_FFFF_FFFF_F000)


def test_a_task_return_does_not_end_the_process(boards: Boards) -> None:
    """IRET with NT set wants the task that called: there is none, which is a fault like any other."""
    found = attempt(boards("i386").run("9c 810c2400400000 9d cf"))
    assert found.gate == ""
    assert found.vector in (10, 13)
    assert found.start == CODE + 9


def test_the_stack_of_a_64_bit_process_is_out_of_reach(boards: Boards) -> None:
    """32-bit code of a 64-bit process uses the lower half of RSP."""
    board = boards("amd64")
    board.map(CODE, R | X, to_32(DATA))
    board.map(DATA, R | X, bytes.fromhex("50"))
    found = attempt(board.start())
    assert (found.vector, found.data) == (FAULT, (board.sp & 0xFFFF_FFFF) - 4)
    board.map(DATA, R | X, bytes.fromhex("50cd80"))
    board.map(0x7000, R | W)
    assert attempt(board.start(sp=0x7800)).regs[4] == 0x7800 - 4
