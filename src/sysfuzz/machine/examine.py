"""From what the emulator reports to what the CPU did: every stop of a run becomes an Attempt.

The emulator reports an interrupt with the address behind the instruction, a fault with that before it, and lets system calls through that
hardware refuses. Here the bytes in question are looked at, and the catalogue of entries has the last word: which instruction was it, where does
it begin, does this CPU have it, what does hardware save. Nothing here runs anything; what hardware would have changed by then is changed in
the copy of the registers that a stop comes with.
"""

from collections.abc import Callable
from typing import NamedTuple

from sysfuzz.machine.descriptors import Segment
from sysfuzz.machine.mmu import Mmu, canonical
from sysfuzz.program.ir import Mode, Vendor
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE, R11, RBP, RCX, RSP
from sysfuzz.program.outcome import Attempt
from sysfuzz.x86 import decode
from sysfuzz.x86.entries import (
    BREAKPOINT,
    DEBUG,
    GENERAL_PROTECTION,
    INVALID_OPCODE,
    LCALL,
    LCALL7,
    LCALL27,
    LCALL_MEMORY,
    MAX_INSTRUCTION,
    OVERFLOW,
    PAGE_FAULT,
    PREFIXES,
    STACK_FAULT,
    SYSCALL,
    SYSENTER,
    Entry,
    call_gate,
    legal,
    scan,
)

STACK_BYTES = 64  # of an Attempt
RESUME_FLAG = 0x1_0000

_INT = 0xCD
_INT3 = b"\xcc"
_INTO = b"\xce"
_INT_1 = bytes.fromhex("cd01")
# ins, outs: refused at user level by #GP, before their memory operand is touched.
_PORT_STRINGS = (b"\x6c", b"\x6d", b"\x6e", b"\x6f")
_SEGMENTS = bytes.fromhex("26 2e 36 3e 64 65")
_FAR_CALLS = (LCALL, LCALL7, LCALL27)


def _plain(code: bytes, prefix: int) -> tuple[bytes, int]:
    """`code` with only those of its first `prefix` bytes that change what the instruction means, and their number.

    Hardware takes any prefixes in any order, the last segment counts; decoders give up where they find many.
    """
    prefixes = code[:prefix]
    segments = [byte for byte in prefixes if byte in _SEGMENTS]
    kept = bytes(segments[-1:]) + b"\x66" * (0x66 in prefixes) + b"\x67" * (0x67 in prefixes)
    if prefixes and 0x40 <= prefixes[-1] <= 0x4F:
        kept += prefixes[-1:]
    return kept + code[prefix:], len(kept)


class CpuState:
    """The CPU when a run stopped."""

    __slots__ = ("base", "bits", "flags", "mask", "pc", "regs")

    def __init__(self, regs: list[int], flags: int, pc: int, segment: Segment) -> None:
        self.regs = regs
        self.flags = flags
        self.pc = pc  # offset in the code segment
        self.bits, self.base = segment
        self.mask = (1 << self.bits) - 1  # all bits of an offset and of a linear address

    def linear(self, offset: int) -> int:
        """Linear address of an offset in the code segment."""
        return self.base + offset & self.mask

    def offset(self, linear: int) -> int:
        """Offset in the code segment of a linear address."""
        return linear - self.base & self.mask


class Block(NamedTuple):
    """Straight-line code that the CPU entered last: linear address and size in bytes."""

    start: int
    size: int


