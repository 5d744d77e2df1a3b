"""The same program in the other mode: addresses keep their place in relation to the layout, registers their number.

Code stays as it is: most of it means the same or something close to it, and the difference is what the other mode is for.
"""

from collections.abc import Sequence

from sysfuzz.generate.sequence import literal
from sysfuzz.program.ir import CALLS, Arg, Kind, Mode, Op, Ref, make, width
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE, REGISTERS

_TOP = 64 * PAGE  # stack, trampoline and the gaps around them lie this close to the end of the space
_SEARCH = 1 << 28  # mappings without an address lie this close behind the start of the search
_WRAP = 1 << 20  # sizes and addresses this close below 2^width are meant as negative numbers


def convert_value(value: int, old: Mode, new: Mode) -> int:
    """An address or size of mode `old` as the one of `new` that lies in the same relation to the ends of the space."""
    before, after = LAYOUTS[old], LAYOUTS[new]
    if abs(value - before.vm_max) <= _TOP:
        return value - before.vm_max + after.vm_max
    if before.mmap_base <= value < before.mmap_base + _SEARCH:
        return value - before.mmap_base + after.mmap_base
    if value > before.mask - _WRAP:
        return value - before.mask + after.mask
    return value & after.mask


def convert_op(op: Op, old: Mode, new: Mode) -> Op:
    """`op` with every argument in the ranges of mode `new`."""
    args: list[Arg] = []
    for param, arg in zip(CALLS[op.call], op.args, strict=True):
        if isinstance(arg, bytes):
            args.append(arg)
        elif isinstance(arg, Ref):
            args.append(Ref(arg.op, convert_value(arg.offset, old, new)))
        elif param.kind in (Kind.ADDR, Kind.SIZE):
            args.append(convert_value(arg, old, new))
        else:
            args.append(literal(new, param.kind, arg))
    return make(Op, (op.call, tuple(args)))


def convert_ops(ops: Sequence[Op], old: Mode, new: Mode) -> list[Op]:
    """All of `ops`, of mode `old`, for mode `new`."""
    return list(ops) if old == new else [convert_op(op, old, new) for op in ops]


def convert_registers(regs: Sequence[tuple[str, int]], old: Mode, new: Mode) -> dict[str, int]:
    """Registers by their numbers; those that the new mode has not are dropped."""
    names = dict(zip(REGISTERS[old], REGISTERS[new], strict=False))
    limit = (1 << width(new)) - 1
    return {names[name]: value & limit for name, value in regs if name in names}
