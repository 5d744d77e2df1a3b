"""The catalogue of kernel entries: every instruction by which user code asks for the kernel, or looks as if it did.

One row an instruction: its opcode bytes, the gate that it goes through (or the exception that it raises instead), and where it is legal. Legal
means the width of the code segment, whether the kernel runs in long mode, and who made the CPU. `scan` finds out which row stands at the start
of some bytes. This file knows what the CPU does with an instruction; where one lies, and what a kernel says to it, is not its business.

Sources: AMD64 APM vol. 3 (24594) and Intel SDM vol. 2, the pages of the instructions; prefixes: SDM vol. 2, 2.1.1 and 2.2.1. LOCK and the VEX
forms were also run on an AMD CPU (family 25): all #UD, prefixed `int` included.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sysfuzz.program.ir import VENDORS, Mode, Vendor

MAX_INSTRUCTION = 15  # bytes; one more is #GP (SDM vol. 2, 2.3.11)

# Exception vectors (SDM vol. 3, table 6-1).
DEBUG = 1
BREAKPOINT = 3
OVERFLOW = 4
INVALID_OPCODE = 6
STACK_FAULT = 12
GENERAL_PROTECTION = 13
PAGE_FAULT = 14

LOCK = 0xF0
LEGACY_PREFIXES = bytes.fromhex("66 67 f2 f3 2e 36 3e 26 64 65 f0")
REX_PREFIXES = bytes(range(0x40, 0x50))

# What may stand before an opcode, by the width of the code segment: 40-4F are INC and DEC outside 64-bit code.
PREFIXES: Mapping[int, bytes] = {64: LEGACY_PREFIXES + REX_PREFIXES, 32: LEGACY_PREFIXES}


class World(NamedTuple):
    """Where an instruction is executed."""

    mode: Mode  # "amd64": the kernel runs in long mode; "i386": it does not
    bits: int  # width of the code segment: 64 or 32
    vendor: Vendor


_WIDTHS: tuple[tuple[Mode, int], ...] = (("amd64", 64), ("amd64", 32), ("i386", 32))
WORLDS = tuple(World(mode, bits, vendor) for mode, bits in _WIDTHS for vendor in VENDORS)


def _worlds(*, mode: Mode | None = None, bits: int | None = None, vendor: Vendor | None = None) -> frozenset[World]:
    return frozenset(
        world
        for world in WORLDS
        if mode in (None, world.mode) and bits in (None, world.bits) and vendor in (None, world.vendor)
    )


_EVERYWHERE = _worlds()
_CODE32 = _worlds(bits=32)


class Entry(NamedTuple):
    """One row: an instruction that enters the kernel through `gate`, or raises `vector`."""

    name: str
    code: bytes  # opcode, operands included, without prefixes; one example where operands vary
    gate: str = ""  # as program.outcome.Attempt says it; "" if the instruction never enters
    vector: int = -1  # what it raises; -1 for a gate
    trap: bool = False  # the saved address is that of the next instruction, as for a gate
    worlds: frozenset[World] = _EVERYWHERE  # where it is no #UD

    @property
    def size(self) -> int:
        """Number of opcode bytes."""
        return len(self.code)


def legal(entry: Entry, mode: Mode, bits: int, vendor: Vendor) -> bool:
    """Whether `entry`, without a LOCK prefix, does what its row says; otherwise it is #UD."""
    return (mode, bits, vendor) in entry.worlds


