"""What smaller means: a well-founded order on programs, by which every accepted step of a minimisation goes down.

Programs are compared by these numbers, the first that differs decides; then by the length of their text, then by the text itself.

    ops             what a reader has to follow
    broken code     pokes that hold bytes which start no instruction, such as one that is cut short
    code            bytes in all pokes
    busy code       those that are neither NOPs nor zeros
    registers       that are not zero at the start
    headers         mode and vendor, where they are not the default
    references      the results of earlier ops: they can be followed only by running the program
    oddities        what else makes a reader ask where something lies: see `_oddities`
    descents        pages that lie below one that was named before them: a reader expects the next place above the last
    bits            of flags and protections
    values          the costs of all other arguments, added up
    register sum    the registers' values

All are natural numbers, and there are finitely many texts of one length: nothing can go down for ever. Zero is the cheapest value of everything
but a descriptor, where it is -1, what MAP_ANON needs; of the others an address counts from the first canonical page, a length in pages.
"""

import functools
from collections.abc import Mapping

from sysfuzz.program.ir import CALLS, Kind, Op, Program, Ref, width
from sysfuzz.program.layout import MAX_PAGES
from sysfuzz.program.names import MAP, PAGE
from sysfuzz.program.printer import ALIGNED_SHIFT
from sysfuzz.program.text import format_program
from sysfuzz.x86.decode import length
from sysfuzz.x86.snippets import NOP

# Where regions go. Not the lowest page that can be mapped: 0x1000 would look like a length.
BASE = 0x10000
CANONICAL = range(BASE, BASE + MAX_PAGES * PAGE)  # a process cannot have more pages

FLAG_KINDS = frozenset((Kind.PROT, Kind.MAP, Kind.REMAP, Kind.MSYNC, Kind.MLOCKALL))

_FIXED = MAP["MAP_FIXED"]
# After these, a place that was taken may be free, or that of another process.
_FREEING = frozenset(("munmap", "mremap", "exec", "as", "run"))
_IDLE = NOP + b"\0"
_ALIGNMENT = 0xFF << ALIGNED_SHIFT
_ODD_ADDRESS = 1 << 64  # above the cost of every address from BASE on
_ODD_SIZE = 1 << 52  # above the pages of every length

_DEFAULT = Program()

Measure = tuple[int, ...]


def measure(program: Program) -> Measure:
    """The numbers of the table above."""
    broken = code = busy = references = bits = values = 0
    for op in program.ops:
        for param, arg in zip(CALLS[op.call], op.args, strict=True):
            if isinstance(arg, bytes):
                broken += _is_broken(arg, width(program.mode))
                code += len(arg)
                busy += len(arg) - sum(map(arg.count, _IDLE))
            elif isinstance(arg, Ref):
                references += 1
                values += cost(Kind.SIZE, arg.offset)
            elif param.kind in FLAG_KINDS:
                bits += bit_count(arg)
                values += arg
            else:
                values += cost(param.kind, arg)
    headers = (program.mode != _DEFAULT.mode) + (program.vendor != _DEFAULT.vendor)
    total = sum(value for _, value in program.regs)
    odd, descents = _oddities(program), _descents(program)
    return (
        len(program.ops),
        broken,
        code,
        busy,
        len(program.regs),
        headers,
        references,
        odd,
        descents,
        bits,
        values,
        total,
    )


@functools.lru_cache(maxsize=4096)
def _is_broken(code: bytes, bits: int) -> bool:
    """Whether straight-line decoding meets a byte that starts no instruction."""
    at = 0
    while at < len(code):
        size = length(code[at:], bits)
        if not size:
            return True
        at += size
    return False


def _oddities(program: Program) -> int:
    """Arguments that do not tell where something lies, or tell it strangely.

    These are addresses outside the canonical pages, what does not begin or end with a page, the contents of files, and
    mappings whose place the text does not tell: they have no address, or one that a mapping has taken since any was last given up.
    """
    odd = 0
    taken: list[range] = []
    for op in program.ops:
        odd += _odd_arguments(op)
        if op.call in _FREEING:
            taken.clear()
        if op.call == "mmap":
            addr, size, _, flags = op.args[:4]
            if isinstance(addr, int) and isinstance(size, int) and isinstance(flags, int) and size:
                here = range(addr, addr + size)
                if not flags & _FIXED:
                    odd += not addr or any(_overlap(here, other) for other in taken)
                taken.append(here)
    return odd


def _odd_arguments(op: Op) -> int:
    """Those of one op that are odd by themselves."""
    odd = 0
    for param, arg in zip(CALLS[op.call], op.args, strict=True):
        kind = param.kind
        if not isinstance(arg, int):
            continue
        if kind == Kind.ADDR:
            odd += arg != 0 and arg not in CANONICAL
            odd += arg % PAGE > 0
        elif kind in (Kind.SIZE, Kind.OFFSET):
            odd += arg % PAGE > 0
        elif kind == Kind.FD:
            odd += arg >= 0
    return odd


def _descents(program: Program) -> int:
    """Pages that are named for the first time after a higher one."""
    descents = 0
    named: set[int] = set()
    for op in program.ops:
        for param, arg in zip(CALLS[op.call], op.args, strict=True):
            if param.kind == Kind.ADDR and isinstance(arg, int) and arg:
                page = arg // PAGE
                descents += page not in named and any(page < other for other in named)
                named.add(page)
    return descents


def _overlap(one: range, other: range) -> bool:
    return max(one.start, other.start) < min(one.stop, other.stop)


def is_smaller(program: Program, other: Program) -> bool:
    """Whether `program` stands before `other`."""
    ours, theirs = measure(program), measure(other)
    if ours != theirs:
        return ours < theirs
    text, other_text = format_program(program), format_program(other)
    return (len(text), text) < (len(other_text), other_text)


def bit_count(flags: int) -> int:
    """Bits that are set; the alignment byte is one."""
    return (flags & ~_ALIGNMENT).bit_count() + bool(flags & _ALIGNMENT)


def cost(kind: str, value: int) -> int:
    """How far `value`, an argument of `kind`, is from the simplest one, which costs 0."""
    if kind == Kind.ADDR:
        if not value:
            return 0
        return value - BASE + 1 if value >= BASE else value + _ODD_ADDRESS
    if kind in (Kind.SIZE, Kind.OFFSET):
        pages, rest = divmod(value, PAGE)
        return value + _ODD_SIZE if rest else pages
    return value - simplest(kind)


def simplest(kind: str) -> int:
    """The argument of `kind` that costs nothing."""
    return _SIMPLEST.get(kind, 0)


_SIMPLEST: Mapping[str, int] = {Kind.FD: -1, Kind.COUNT: 1}
