"""Mutations of single values: one argument, one register, the vendor, the mode.

The smallest steps: a page more, a byte less, one flag bit, the other end of a range.
"""

from sysfuzz.generate import aims, arguments, weights
from sysfuzz.generate.convert import convert_ops, convert_registers
from sysfuzz.generate.errands import errand
from sysfuzz.generate.sequence import literal
from sysfuzz.generate.subject import Subject
from sysfuzz.generate.vital import vital
from sysfuzz.program.ir import CALLS, MODES, VENDORS, Arg, Kind, Ref, width
from sysfuzz.program.names import RAX, REGISTERS, RSP

# How many low bits of a flag set to flip; 0: those of mmap.
_FLAG_KINDS = {Kind.PROT: 3, Kind.MAP: 0, Kind.REMAP: 0, Kind.MSYNC: 4, Kind.MLOCKALL: 3}
# mmap's bits worth flipping: sharing, FIXED, WIRED, ANON and NOSYSCALLS decide something, the others should not, bit 3 is unknown.
_MAP_BITS = (0, 1, 2, 3, 4, 4, 5, 7, 10, 11, 12, 16, 16, 16, 16, 17, 24)
_PLACES = (Kind.ADDR, Kind.SIZE, Kind.HEX)  # what decides where an op's bytes are
_TRIES = 8  # for a value other than the one that is there: the commonest, a descriptor of -1, has 4 of 5


def change_argument(subject: Subject) -> None:
    """One argument of one op."""
    candidates = [index for index, op in enumerate(subject.ops) if op.args]
    if not candidates:
        return
    spared = vital(subject.ops) if subject.chance(weights.SPARED) else frozenset[int]()
    for _ in range(_TRIES):
        index = subject.pick(candidates)
        op = subject.ops[index]
        position = subject.below(len(op.args))
        kind = CALLS[op.call][position].kind
        if index not in spared or kind not in _PLACES:
            break
    arg = op.args[position]
    if isinstance(arg, bytes):
        position, kind, arg = 0, Kind.ADDR, op.args[0]  # code has mutations of its own
    assert not isinstance(arg, bytes)
    subject.set_argument(index, position, _changed(subject, index, kind, arg))


def _changed(subject: Subject, index: int, kind: str, arg: int | Ref) -> Arg:
    if kind in (Kind.ADDR, Kind.SIZE):
        dice = subject.random()
        if dice < weights.NUDGED:
            return _nudged(subject, arg, subject.pick(weights.NUDGES))
        draft = subject.draft(index)
        if dice < weights.NUDGED + weights.AIMED:
            return aims.aim(draft) if kind == Kind.ADDR else aims.size(draft)
        probable = draft.forecast.value(arg)
        named = draft.forecast.name(probable) if isinstance(arg, int) else probable
        return named if named != arg else aims.aim(draft)
    if isinstance(arg, Ref):
        return arguments.pid(subject.draft(index))
    if kind in _FLAG_KINDS and subject.chance(0.8):
        low_bits = _FLAG_KINDS[kind]
        bit = subject.below(low_bits) if low_bits else subject.pick(_MAP_BITS)
        return arg ^ 1 << bit
    if subject.chance(0.3):
        return literal(subject.mode, kind, arg + subject.pick((-1, 1)))
    draft = subject.draft(0)
    for _ in range(_TRIES):
        value = arguments.value(draft, kind)
        if value != arg:
            return value
    return arg


def _nudged(subject: Subject, arg: int | Ref, by: int) -> Arg:
    mask = (1 << width(subject.mode)) - 1
    if isinstance(arg, Ref):
        return Ref(arg.op, (arg.offset + by) & mask)
    return (arg + by) & mask


def change_registers(subject: Subject) -> None:
    """A system call's number, one register, or none left."""
    names = REGISTERS[subject.mode]
    dice = subject.random()
    if dice < 0.4:
        subject.regs[names[RAX]] = errand(subject.draft(0)).number
    elif dice < 0.5:
        subject.regs.clear()
    else:
        register = subject.below(len(names))
        if register == RSP:
            return
        value = literal(subject.mode, Kind.ADDR, _register_value(subject))
        subject.regs[names[register]] = value


def _register_value(subject: Subject) -> int:
    draft = subject.draft(len(subject.ops))
    if draft.chance(0.6):
        return draft.forecast.value(aims.aim(draft))
    if draft.chance(0.5):
        return aims.size(draft)
    return draft.below(1 << 32)


def change_vendor(subject: Subject) -> None:
    """The other vendor's CPU."""
    subject.vendor = VENDORS[1 - VENDORS.index(subject.vendor)]


def change_mode(subject: Subject) -> None:
    """The other mode."""
    old = subject.mode
    new = MODES[1 - MODES.index(old)]
    subject.ops = convert_ops(subject.ops, old, new)
    subject.regs = convert_registers(tuple(subject.regs.items()), old, new)
    subject.mode = new
