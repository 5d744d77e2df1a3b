"""The system page: descriptor tables, task state and the few instructions that change the privilege level or the code segment.

One physical page holds all that the CPU itself reads. It lies at the top of the linear address space, above anything that user code can map.
Descriptor formats: Intel SDM vol. 3, 3.4.5 and 7.2.1. What a segment is good for is decided elsewhere; this file lays bytes out.

User code can read the page, as it can on no real kernel: a TLB fill does not tell the CPU's own access from the program's. It cannot write it.
"""

from collections.abc import Sequence
from mmap import mmap
from typing import NamedTuple

from sysfuzz.program.ir import Mode
from sysfuzz.program.layout import USER_CODE32, USER_CODE64, USER_DATA

SYSTEM: dict[Mode, int] = {"amd64": 0xFFFF_FFFF_FFFF_F000, "i386": 0xFFFF_F000}
# The same page where 32-bit code of amd64 can execute it, while the code segment is being changed.
SYSTEM_LOW = 0xFFFF_F000

KERNEL_DATA = 0x18
LDT_SLOTS = 64
FIRST_USER_SLOT = 8  # those below are the kernel's: 0 and 4 are the call gates of lcall $7 and $0x27

# Offsets in the page.
_GDT = 0x000
_CODE_ENTER = 0x100
_CODE_CROSS = {64: 0x140, 32: 0x150}
_CODE_PROBE = {14: 0x160, 13: 0x170, 0: 0x180}
_FRAME = 0x200
_LDT = 0x400
_TSS = 0x800

# Behind the end of the global table: nobody can load them again.
LDT_SELECTOR, TSS_SELECTOR = 0x38, 0x40
GDT_LIMIT = USER_CODE64 + 4
LDT_LIMIT = LDT_SLOTS * 8 - 1
TSS_LIMIT = 0x67

# Type fields (SDM vol. 3, tables 3-1 and 3-2), accessed bit set so that the CPU never writes to the page.
_CODE, _DATA = 0x1B, 0x13
TSS_FLAGS = 0x8B00  # present, busy 32-bit or 64-bit task state: the second word of a descriptor, as Unicorn wants it
LDT_FLAGS = 0x8200

# Into user mode, once: load the data segments, then return from an interrupt that never was. 32-bit code needs a stack segment first: before
# that its stack pointer is 16 bits wide.
_ENTER: dict[Mode, bytes] = {
    "amd64": b"\x66\xb8" + USER_DATA.to_bytes(2, "little") + bytes.fromhex("8ed8 8ec0 48cf"),
    "i386": b"\x66\xb8"
    + KERNEL_DATA.to_bytes(2, "little")
    + bytes.fromhex("8ed0 66b8")
    + USER_DATA.to_bytes(2, "little")
    + bytes.fromhex("8ed8 8ec0 cf"),
}
# From one user code segment into another, by code of either width: iretq, iret.
_CROSS = {64: bytes.fromhex("48cf"), 32: b"\xcf"}
# Code that raises an exception, by vector: mov eax, [rax]; hlt; div eax.
_PROBE = {14: bytes.fromhex("8b00"), 13: b"\xf4", 0: bytes.fromhex("f7f0")}


class Segment(NamedTuple):
    """A code segment of user mode, 4 GiB (or all) in size."""

    bits: int
    base: int


def _descriptor(base: int, kind: int, privilege: int, wide: bool = False) -> bytes:
    """A segment of 4 GiB; `wide` makes it 64-bit code."""
    flags = 0xA if wide else 0xC  # granularity 4 KiB, and L or D/B
    access = 0x80 | privilege << 5 | kind & 0x1F
    value = 0xFFFF | (base & 0xFF_FFFF) << 16 | access << 40 | 0xF << 48 | flags << 52 | (base >> 24) << 56
    return value.to_bytes(8, "little")


def ldt_selector(slot: int) -> int:
    """The selector of a slot of the local table."""
    return slot * 8 | 7


class SystemPage:
    """The page at physical address `paddr` of `buffer`, laid out for `mode`."""

    def __init__(self, mode: Mode, buffer: mmap, paddr: int) -> None:
        self.linear = SYSTEM[mode]
        self.gdt = self.linear + _GDT
        self.ldt = self.linear + _LDT
        self.tss = self.linear + _TSS
        self._buffer = buffer
        self._paddr = paddr
        self._gdt_segments = {USER_CODE32: Segment(32, 0)}
        table = {KERNEL_DATA: _descriptor(0, _DATA, 0), USER_CODE32: _descriptor(0, _CODE, 3)}
        table[USER_DATA] = _descriptor(0, _DATA, 3)
        if mode == "amd64":
            self._gdt_segments[USER_CODE64] = Segment(64, 0)
            table[USER_CODE64] = _descriptor(0, _CODE, 3, wide=True)
        for selector, descriptor in table.items():
            self._put(_GDT + (selector & -8), descriptor)
        # Written once: code that the emulator has translated must not change behind its back.
        self._put(_CODE_ENTER, _ENTER[mode])
        for bits, code in _CROSS.items():
            self._put(_CODE_CROSS[bits], code)
        for vector, code in _PROBE.items():
            self._put(_CODE_PROBE[vector], code)
        self.segments: dict[int, Segment] = dict(self._gdt_segments)  # by selector, as CS holds it
        self._slots: tuple[tuple[int, int], ...] = ()

    def _put(self, offset: int, data: bytes) -> None:
        at = self._paddr + offset
        self._buffer[at : at + len(data)] = data

    def has_local(self) -> bool:
        """Whether the local table holds a segment."""
        return bool(self._slots)

    def set_segments(self, slots: Sequence[tuple[int, int]]) -> None:
        """Make the local table hold exactly 32-bit user code segments at the bases of `slots`, (slot, base) with slot 8 to 63."""
        if tuple(slots) == self._slots:
            return
        table = bytearray(LDT_LIMIT + 1)
        self.segments = dict(self._gdt_segments)
        for slot, base in slots:
            if not FIRST_USER_SLOT <= slot < LDT_SLOTS:
                raise ValueError(f"slot {slot}; supported: {FIRST_USER_SLOT} to {LDT_SLOTS - 1}")
            table[slot * 8 : slot * 8 + 8] = _descriptor(base, _CODE, 3)
            self.segments[ldt_selector(slot)] = Segment(32, base)
        self._put(_LDT, bytes(table))
        self._slots = tuple(slots)

    def enter(self, selector: int, bits: int) -> tuple[int, int]:
        """Code of width `bits` that goes from ring 0 to offset 0 of user segment `selector`: its linear address, and that of its stack."""
        self._frame(selector, bits)
        return self.linear + _CODE_ENTER, self.linear + _FRAME

    def cross(self, selector: int, bits: int) -> tuple[int, int]:
        """Code of width `bits` that goes from one user segment to offset 0 of another: addresses as `enter` gives them."""
        self._frame(selector, bits)
        linear = self.linear if bits == 64 else SYSTEM_LOW
        return linear + _CODE_CROSS[bits], linear + _FRAME

    def probe(self, vector: int) -> int:
        """Linear address of code that raises exception 0, 13, or 14 (by reading where RAX points) at ring 3, with RAX = 0 for 0."""
        return self.linear + _CODE_PROBE[vector]

    def _frame(self, selector: int, bits: int) -> None:
        """What an interrupt would have pushed: offset, CS, flags (interrupts enabled), stack pointer, SS."""
        words = (0, selector, 0x202, 0, USER_DATA)
        self._put(_FRAME, b"".join(word.to_bytes(bits // 8, "little") for word in words))
