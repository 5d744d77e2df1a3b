"""Passes over machine code: fewer bytes, then NOPs, then the plainest encoding of a kernel entry.

Where code begins, and where in it a run starts, move together: each cut is tried with the code behind it moved down, and with the code before
it moved up, for an instruction that lies across a page's end must stay there.
"""

from collections.abc import Iterator

from sysfuzz.minimise.edit import Site, address_mask, sites, unique, with_args, with_registers
from sysfuzz.minimise.search import Shown
from sysfuzz.program.ir import Arg, Kind, Program, width
from sysfuzz.program.names import MAP, PAGE, REGISTERS
from sysfuzz.x86.decode import length
from sysfuzz.x86.entries import ENTRIES, LEGACY_PREFIXES, scan
from sysfuzz.x86.snippets import NOP

_ENTRIES = sorted({entry.code for entry in ENTRIES.values()}, key=lambda code: (len(code), code))
_POINTING = frozenset(("run", "peek", "poke", "sigaction"))  # their addresses are of bytes, not of pages
_ANON = MAP["MAP_ANON"]
_FLAGGED = _ANON | MAP["MAP_NOSYSCALLS"]
_REX_B, _REX_W, _REX_WB = b"\x41", b"\x48", b"\x49"


def entry_alone(shown: Shown) -> Iterator[Program]:
    """One kernel entry in the place of all that a poke writes: what most bugs need. Runs from that page begin there, or where they did."""
    program = shown.program
    for site, _ in _codes(program):
        addr = program.ops[site.op].args[0]
        runs: dict[Site, Arg] = {}
        for index, op in enumerate(program.ops):
            if op.call == "run" and isinstance(addr, int):
                start = op.args[0]
                if isinstance(start, int) and start // PAGE == addr // PAGE:
                    runs[Site(index, 0, Kind.ADDR)] = addr
        for entry in _ENTRIES:
            yield with_args(program, {site: entry})
            yield with_args(program, {**runs, site: entry})


def attached_by_hand(shown: Shown) -> Iterator[Program]:
    """A mapping with the attribute from the start, and one kernel entry in the place of code that may have attached it by an mmap of its own."""
    program = shown.program
    for site, _ in _codes(program):
        for index, op in enumerate(program.ops):
            if op.call == "mmap" and isinstance(op.args[3], int) and not op.args[3] & _FLAGGED & ~_ANON:
                flagged: dict[Site, Arg] = {
                    Site(index, 3, Kind.MAP): _FLAGGED,
                    Site(index, 4, Kind.FD): -1,
                    Site(index, 5, Kind.OFFSET): 0,
                }
                for entry in _ENTRIES:
                    yield with_args(program, {**flagged, site: entry})


def loads(shown: Shown) -> Iterator[Program]:
    """Registers that hold from the start what code loads into them; all loads of a poke first."""
    program = shown.program
    for site, code in _codes(program):
        found = list(_loads(code, width(program.mode)))
        for chosen in (found, *([one] for one in found)):
            kept = bytearray(code)
            for start, end, _, _ in reversed(chosen):
                del kept[start:end]
            if chosen and kept:
                values = {**dict(program.regs), **{name: number for _, _, name, number in chosen}}
                yield with_registers(with_args(program, {site: bytes(kept)}), values)


def cuts(shown: Shown) -> Iterator[Program]:
    """Delete bytes: half of them, then ever fewer, from the end on."""
    program = shown.program
    for site, code in _codes(program):
        size = len(code) // 2
        while size:
            for end in range(len(code), 0, -size):
                start = max(end - size, 0)
                if end - start < len(code):
                    yield from unique(_cut(program, site, code, start, end))
            size //= 2


def nops(shown: Shown) -> Iterator[Program]:
    """Instructions become NOPs: their bytes can go when nothing jumps over them any more."""
    bits = width(shown.program.mode)
    for site, code in _codes(shown.program):
        for start, end in _instructions(code, bits):
            yield with_args(shown.program, {site: code[:start] + NOP * (end - start) + code[end:]})


def plain_entries(shown: Shown) -> Iterator[Program]:
    """The shortest encoding of each kernel entry: without prefixes, as the catalogue has it; then any other entry that is plainer."""
    bits = width(shown.program.mode)
    for site, code in _codes(shown.program):
        for start, end in _instructions(code, bits):
            found = scan(code[start:end], bits)
            if found.entry is None:
                continue
            for entry in (found.entry.code, *_ENTRIES):
                yield with_args(shown.program, {site: code[:start] + entry + code[end:]})
                if start + len(entry) < end:
                    yield with_args(shown.program, {site: code[:start] + entry.rjust(end - start, NOP) + code[end:]})


def plain_bytes(shown: Shown) -> Iterator[Program]:
    """Bytes that are of no matter, such as an operand's, become zeros; of prefixes, the least."""
    for site, code in _codes(shown.program):
        for at, byte in enumerate(code):
            if byte:
                yield with_args(shown.program, {site: code[:at] + b"\0" + code[at + 1 :]})
            if byte in LEGACY_PREFIXES:
                for prefix in LEGACY_PREFIXES:
                    yield with_args(shown.program, {site: code[:at] + bytes((prefix,)) + code[at + 1 :]})


def _codes(program: Program) -> Iterator[tuple[Site, bytes]]:
    for site, arg in sites(program):
        if isinstance(arg, bytes):
            yield site, arg


def _cut(program: Program, site: Site, code: bytes, start: int, end: int) -> Iterator[Program]:
    """The program without the bytes from `start` to `end` of a poke."""
    kept: dict[Site, Arg] = {site: code[:start] + code[end:]}
    yield with_args(program, kept)
    addr = program.ops[site.op].args[0]
    if not isinstance(addr, int):
        return
    down: dict[Site, Arg] = {}  # what is said to lie behind the cut lies before it now
    mask = address_mask(program.mode)
    up: dict[Site, Arg] = {Site(site.op, 0, Kind.ADDR): addr + end - start & mask}
    for other, arg in sites(program):
        if (
            other.kind == Kind.ADDR
            and other.op != site.op
            and isinstance(arg, int)
            and program.ops[other.op].call in _POINTING
        ):
            if addr + end <= arg < addr + len(code):
                down[other] = arg - (end - start)
            elif addr <= arg < addr + end:
                up[other] = min(arg + end - start, addr + end) & mask
    yield with_args(program, {**kept, **down})
    yield with_args(program, {**kept, **up})


def _instructions(code: bytes, bits: int) -> Iterator[tuple[int, int]]:
    """(start, end) of each instruction of straight-line code; a byte that starts none counts as one."""
    at = 0
    while at < len(code):
        end = at + (length(code[at:], bits) or 1)
        yield at, end
        at = end


def _loads(code: bytes, bits: int) -> Iterator[tuple[int, int, str, int]]:
    """(start, end, register, value) of every `mov register, number` of straight-line code."""
    names = REGISTERS["amd64" if bits == 64 else "i386"]
    for start, end in _instructions(code, bits):
        instruction = code[start:end]
        opcode = instruction[-5:-4] if len(instruction) < 10 else instruction[1:2]
        if not opcode or opcode[0] & 0xF8 != 0xB8:
            continue
        prefix, number = instruction.split(opcode, 1)
        if prefix not in (b"", _REX_B, _REX_W, _REX_WB) or len(number) != (8 if prefix in (_REX_W, _REX_WB) else 4):
            continue
        name = names[(opcode[0] & 7) + 8 * (prefix in (_REX_B, _REX_WB))]
        if name not in ("rsp", "esp"):
            yield start, end, name, int.from_bytes(number, "little")
