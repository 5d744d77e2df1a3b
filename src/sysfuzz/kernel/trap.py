"""The check at kernel entry: from what hardware saved, does this call come from a mapping that may not make one?

Only the frame is looked at: the gate, the next address, CS. Prefixes are invisible here, the address of a sysenter is recorded by nobody, and
an address in a register is user code's word: neither is used. A process without the mark is let through without a look at its map.
"""

from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import Frame
from sysfuzz.program.layout import USER_CODE64
from sysfuzz.program.outcome import NOSYSCALLS

# How far the saved address lies behind the opcode: SYSCALL (0F 05) and INT n (CD n) are 2 bytes, the far call (9A, 32-bit offset,
# selector) is 7; the same numbers that NetBSD's entry code leaves in the frame's error slot (tf_err).
OPCODE_SIZE = {"syscall": 2, "int80": 2, "lcall7": 7, "lcall27": 7}

MASK32 = 0xFFFF_FFFF
MASK64 = 0xFFFF_FFFF_FFFF_FFFF


def is_wide(cs: int) -> bool:
    """Whether selector `cs` names the 64-bit code segment."""
    return cs == USER_CODE64


def segment(process: Process, cs: int) -> tuple[int, int]:
    """(base, mask of an offset and of a linear address) of the code segment that selector `cs` names."""
    if is_wide(cs):
        return 0, MASK64
    return (process.segments.get(cs >> 3, 0) if cs & 4 else 0), MASK32


def origin(process: Process, frame: Frame) -> tuple[int, int]:
    """(offset, linear address) of the first opcode byte of the entry that made `frame`."""
    base, mask = segment(process, frame.cs)
    offset = (frame.pc - OPCODE_SIZE[frame.gate]) & mask
    return offset, (base + offset) & mask


def blocked(process: Process, frame: Frame) -> bool:
    """Whether an opcode byte of the entry lies in a no-syscalls mapping. Takes the map lock for marked processes only."""
    if not process.marked:
        return False
    _, mask = segment(process, frame.cs)
    _, first = origin(process, frame)
    last = first + OPCODE_SIZE[frame.gate]
    vm = process.vm
    if last <= mask + 1:
        return vm.carries(first, last, NOSYSCALLS)
    return vm.carries(first, mask + 1, NOSYSCALLS) or vm.carries(0, last - mask - 1, NOSYSCALLS)


# Legacy prefixes (Intel SDM vol. 2, 2.1.1), which may stand before an opcode in any order and number up to 15 bytes in all.
_PREFIXES = frozenset((0x66, 0x67, 0xF2, 0xF3, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65))
_MAX_INSTRUCTION = 15


def sysenter_at(code: bytes, wide: bool) -> int:
    """Number of prefix bytes before a SYSENTER at the start of `code`, or -1 if that is no SYSENTER.

    This tells the #GP of a disabled SYSENTER from any other; `wide` means 64-bit code, where 40-4F are prefixes too.
    """
    for count, byte in enumerate(code[: _MAX_INSTRUCTION - 1]):
        if byte == 0x0F:
            return count if code[count + 1 : count + 2] == b"\x34" else -1
        if byte not in _PREFIXES and not (wide and byte & 0xF0 == 0x40):
            return -1
    return -1
