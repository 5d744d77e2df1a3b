"""Sequences of ops: put some in, take some out, change their order, and keep references and limits right.

A reference follows the op that it names. Where that op is gone, or comes too late, the reference becomes the number that was probably meant.
What the ops do is of no interest here.
"""

from collections.abc import Sequence

from sysfuzz.generate.model import Forecast
from sysfuzz.program.ir import CALLS, MAX_CODE, MAX_OPS, Arg, Kind, Mode, Op, Ref, int_range, make


def shift(ops: Sequence[Op], first: int, by: int) -> list[Op]:
    """`ops` with `by` added to every reference to op `first` or a later one."""
    shifted = []
    for op in ops:
        for arg in op.args:
            if isinstance(arg, Ref) and arg.op >= first:
                args = [Ref(a.op + by, a.offset) if isinstance(a, Ref) and a.op >= first else a for a in op.args]
                shifted.append(make(Op, (op.call, tuple(args))))
                break
        else:
            shifted.append(op)
    return shifted


def insert(ops: Sequence[Op], at: int, new: Sequence[Op]) -> list[Op]:
    """`ops` with `new` before op `at`; references in `new` already count from the start of the whole."""
    return [*ops[:at], *new, *shift(ops[at:], at, len(new))]


def replace(ops: Sequence[Op], at: int, new: Sequence[Op]) -> list[Op]:
    """`ops` with `new`, at least one op, instead of op `at`; what named that op names the last of `new`."""
    return [*ops[:at], *new, *shift(ops[at + 1 :], at, len(new) - 1)]


def arrange(mode: Mode, ops: Sequence[Op], order: Sequence[int]) -> list[Op]:
    """The ops whose indices are `order`, in that order; an index may be missing, or stand there several times."""
    places: dict[int, int] = {}
    for place, index in enumerate(order):
        places.setdefault(index, place)
    results: list[int] = []  # of the ops as they were, once a lost reference asks for them
    arranged = []
    for place, index in enumerate(order):
        op = ops[index]
        for arg in op.args:
            if isinstance(arg, Ref):
                op = _renamed(mode, ops, op, places, place, results)
                break
        arranged.append(op)
    return arranged


def _renamed(mode: Mode, ops: Sequence[Op], op: Op, places: dict[int, int], place: int, results: list[int]) -> Op:
    args = list(op.args)
    for position, arg in enumerate(args):
        if isinstance(arg, Ref):
            target = places.get(arg.op, place)
            if target < place:
                args[position] = Ref(target, arg.offset)
            else:
                if not results:
                    results += Forecast(mode, ops).results
                args[position] = literal(mode, CALLS[op.call][position].kind, results[arg.op] + arg.offset)
    return make(Op, (op.call, tuple(args)))


def literal(mode: Mode, kind: str, value: int) -> int:
    """`value` as a number that an argument of `kind` may be: reduced to its width, or the nearest end of its range."""
    low, high = int_range(kind, mode)
    if kind in (Kind.ADDR, Kind.SIZE, Kind.OFFSET):
        return value & high
    return max(low, min(value, high))


def fit(ops: Sequence[Op]) -> tuple[Op, ...]:
    """`ops` within the limits of a program: ops behind the last allowed are dropped, code is cut at its end."""
    fitting = list(ops[:MAX_OPS])
    pokes = []
    room = MAX_CODE
    for index, (call, args) in enumerate(fitting):
        if call == "poke":
            pokes.append(index)
            room -= _length(args[1])
    if room < 0:
        room = MAX_CODE
        for left, index in zip(range(len(pokes) - 1, -1, -1), pokes, strict=True):
            addr, code = fitting[index].args
            assert isinstance(code, bytes)
            code = code[: room - left]  # each poke behind this one needs a byte
            fitting[index] = Op("poke", (addr, code))
            room -= len(code)
    return tuple(fitting)


def _length(code: Arg) -> int:
    assert isinstance(code, bytes)
    return len(code)
