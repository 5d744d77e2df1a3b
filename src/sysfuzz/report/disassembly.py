"""The code of a program as a reader of machine code wants it: address, bytes, instruction, by the poke that writes it.

Decoding starts anew wherever a run starts and at the instruction of the entry concerned, since code that is meant to be
entered in the middle reads as something else from the front.
"""

from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import NamedTuple

from sysfuzz.program.ir import Program, Ref, width
from sysfuzz.program.printer import format_arg
from sysfuzz.x86.decode import disassemble


class Line(NamedTuple):
    """One instruction, or one byte that starts none."""

    address: str  # hex, or relative to an op's result: "r2+0x10"
    code: str  # hex
    text: str
    here: bool  # the instruction of the entry concerned
    times: int = 1  # that it stands there in a row


class Block(NamedTuple):
    """What one poke writes."""

    op: int
    lines: tuple[Line, ...]


def blocks(program: Program, entry: int | None) -> tuple[Block, ...]:
    """The code of every poke, in order; `entry` is the linear address of the instruction concerned, None for none."""
    starts = [op.args[0] for op in program.ops if op.call == "run"]
    found = []
    for index, op in enumerate(program.ops):
        if op.call != "poke":
            continue
        addr, code = op.args
        assert isinstance(code, bytes)
        offsets = [_distance(addr, start) for start in starts]
        if entry is not None:
            offsets.append(_distance(addr, entry))
        cuts = sorted({0, len(code), *(offset for offset in offsets if 0 < offset < len(code))})
        lines: list[Line] = []
        for start, end in pairwise(cuts):
            lines += _lines(addr, start, code[start:end], width(program.mode), entry)
        found.append(Block(index, tuple(_folded(lines))))
    return tuple(found)


def _folded(lines: list[Line]) -> Iterator[Line]:
    """Runs of one instruction, as a sled of NOPs is, as one line."""
    for _, members in groupby(lines, key=lambda line: line[1:]):
        run = list(members)
        yield run[0]._replace(times=len(run))


def _distance(base: object, addr: object) -> int:
    """Bytes from `base` to `addr`; -1 if the two cannot be compared, as a number with an op's result."""
    if isinstance(base, int) and isinstance(addr, int):
        return addr - base
    if isinstance(base, Ref) and isinstance(addr, Ref) and base.op == addr.op:
        return addr.offset - base.offset
    return -1


def _lines(addr: object, start: int, code: bytes, bits: int, entry: int | None) -> list[Line]:
    base = (addr if isinstance(addr, int) else addr.offset if isinstance(addr, Ref) else 0) + start
    lines = []
    for line in disassemble(base, code, bits):
        at, octets, text = line.split(maxsplit=2)
        where = int(at.rstrip(":"), 16)
        shown = format_arg("addr", Ref(addr.op, where)) if isinstance(addr, Ref) else f"{where:#x}"
        lines.append(Line(shown, octets, text, isinstance(addr, int) and where == entry))
    return lines
