"""What a call was asked to do, without where: its flags and choices in one number.

Programs that differ in nothing but addresses and sizes ask for the same thing. What became of it is not known here.
"""

from sysfuzz.program.ir import CALLS, Kind, Op
from sysfuzz.program.names import MAP

_KNOWN_FLAGS = sum(MAP.values())
_UNKNOWN_FLAG = 1 << 20  # stands for all unknown bits
_ALIGNED = 1 << 21  # stands for all alignments
_FLAG_KINDS = (
    Kind.MAP,
    Kind.REMAP,
    Kind.PROT,
    Kind.ADVICE,
    Kind.INHERIT,
    Kind.MSYNC,
    Kind.MLOCKALL,
    Kind.FD,
    Kind.DISPATCH,
)
# For each call the positions of its arguments that are flags or choices rather than quantities.
_CHOICES = {
    call: tuple((at, param.kind) for at, param in enumerate(params) if param.kind in _FLAG_KINDS)
    for call, params in CALLS.items()
}
_SMALL = 16  # choices beyond are one class: what no call knows


def choices(op: Op) -> int:
    """The flags and choices of a call in one number. What the results of earlier ops stand for is left out."""
    total = 0
    for at, kind in _CHOICES[op.call]:
        value = op.args[at]
        if not isinstance(value, int):
            continue
        if kind in (Kind.MAP, Kind.REMAP):
            known = value & _KNOWN_FLAGS
            if value >> 24:
                known |= _ALIGNED
            if value & 0xFFFFFF & ~_KNOWN_FLAGS:
                known |= _UNKNOWN_FLAG
            value = known
        else:
            value = min(value + 1, _SMALL)
        total = total << 22 | value
    return total
