"""Programs as bytes, for the engine: compact, and kind to mutation of single bytes.

Every byte string is a program: a value that is out of range is reduced into it, what is missing reads as zeros, and a
program ends where the bytes or its limits end. Encoding and decoding are driven by CALLS through tables made once. The
form is not durable: a new call changes it.

    byte 0       bit 0 is the mode, bit 1 the vendor
    bytes 1, 2   mask of the registers that are not zero, little-endian; their values follow, in the order of their bits
    then ops     one byte that chooses the call, and its arguments: numbers; of code the length, less 1, and the bytes
"""

from sysfuzz.program.ir import (
    CALLS,
    MAX_CODE,
    MAX_OPS,
    MAX_POKE,
    MODES,
    VENDORS,
    Arg,
    Kind,
    Mode,
    Op,
    Program,
    Ref,
    int_range,
    make,
    takes_ref,
    width,
)
from sysfuzz.program.names import REGISTERS, RSP

# libFuzzer's default maximum. The largest program needs 2,836 bytes: 3, 15 registers of 9, 5 pokes of 13 (1, a reference
# of 10, and 2; the first op refers to none and needs 12) with 1,024 bytes of code, and 35 mremaps of 46.
MAX_WIRE = 4096

# The first byte of a number (less the lowest value of its kind): below _BYTES the number itself; then 1 to 8
# little-endian bytes follow; then 1 to 8 that count pages; then a reference to the op 1 to 39 before this one, whose
# offset follows as a number. Counting backwards keeps a reference right when ops before both are inserted or deleted.
# Where no reference can be, its offset is the number.
_REF = 256 - (MAX_OPS - 1)
_PAGES = _REF - 8
_BYTES = _PAGES - 8
_PAGE_SHIFT = 12

# The furthest read behind the end: 8 bytes of a number that was begun, then one zero each for the rest of 15 registers.
_ZEROS = bytes(32)


# A number among the arguments: the lowest literal, how many there are, and whether it may be a reference.
_Field = tuple[int, int, bool]
# A call: its name, its numbers, and whether code follows them.
_Row = tuple[str, tuple[_Field, ...], bool]


def _row(call: str, mode: Mode) -> _Row:
    fields = []
    for param in CALLS[call]:
        if param.kind != Kind.HEX:
            low, high = int_range(param.kind, mode)
            fields.append((low, high - low + 1, takes_ref(param.kind)))
    return call, tuple(fields), len(fields) < len(CALLS[call])


_NAMES = tuple(CALLS)
_CODES = {call: code for code, call in enumerate(_NAMES)}
_LOWEST = {call: tuple(low for low, _, _ in _row(call, MODES[0])[1]) for call in _NAMES}
# What each of the 256 bytes that choose a call means.
_ROWS = {mode: tuple(_row(_NAMES[code % len(_NAMES)], mode) for code in range(256)) for mode in MODES}
_SPANS = {mode: 1 << width(mode) for mode in MODES}


def encode(program: Program) -> bytes:
    """The bytes of a valid program, at most MAX_WIRE; `decode` restores it."""
    mask = 0
    if program.regs:
        order = REGISTERS[program.mode]
        for name, _ in program.regs:
            mask |= 1 << order.index(name)
    out = bytearray((MODES.index(program.mode) | VENDORS.index(program.vendor) << 1, mask & 0xFF, mask >> 8))
    for _, value in program.regs:
        _put(out, value)
    for index, op in enumerate(program.ops):
        _put_op(out, op, index)
    return bytes(out)


def _put_op(out: bytearray, op: Op, index: int) -> None:
    """Append op number `index`."""
    call, args = op
    out.append(_CODES[call])
    for low, arg in zip(_LOWEST[call], args, strict=False):  # code, which comes last, has no lowest value
        if isinstance(arg, int):
            _put(out, arg - low)
        elif isinstance(arg, Ref):
            out.append(_REF + index - 1 - arg.op)
            _put(out, arg.offset)
    if args and isinstance(args[-1], bytes):
        _put(out, len(args[-1]) - 1)
        out += args[-1]


def decode(data: bytes) -> Program:
    """The valid program that the first MAX_WIRE bytes of `data` mean."""
    end = min(len(data), MAX_WIRE)
    data = data[:MAX_WIRE] + _ZEROS
    mode = MODES[data[0] & 1]
    span = _SPANS[mode]
    mask = data[1] | data[2] << 8
    pos = 3
    regs: list[tuple[str, int]] = []
    if mask:
        for register, name in enumerate(REGISTERS[mode]):
            if mask >> register & 1 and register != RSP:
                value, pos = _number(data, pos)
                if value % span:
                    regs.append((name, value % span))

    rows = _ROWS[mode]
    room = MAX_CODE
    ops: list[Op] = []
    count = 0
    while pos < end and count < MAX_OPS:
        call, fields, coded = rows[data[pos]]
        pos += 1
        args: list[Arg] = []
        for low, size, takes in fields:
            first = data[pos]
            if first < _BYTES:  # most numbers, so without a call
                value = first
                pos += 1
            elif first < _REF:
                value, pos = _number(data, pos)
            else:
                value, pos = _number(data, pos + 1)
                if takes and count:
                    args.append(Ref(count - 1 - (first - _REF) % count, value % span))
                    continue
            args.append(low + (value if value < size else value % size))
        if coded:
            value, pos = _number(data, pos)
            length = 1 + value % MAX_POKE
            kept = min(length, room, max(1, end - pos))
            code = data[pos : pos + kept]
            pos += length
            if not code:
                continue  # other pokes hold all the code that a program may have
            room -= kept
            args.append(code)
        ops.append(make(Op, (call, tuple(args))))
        count += 1
    return Program(mode, VENDORS[data[0] >> 1 & 1], tuple(regs), tuple(ops))


def _number(data: bytes, pos: int) -> tuple[int, int]:
    """The number at `pos` and the position behind it; the first byte of a reference is a number here."""
    first = data[pos]
    pos += 1
    if first < _BYTES or first >= _REF:
        return first, pos
    if first < _PAGES:
        end = pos + first - _BYTES + 1
        return int.from_bytes(data[pos:end], "little"), end
    end = pos + first - _PAGES + 1
    return int.from_bytes(data[pos:end], "little") << _PAGE_SHIFT, end


def _put(out: bytearray, value: int) -> None:
    """Append a number in the shortest way."""
    if value < _BYTES:
        out.append(value)
        return
    size = (value.bit_length() + 7) // 8
    pages = value >> _PAGE_SHIFT
    page_size = (pages.bit_length() + 7) // 8
    if pages << _PAGE_SHIFT == value and page_size < size:
        out.append(_PAGES + page_size - 1)
        out += pages.to_bytes(page_size, "little")
    else:
        out.append(_BYTES + size - 1)
        out += value.to_bytes(size, "little")