class Examiner:
    """Makes Attempts for one CPU; `base_of` gives the base of the segment that a segment register names ("ds")."""

    def __init__(self, mode: Mode, vendor: Vendor, mmu: Mmu, base_of: Callable[[str], int]) -> None:
        self._mode = mode
        self._vendor = vendor
        self._word = LAYOUTS[mode].bits // 8
        self._mmu = mmu
        self._base_of = base_of

    # -- what the emulator reports ------------------------------------------------------------------------------------

    def system_call(self, cpu: CpuState, start: int) -> Attempt:
        """The emulator executed something as SYSCALL or SYSENTER that begins at offset `start`; `cpu` is behind it."""
        linear = cpu.linear(start)
        prefix, entry, locked = scan(self._mmu.code(linear, MAX_INSTRUCTION, cpu.mask), cpu.bits)
        if entry is not SYSCALL and entry is not SYSENTER:  # a VEX form
            return self._fault(cpu, INVALID_OPCODE, start, prefix, 0)
        if locked or not legal(entry, self._mode, cpu.bits, self._vendor):
            return self._fault(cpu, INVALID_OPCODE, start, prefix, entry.size)
        if entry is SYSENTER:
            return self._attempt(cpu, "sysenter", -1, linear, prefix, entry.size, 0)
        cpu.regs[RCX] = cpu.pc
        if self._mode == "amd64":
            cpu.regs[R11] = cpu.flags & ~RESUME_FLAG
        return self._attempt(cpu, "syscall", -1, linear, prefix, entry.size, cpu.pc)

    def interrupt(self, cpu: CpuState, vector: int, block: Block) -> Attempt:
        """The emulator raised `vector`: for a fault with the PC at the instruction, for an INT instruction behind it."""
        here = cpu.linear(cpu.pc)
        code = self._mmu.code(block.start, block.size, cpu.mask)
        behind = here - block.start & cpu.mask  # equals the size where an INT has ended the block, as it always does
        if vector == DEBUG and not self._is_int_1(code, cpu.bits):
            # Single step: the one instruction of the block is done, and the PC is wherever it led to.
            return self._attempt(cpu, "", DEBUG, block.start, scan(code, cpu.bits).prefix, 0, cpu.pc)
        if vector in (BREAKPOINT, OVERFLOW) and code[behind - 1 : behind] in (_INT3, _INTO):
            return self._software(cpu, block.start, code[:behind], 1)
        if behind == block.size and code[-2:] == bytes((_INT, vector)):
            return self._software(cpu, block.start, code, 2)
        if vector == GENERAL_PROTECTION:
            return self._far_call(cpu) or self.privileged(cpu)
        return self._fault_here(cpu, vector)

    def invalid(self, cpu: CpuState) -> Attempt:
        """The emulator knows no instruction at the PC, or does not take it for one: ICEBP, and INT 6."""
        linear = cpu.linear(cpu.pc)
        prefix, entry, locked = scan(self._mmu.code(linear, MAX_INSTRUCTION, cpu.mask), cpu.bits)
        if entry is None or entry.gate or locked or not legal(entry, self._mode, cpu.bits, self._vendor):
            return self._fault(cpu, INVALID_OPCODE, cpu.pc, prefix, entry.size if entry is not None else 0)
        return self._row(cpu, entry, linear, prefix, cpu.pc + prefix + entry.size & cpu.mask)

    def privileged(self, cpu: CpuState) -> Attempt:
        """The instruction at the PC is one that user code may not execute, nor any code behind a LOCK prefix."""
        code = self._mmu.code(cpu.linear(cpu.pc), MAX_INSTRUCTION, cpu.mask)
        return self._fault_here(cpu, INVALID_OPCODE if scan(code, cpu.bits).locked else GENERAL_PROTECTION)

    def data_refused(self, cpu: CpuState, address: int) -> Attempt:
        """A read or write at `address` was refused."""
        code = self._mmu.code(cpu.linear(cpu.pc), MAX_INSTRUCTION, cpu.mask)
        if code.lstrip(PREFIXES[cpu.bits])[:1] in _PORT_STRINGS:
            return self.privileged(cpu)
        if not canonical(address):
            return self._fault_here(cpu, STACK_FAULT if self._by_stack(cpu, code, address) else GENERAL_PROTECTION)
        return self._fault_here(cpu, PAGE_FAULT, address)

    def fetch_refused(self, cpu: CpuState, page: int, block: Block) -> Attempt:
        """The code on `page` was refused: at the PC, or further on in the instruction there, which then faults at the page's first byte."""
        if cpu.pc > cpu.mask:
            # A far return or IRET to 32-bit code above 4 GiB. The fault is told where the CPU has gone: the low half may be a mapped page.
            cpu.pc &= cpu.mask
            return self._fault_here(cpu, PAGE_FAULT, page)
        here = cpu.linear(cpu.pc)
        if not canonical(here):
            return self._wild_branch(cpu, block)
        return self._fault_here(cpu, PAGE_FAULT, here if here & -PAGE == page else page)

    @staticmethod
    def _is_int_1(code: bytes, bits: int) -> bool:
        """Whether straight-line `code` ends with INT 1, and not with an operand that looks like it."""
        at = decode.last_instruction(code, bits)
        return at >= 0 and code[at:].lstrip(PREFIXES[bits]) == _INT_1

    # -- what it was --------------------------------------------------------------------------------------------------

    def _software(self, cpu: CpuState, block: int, code: bytes, size: int) -> Attempt:
        """INT3, INTO or INT n (`size` bytes) at the end of `code`, which begins at linear address `block`; the PC is behind it."""
        first = decode.instruction_start(code, len(code) - size, cpu.bits)
        prefix, entry, locked = scan(code[first:], cpu.bits)
        linear = block + first & cpu.mask
        assert entry is not None
        if locked:
            return self._fault(cpu, INVALID_OPCODE, cpu.offset(linear), prefix, size)
        return self._row(cpu, entry, linear, prefix, cpu.pc)

    def _row(self, cpu: CpuState, entry: Entry, linear: int, prefix: int, behind: int) -> Attempt:
        """What the catalogue says of the legal instruction at `linear`; `behind` is the offset of the next."""
        if entry.gate or entry.trap:
            return self._attempt(cpu, entry.gate, entry.vector, linear, prefix, entry.size, behind)
        return self._fault(cpu, entry.vector, cpu.offset(linear), prefix, entry.size)

    def _far_call(self, cpu: CpuState) -> Attempt | None:
        """The emulator has no call gates: a far call to the selector of one is #GP. Here it goes through."""
        bits, mask = cpu.bits, cpu.mask
        linear = cpu.linear(cpu.pc)
        code = self._mmu.code(linear, MAX_INSTRUCTION, mask)
        prefix, entry, locked = scan(code, bits)
        if entry is None or locked or not legal(entry, self._mode, bits, self._vendor):
            return None
        wide = bool(prefix) and bits == 64 and 0x48 <= code[prefix - 1] <= 0x4F  # REX.W
        offset = 8 if wide else 2 if b"\x66" in code[:prefix] else 4
        if entry in _FAR_CALLS:
            gate, size = entry.gate, 1 + offset + 2
        elif entry is LCALL_MEMORY:
            plain, kept = _plain(code, prefix)
            size = decode.length(plain, bits) - kept
            if size <= 0 or prefix + size > MAX_INSTRUCTION:
                return None
            pointer = self._pointer(cpu, plain, prefix + size)
            gate = call_gate(int.from_bytes(self._mmu.data(pointer + offset & mask, 2, mask), "little"))
        else:
            return None
        if not gate:
            return None
        return self._attempt(cpu, gate, -1, linear, prefix, size, cpu.pc + prefix + size & mask)

    def _pointer(self, cpu: CpuState, code: bytes, size: int) -> int:
        """Linear address of the memory operand of the instruction of `size` bytes at the start of `code`."""
        operand = decode.memory_operand(code, cpu.bits)
        assert operand is not None
        register = operand.segment or ("ss" if operand.base in (RSP, RBP) else "ds")
        return self._base_of(register) + operand.address(cpu.regs, cpu.pc + size) & cpu.mask

    def _by_stack(self, cpu: CpuState, code: bytes, address: int) -> bool:
        """Whether 64-bit code reached `address` through the stack segment: RSP or RBP as base, or the stack pointer unnamed.

        FS and GS are the only prefixes that change it (run on an AMD CPU: `ds:[rbp]` is #SS, `fs:[rbp]` #GP).
        """
        operand = decode.memory_operand(code, 64)
        if operand is not None and operand.address(cpu.regs, cpu.pc + decode.length(code, 64)) == address:
            return operand.base in (RSP, RBP) and operand.segment not in ("fs", "gs")
        return decode.uses_stack(code, 64)

    def _wild_branch(self, cpu: CpuState, block: Block) -> Attempt:
        """The emulator has jumped to an address that is none; hardware faults at the branch (run on an AMD CPU: call, jmp, ret).

        The branch ends the last block. A near call or return has moved the stack pointer, which goes back; what a call has pushed stays.
        After a far return or an IRET the old stack pointer is not known.
        """
        code = self._mmu.code(block.start, block.size, cpu.mask)
        at = decode.last_instruction(code, 64)
        if not code or at < 0:  # no code: none was fetched since the kernel was in, which has sent the CPU there itself
            return self._fault_here(cpu, GENERAL_PROTECTION)
        branch = code[at:]
        opcode = branch.lstrip(PREFIXES[64])
        regs = cpu.regs
        if opcode[0] in (0xC2, 0xC3):
            regs[RSP] = regs[RSP] - 8 - int.from_bytes(opcode[1:3], "little") & cpu.mask
        elif opcode[0] == 0xE8 or (opcode[0] == 0xFF and opcode[1] >> 3 & 7 == 2):
            regs[RSP] = regs[RSP] + 8 & cpu.mask
        prefix = len(branch) - len(opcode)
        return self._fault(cpu, GENERAL_PROTECTION, cpu.offset(block.start + at), prefix, 0)

    # -- Attempts -----------------------------------------------------------------------------------------------------

    def _fault_here(self, cpu: CpuState, vector: int, data: int | None = None) -> Attempt:
        """A fault of the instruction at the PC."""
        prefix = scan(self._mmu.code(cpu.linear(cpu.pc), MAX_INSTRUCTION, cpu.mask), cpu.bits).prefix
        return self._fault(cpu, vector, cpu.pc, prefix, 0, data)

    def _fault(
        self, cpu: CpuState, vector: int, start: int, prefix: int, size: int, data: int | None = None
    ) -> Attempt:
        """A fault of the instruction at offset `start`."""
        return self._attempt(cpu, "", vector, cpu.linear(start), prefix, size, start, data)

    def _attempt(
        self,
        cpu: CpuState,
        gate: str,
        vector: int,
        linear: int,
        prefix: int,
        size: int,
        pc: int,
        data: int | None = None,
    ) -> Attempt:
        regs, mask = cpu.regs, cpu.mask
        arguments = regs[RCX if gate == "sysenter" else RSP] + self._word & mask
        return Attempt(
            gate,
            vector,
            linear,
            linear + prefix & mask,
            size,
            cpu.bits,
            cpu.base,
            pc,
            tuple(regs),
            cpu.flags,
            self._mmu.data(arguments, STACK_BYTES, mask),
            data,
        )
