"""Mutations of code: another block, another byte, more or fewer prefixes, another entry, all of it a few bytes further.

What matters about code is where its entry lies, so a mutation says what it keeps in place: the first opcode byte, or the start of the block.
"""

from sysfuzz.generate import code, probes, weights
from sysfuzz.generate.sequence import insert
from sysfuzz.generate.subject import Subject
from sysfuzz.generate.vital import distance
from sysfuzz.program.ir import MAX_POKE, Op, Ref, width
from sysfuzz.program.names import PAGE
from sysfuzz.x86.entries import PREFIXES, scan


def _some_poke(subject: Subject) -> int | None:
    pokes = subject.indices("poke")
    return subject.pick(pokes) if pokes else None


def _code(subject: Subject, index: int) -> bytes:
    data = subject.ops[index].args[1]
    assert isinstance(data, bytes)
    return data


def _moved(subject: Subject, arg: object, by: int) -> int | Ref:
    mask = (1 << width(subject.mode)) - 1
    if isinstance(arg, Ref):
        return Ref(arg.op, (arg.offset + by) & mask)
    assert isinstance(arg, int)
    return (arg + by) & mask


def _low_bits(addr: object) -> int:
    """The offset in its page, as far as a literal or a reference tells."""
    if isinstance(addr, Ref):
        return addr.offset % PAGE
    assert isinstance(addr, int)
    return addr % PAGE


def replace_block(subject: Subject) -> None:
    """Another block at the same address; a program without any code gets a probe."""
    index = _some_poke(subject)
    if index is None:
        draft = subject.draft(len(subject.ops))
        probes.probe(draft)
        subject.ops = insert(subject.ops, len(subject.ops), draft.ops)
        return
    draft = subject.draft(index)
    subject.set_argument(index, 1, code.block(draft).code)


def change_bytes(subject: Subject) -> None:
    """A byte of the code becomes another, appears or disappears."""
    index = _some_poke(subject)
    if index is None:
        return
    data = bytearray(_code(subject, index))
    at = subject.below(len(data))
    dice = subject.random()
    if dice < 0.3:
        data[at] ^= 1 << subject.below(8)
    elif dice < 0.5:
        data[at] = subject.below(256)
    elif dice < 0.75 and len(data) < MAX_POKE:
        data.insert(at, subject.pick(PREFIXES[64]) if subject.chance(0.5) else subject.below(256))
    elif len(data) > 1:
        del data[at]
    subject.set_argument(index, 1, bytes(data))


def slide(subject: Subject) -> None:
    """The code and every run that starts in it move together: the entry lies a few bytes further, all else is equal."""
    index = _some_poke(subject)
    if index is None:
        return
    by = subject.pick(weights.SLIDES)
    addr = subject.ops[index].args[0]
    if by < 0 and not _low_bits(addr) and subject.chance(weights.SPARED):
        by = -by  # before the start of a page is mostly nothing
    elif by > 0 and _low_bits(addr) + len(_code(subject, index)) + by > PAGE:
        by = -by if subject.chance(0.5) else by
    _move_runs(subject, index, by)
    subject.set_argument(index, 0, _moved(subject, subject.ops[index].args[0], by))


def _move_runs(subject: Subject, index: int, by: int) -> None:
    """Add `by` to the address of each run that starts in the code of poke `index`."""
    start, data = subject.ops[index].args
    assert isinstance(data, bytes)
    for position, (call, args) in enumerate(subject.ops):
        if call == "run" and 0 <= distance(args[0], start) < len(data):
            subject.ops[position] = Op(call, (_moved(subject, args[0], by), *args[1:]))


def _entry(subject: Subject, data: bytes) -> tuple[int, int, int]:
    """(start of its prefixes, offset of the first opcode byte, size) of the last entry in `data`; (0, 0, 0) if there is none."""
    bits = width(subject.mode)
    for at in range(len(data) - 1, -1, -1):
        if data[at] in _FIRST_BYTES:
            found = scan(data[at : at + 7], bits)
            if found.entry is not None and found.entry.gate and not found.prefix:
                start = at
                while start > 0 and data[start - 1] in PREFIXES[bits]:
                    start -= 1
                return start, at, found.entry.size
    return 0, 0, 0


_FIRST_BYTES = bytes.fromhex("0f cd 9a")  # of the opcodes that enter


def change_prefix(subject: Subject) -> None:
    """A prefix before an entry comes or goes; the opcode stays where it is, the code before it moves."""
    index = _some_poke(subject)
    if index is None:
        return
    data = _code(subject, index)
    start, opcode, size = _entry(subject, data)
    if not size:
        change_bytes(subject)
        return
    if start < opcode and subject.chance(0.4):
        changed, by = data[:start] + data[start + 1 :], 1
    elif len(data) < MAX_POKE:
        changed = data[:opcode] + bytes((subject.pick(PREFIXES[width(subject.mode)]),)) + data[opcode:]
        by = -1 if _low_bits(subject.ops[index].args[0]) else 0  # not out of its page: there the opcode moves
    else:
        return
    _move_runs(subject, index, by)
    addr = _moved(subject, subject.ops[index].args[0], by)
    subject.ops[index] = Op("poke", (addr, changed))


def change_gate(subject: Subject) -> None:
    """Another entry with its first opcode byte in the same place."""
    index = _some_poke(subject)
    if index is None:
        return
    data = _code(subject, index)
    _, opcode, size = _entry(subject, data)
    if not size:
        replace_block(subject)
        return
    draft = subject.draft(0)
    new = code.OPCODES[code.gate(draft)]
    if data.startswith(new, opcode):
        new = code.OPCODES[code.gate(draft)]  # mostly another one: on a CPU few enter
    changed = data[:opcode] + new + data[opcode + size :]
    if len(changed) <= MAX_POKE:
        subject.set_argument(index, 1, changed)
