"""Decoding by capstone: text for people, and the few questions about an instruction that need all of its encoding.

Capstone answers in 5 to 30 us, so what is asked at many executions is remembered by the code, and what is asked at each (is this an entry?) has
its own tables in `entries`. Knows instructions, not machines: registers are numbers, and nobody's memory is read.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import capstone
from capstone import x86_const

from sysfuzz.program.names import REGISTERS
from sysfuzz.x86.entries import MAX_INSTRUCTION, PREFIXES

# Answers that are remembered: a mutant mostly has the code of its parent.
_KNOWN_CODE = 1 << 14
_MODES = {64: capstone.CS_MODE_64, 32: capstone.CS_MODE_32}


@functools.cache
def _decoder(bits: int, detail: bool) -> Any:
    decoder = capstone.Cs(capstone.CS_ARCH_X86, _MODES[bits])
    decoder.detail = detail
    return decoder


def disassemble(addr: int, code: bytes, bits: int) -> list[str]:
    """One line an instruction, `0x1000: 0f05  syscall`; a byte that starts none is a line of its own, `(bad)`."""
    lines = []
    at = 0
    while at < len(code):
        size, text = 1, "(bad)"
        for _, length, mnemonic, operands in _decoder(bits, False).disasm_lite(
            code[at : at + MAX_INSTRUCTION], addr + at, 1
        ):
            size, text = length, f"{mnemonic} {operands}".rstrip()
        lines.append(f"{addr + at:#x}: {code[at : at + size].hex():<14}  {text}")
        at += size
    return lines


def length(code: bytes, bits: int) -> int:
    """Bytes of the instruction at the start of `code`; 0 if that is none: illegal, longer than 15 bytes, or cut short."""
    for _, size, _, _ in _decoder(bits, False).disasm_lite(code[:MAX_INSTRUCTION], 0, 1):
        return int(size)
    return 0


@functools.lru_cache(_KNOWN_CODE)
def instruction_start(code: bytes, opcode: int, bits: int) -> int:
    """Offset in straight-line `code` where the instruction begins whose first opcode byte has offset `opcode`.

    Only bytes that could be its prefixes are in question: `b0 66 cd 80` is a mov and an int, not a prefixed int. An instruction that the CPU
    executes and capstone does not know leaves the question open; then all of these bytes count as prefixes.
    """
    first = len(code[:opcode].rstrip(PREFIXES[bits]))
    if first == opcode:
        return opcode
    at = 0
    while at < first:
        size = length(code[at:], bits)
        if not size:
            return first
        at += size
    return at if at <= opcode else first


@functools.lru_cache(_KNOWN_CODE)
def last_instruction(code: bytes, bits: int) -> int:
    """Offset of the last instruction of straight-line `code`, or -1 if capstone does not know one on the way."""
    at = start = 0
    while at < len(code):
        size = length(code[at:], bits)
        if not size:
            return -1
        start, at = at, at + size
    return start


RIP = 16  # as the base of an operand: the number behind those of the general registers


class Operand(NamedTuple):
    """A memory operand; registers by number."""

    segment: str  # "fs", "gs" … if a prefix names it, else ""
    base: int  # -1: none; RIP: the next instruction
    scaled: int  # -1: none
    scale: int
    displacement: int
    bits: int  # width of the address

    def address(self, regs: Sequence[int], next_pc: int) -> int:
        """Offset in its segment, from the values of the general registers and the offset of the next instruction."""
        total = self.displacement
        if self.base == RIP:
            total += next_pc
        elif self.base >= 0:
            total += regs[self.base]
        if self.scaled >= 0:
            total += regs[self.scaled] * self.scale
        return total & (1 << self.bits) - 1


_NUMBERS = {
    **{name: number for number, name in enumerate(REGISTERS["amd64"])},
    **{name: number for number, name in enumerate(REGISTERS["i386"])},
    **{name[1:]: number for number, name in enumerate(REGISTERS["i386"])},  # 16-bit addressing: bx, bp, si, di
    **{f"r{number}d": number for number in range(8, 16)},
    "rip": RIP,
    "eip": RIP,
}


def memory_operand(code: bytes, bits: int) -> Operand | None:
    """The explicit memory operand of the instruction at the start of `code`; None if it has none or is illegal."""
    for instruction in _decoder(bits, True).disasm(code[:MAX_INSTRUCTION], 0, 1):
        for operand in instruction.operands:
            if operand.type == x86_const.X86_OP_MEM:
                memory = operand.mem
                return Operand(
                    segment=instruction.reg_name(memory.segment) or "",
                    base=_NUMBERS.get(instruction.reg_name(memory.base), -1),
                    scaled=_NUMBERS.get(instruction.reg_name(memory.index), -1),
                    scale=memory.scale,
                    displacement=memory.disp,
                    bits=instruction.addr_size * 8,
                )
    return None


# Opcodes behind which the CPU does not go on by itself: jmp, ret, iret, far call, and what stops for the kernel or faults: int, icebp, hlt.
_ENDING_OPCODES = frozenset(bytes.fromhex("9a c2 c3 ca cb cc cd ce cf e9 ea eb f1 f4"))
_ENDING_OPCODES_0F = frozenset(bytes.fromhex("05 07 0b 34 35 b9 ff"))  # syscall, sysret, ud2, sysenter, …, ud1, ud0
_ENDING_OPCODES_FF = frozenset((4, 5))  # /4 and /5: jmp


@functools.lru_cache(_KNOWN_CODE)
def runs_off(code: bytes, bits: int) -> bool:
    """Whether `code`, decoded from its start, may go on behind its end, where zeros are. Jumps within it are not followed."""
    last = 0
    for at, size, _, _ in _decoder(bits, False).disasm_lite(code + bytes(MAX_INSTRUCTION), 0):
        last = at
        if at + size >= len(code):
            break
    else:
        return True  # CPUs, and what stands for one, execute more than capstone knows
    opcode = code[last:].lstrip(PREFIXES[bits])
    first, second = (*opcode[:2], 0, 0)[:2]
    if first == 0x0F:
        return second not in _ENDING_OPCODES_0F
    if first == 0xFF:
        return second >> 3 & 7 not in _ENDING_OPCODES_FF
    return first not in _ENDING_OPCODES


# Opcodes that read or write memory at the stack pointer without naming it: push, pop, call, ret, enter, leave, iret in their forms.
_STACK_OPCODES = frozenset(bytes(range(0x50, 0x62)) + bytes.fromhex("68 6a 8f 9a 9c 9d c2 c3 c8 c9 ca cb cf e8"))
_STACK_OPCODES_32 = _STACK_OPCODES | frozenset(bytes.fromhex("06 07 0e 16 17 1e 1f"))
_STACK_OPCODES_0F = frozenset(bytes.fromhex("a0 a1 a8 a9"))
_STACK_OPCODES_FF = frozenset((2, 3, 6))  # /2 and /3 call, /6 push


def uses_stack(code: bytes, bits: int) -> bool:
    """Whether the instruction at the start of `code` reads or writes at the stack pointer without naming it."""
    opcode = code.lstrip(PREFIXES[bits])
    first, second = (*opcode[:2], 0, 0)[:2]
    if first == 0x0F:
        return second in _STACK_OPCODES_0F
    if first == 0xFF:
        return second >> 3 & 7 in _STACK_OPCODES_FF
    return first in (_STACK_OPCODES if bits == 64 else _STACK_OPCODES_32)