SYSCALL = Entry(
    "syscall",
    bytes.fromhex("0f05"),
    gate="syscall",
    worlds=_worlds(vendor="amd") | _worlds(bits=64),  # Intel: #UD outside 64-bit code
)
SYSENTER = Entry(
    "sysenter",
    bytes.fromhex("0f34"),
    gate="sysenter",
    worlds=_worlds(vendor="intel") | _worlds(mode="i386"),  # AMD: #UD in long mode, compatibility code included
)
INT80 = Entry("int80", bytes.fromhex("cd80"), gate="int80")
# The kernel's local table has call gates in slots 0 and 4; they ask for privilege 3, so any requested privilege will do.
LCALL7 = Entry("lcall7", bytes.fromhex("9a 00000000 0700"), gate="lcall7", worlds=_CODE32)
LCALL27 = Entry("lcall27", bytes.fromhex("9a 00000000 2700"), gate="lcall27", worlds=_CODE32)
LCALL = Entry("lcall", bytes.fromhex("9a 00000000 0f00"), vector=GENERAL_PROTECTION, worlds=_CODE32)
# Through memory: the selector, and with it the gate, is known when the operand is read.
LCALL_MEMORY = Entry("lcall [m]", bytes.fromhex("ff1c24"), vector=GENERAL_PROTECTION)
INT3 = Entry("int3", b"\xcc", vector=BREAKPOINT, trap=True)
INT_3 = Entry("int 3", bytes.fromhex("cd03"), vector=BREAKPOINT, trap=True)
INTO = Entry("into", b"\xce", vector=OVERFLOW, trap=True, worlds=_CODE32)
INT_4 = Entry("int 4", bytes.fromhex("cd04"), vector=OVERFLOW, trap=True)
ICEBP = Entry("icebp", b"\xf1", vector=DEBUG, trap=True)
# The gates of all other vectors ask for privilege 0: #GP at the instruction.
INT = Entry("int", bytes.fromhex("cd81"), vector=GENERAL_PROTECTION)
UD0 = Entry("ud0", bytes.fromhex("0fff"), vector=INVALID_OPCODE)
UD1 = Entry("ud1", bytes.fromhex("0fb9"), vector=INVALID_OPCODE)
UD2 = Entry("ud2", bytes.fromhex("0f0b"), vector=INVALID_OPCODE)

ENTRIES: Mapping[str, Entry] = {
    entry.name: entry
    for entry in (
        SYSCALL, SYSENTER, INT80, LCALL7, LCALL27, LCALL, LCALL_MEMORY,
        INT3, INT_3, INTO, INT_4, ICEBP, INT, UD0, UD1, UD2,
    )
}  # fmt: skip


def gates(mode: Mode, bits: int, vendor: Vendor) -> tuple[Entry, ...]:
    """The rows that do enter a kernel in that world, in the order of the table."""
    return tuple(entry for entry in ENTRIES.values() if entry.gate and legal(entry, mode, bits, vendor))


def call_gate(selector: int) -> str:
    """The gate behind `selector`: "lcall7", "lcall27", or "" if it is no call gate."""
    return {0x07: "lcall7", 0x27: "lcall27"}.get(selector | 3, "")


class Scan(NamedTuple):
    """What stands at the start of some bytes."""

    prefix: int  # number of prefix bytes
    entry: Entry | None  # the row of the opcode behind them, if it is one
    locked: bool  # a LOCK prefix is among the prefixes: #UD, whatever the row says


def _far_calls() -> Iterable[tuple[bytes, Entry]]:
    """FF /3 with a memory operand: three of the four ModRM modes."""
    for modrm in range(0xC0):
        if modrm >> 3 & 7 == 3:
            yield bytes((0xFF, modrm)), LCALL_MEMORY


# The first two opcode bytes tell all rows but those of one byte and the far call, whose selector comes later.
_BY_TWO: Mapping[bytes, Entry] = {
    **{bytes((0xCD, vector)): INT for vector in range(256)},
    **dict(_far_calls()),
    **{entry.code: entry for entry in (SYSCALL, SYSENTER, INT80, INT_3, INT_4, UD0, UD1, UD2)},
}
_BY_ONE: Mapping[bytes, Entry] = {**{entry.code: entry for entry in (INT3, INTO, ICEBP)}, b"\x9a": LCALL}
_LCALLS: Mapping[str, Entry] = {"lcall7": LCALL7, "lcall27": LCALL27, "": LCALL}


def scan(code: bytes, bits: int) -> Scan:
    """Split what `code` starts with into prefixes and row; `bits` is the width of the code segment.

    Bytes that are cut short are no row. VEX forms are none: hardware refuses them. Nothing is said about the length of the whole. A far call
    with a 66 prefix has a 16-bit offset, hence five opcode bytes where its row has seven.
    """
    rest = code.lstrip(PREFIXES[bits])
    prefix = len(code) - len(rest)
    locked = prefix > 0 and LOCK in code[:prefix]
    entry = _BY_TWO.get(rest[:2]) or _BY_ONE.get(rest[:1])
    if entry is LCALL:
        offset = 2 if prefix and b"\x66" in code[:prefix] else 4
        selector = rest[1 + offset : 3 + offset]
        entry = _LCALLS[call_gate(int.from_bytes(selector, "little"))] if len(selector) == 2 else None
    return Scan(prefix, entry, locked)
