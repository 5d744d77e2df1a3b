"""Named code blocks: the idioms that tests, generators and documents show, spelled once.

Every function returns position-independent bytes, or is given the address that it needs; `bits` is the width of the code segment that they
are for. System call numbers and argument places are NetBSD's (docs/semantics.md). What becomes of a call is not known here.
"""

from collections.abc import Sequence

from sysfuzz.program.layout import USER_CODE32, USER_CODE64
from sysfuzz.program.names import R8, R9, R10, RAX, RDI, RDX, RSI
from sysfuzz.x86.entries import ENTRIES

EXIT = 1
GETPID = 20
MMAP = 197

NOP = b"\x90"
RET = b"\xc3"

_ARGUMENTS = (RDI, RSI, RDX, R10, R8, R9)


def prefixed(name: str, count: int, prefix: int = 0x66) -> bytes:
    """The entry `name` of the catalogue behind `count` equal prefix bytes."""
    return bytes((prefix,)) * count + ENTRIES[name].code


def load(register: int, value: int, bits: int) -> bytes:
    """mov register, value, for a register by its number."""
    if value < 1 << 32:
        high = b"\x41" if register >= R8 else b""
        return high + bytes((0xB8 | register & 7,)) + value.to_bytes(4, "little")
    if bits != 64:
        raise ValueError(f"{value:#x} does not fit a register of {bits}-bit code")
    return bytes((0x48 | register >> 3, 0xB8 | register & 7)) + value.to_bytes(8, "little")


def push(value: int) -> bytes:
    """push value; 64-bit code sign-extends it from 32 bits."""
    return b"\x68" + (value & 0xFFFF_FFFF).to_bytes(4, "little")


def call(name: str, number: int, arguments: Sequence[int], bits: int) -> bytes:
    """System call `number` through the entry `name`, arguments where that width has them, the stack as before.

    64-bit: six in registers, the rest above one word of stack; 32-bit: all above one word (a return address, for libc). Not for sysenter,
    which comes back by EDX and ECX: see `sysenter`.
    """
    in_registers = arguments[:6] if bits == 64 else ()
    on_stack = [*reversed(arguments[len(in_registers) :])]
    code = b"".join(load(register, value, bits) for register, value in zip(_ARGUMENTS, in_registers, strict=False))
    if on_stack:
        code += b"".join(map(push, on_stack)) + b"\x50"  # push rax: the word that stands for a return address
    code += load(RAX, number, bits) + ENTRIES[name].code
    if on_stack:
        size = (len(on_stack) + 1) * bits // 8
        code += (b"\x48" if bits == 64 else b"") + b"\x83\xc4" + bytes((size,))  # add rsp, size
    return code


def getpid(name: str, bits: int) -> bytes:
    """getpid: the call without effect."""
    return call(name, GETPID, (), bits)


def exit_(name: str, bits: int, status: int = 0) -> bytes:
    """exit(status)."""
    return call(name, EXIT, (status,), bits)


def mmap(name: str, bits: int, addr: int, size: int, prot: int, flags: int, fd: int = -1, offset: int = 0) -> bytes:
    """mmap with the padding word that NetBSD has before the offset, which is two words wide in 32-bit code."""
    mask = (1 << bits) - 1
    offsets = (offset,) if bits == 64 else (offset & mask, offset >> 32)
    return call(name, MMAP, (addr, size, prot, flags, fd & mask, 0, *offsets), bits)


def sysenter(number: int, bits: int) -> bytes:
    """System call `number` without arguments by sysenter, told to come back right behind it."""
    size = len(ENTRIES["sysenter"].code)
    if bits == 64:
        way_back = bytes.fromhex("4889e1 488d15") + size.to_bytes(4, "little")  # mov rcx, rsp; lea rdx, [rip + size]
    else:
        # mov ecx, esp; call next; next: pop edx; add edx, distance (this pop and this add are four bytes)
        way_back = bytes.fromhex("89e1 e800000000 5a 83c2") + bytes((size + 4,))
    return load(RAX, number, bits) + way_back + ENTRIES["sysenter"].code


def far_return(selector: int, target: int, bits: int) -> bytes:
    """Go on at offset `target` of segment `selector` by a far return; from 64-bit code `target` is below 2 GiB."""
    return push(selector) + push(target) + (b"\x48\xcb" if bits == 64 else b"\xcb")


def to_32(target: int) -> bytes:
    """From 64-bit code into 32-bit code at `target`."""
    return far_return(USER_CODE32, target, 64)


def to_64(target: int) -> bytes:
    """From 32-bit code into 64-bit code at `target`, by a direct far jump."""
    return far_jump(USER_CODE64, target)


def far_jump(selector: int, target: int) -> bytes:
    """A direct far jump, which exists in 32-bit code only."""
    return b"\xea" + target.to_bytes(4, "little") + selector.to_bytes(2, "little")


def far_call_memory(selector: int, bits: int) -> bytes:
    """A far call through a pointer that the block pushes first; the offset is 0, which call gates ignore."""
    if bits == 64:
        # push 0; mov dword [rsp + 4], selector; call far [rsp]
        return push(0) + bytes.fromhex("c7442404") + selector.to_bytes(4, "little") + bytes.fromhex("ff1c24")
    return push(selector) + push(0) + bytes.fromhex("ff1c24")


def self_modifying(name: str, bits: int) -> bytes:
    """Code that writes a two-byte entry over two nops and runs into it; its page must be writable."""
    code = ENTRIES[name].code
    if bits == 64:
        return bytes.fromhex("66c705 00000000") + code + NOP * 2  # mov word [rip + 0], code
    return (
        bytes.fromhex("e800000000 59 66c74107") + code + NOP * 2
    )  # call next; next: pop ecx; mov word [ecx + 7], code


def hidden(name: str) -> bytes:
    """A two-byte entry in the immediate of a mov, behind its first byte: only a jump to offset 1 finds it."""
    return b"\xb9" + ENTRIES[name].code + NOP * 2
