"""Passes over the sequence of ops: fewer of them, and those that can be in any order in one."""

from collections.abc import Iterator
from itertools import combinations

from sysfuzz.minimise.edit import Site, arranged, renumbered, sites, with_args, without
from sysfuzz.minimise.order import simplest
from sysfuzz.minimise.search import Shown
from sysfuzz.program.ir import CALLS, MAX_POKE, Kind, Op, Program, Ref
from sysfuzz.program.names import MAP

_FIXED = MAP["MAP_FIXED"]

# Pairs of 12 ops are 66; of 40 they would be 780, and a program that long that has lost no single op is rare.
_MAX_PAIRED = 12


def tail(shown: Shown) -> Iterator[Program]:
    """Drop what comes behind the verdict: first the ops that were never reached, then by halving, as if the rest could be cut anywhere."""
    count = len(shown.program.ops)
    if len(shown.results) < count:
        yield without(shown, range(len(shown.results), count))
    low = 0
    while count - low > 1:
        low = (low + count) // 2
        yield without(shown, range(low, count))


def chunks(shown: Shown) -> Iterator[Program]:
    """Drop neighbours: half of the ops, then ever fewer, from the last on; the first ops set up what the last need."""
    count = len(shown.program.ops)
    size = max(count // 2, 1)
    while size and count:
        for end in range(count, 0, -size):
            yield from _dropped(shown, range(max(end - size, 0), end))
        size //= 2


def pairs(shown: Shown) -> Iterator[Program]:
    """Drop two ops that are of use only to each other, such as fork and as."""
    count = len(shown.program.ops)
    if count <= _MAX_PAIRED:
        for pair in combinations(range(count), 2):
            yield from _dropped(shown, pair)


def overlaid(shown: Shown) -> Iterator[Program]:
    """Let later mappings replace what is there, in the place of a munmap."""
    for index, op in enumerate(shown.program.ops):
        if op.call == "munmap":
            later = {
                site: arg | _FIXED
                for site, arg in sites(shown.program)
                if site.kind == Kind.MAP and site.op > index and isinstance(arg, int)
            }
            yield without(Shown(with_args(shown.program, dict(later)), shown.results), (index,))


def plainer_calls(shown: Shown) -> Iterator[Program]:
    """Let another call do: the arguments that it has in the same places are kept, the others are the simplest."""
    ops = shown.program.ops
    for index, op in enumerate(ops):
        old = CALLS[op.call]
        for call, params in CALLS.items():
            if call == op.call or any(param.kind == Kind.HEX for param in params):
                continue
            args = tuple(
                op.args[position] if old[position : position + 1] == (param,) else simplest(param.kind)
                for position, param in enumerate(params)
            )
            yield _with_ops(shown.program, [*ops[:index], Op(call, args), *ops[index + 1 :]])


def exchanged(shown: Shown) -> Iterator[Program]:
    """Exchange an argument of two equal calls, so that of two neighbours it is always the same that has it."""
    for (one, first), (other, second) in combinations(enumerate(shown.program.ops), 2):
        if first.call == second.call:
            for position, param in enumerate(CALLS[first.call]):
                args = first.args[position], second.args[position]
                if not any(isinstance(arg, Ref) for arg in args):
                    here, there = Site(one, position, param.kind), Site(other, position, param.kind)
                    yield with_args(shown.program, {here: args[1], there: args[0]})


def joined(shown: Shown) -> Iterator[Program]:
    """Make two pokes side by side one, in the place of the first or of the second."""
    pokes = [(index, op) for index, op in enumerate(shown.program.ops) if op.call == "poke"]
    for (first, one), (second, other) in combinations(pokes, 2):
        for low, high in ((one, other), (other, one)):
            addr, code = low.args
            behind, more = high.args
            assert isinstance(code, bytes) and isinstance(more, bytes)
            if not isinstance(addr, int) or behind != addr + len(code) or len(code + more) > MAX_POKE:
                continue
            whole = Op("poke", (addr, code + more))
            for kept, dropped in ((first, second), (second, first)):
                ops = list(shown.program.ops)
                ops[kept] = whole
                yield without(Shown(_with_ops(shown.program, ops), shown.results), (dropped,))


def sorted_ops(shown: Shown) -> Iterator[Program]:
    """Exchange neighbours, so that ops whose order is of no matter have one."""
    indices = range(len(shown.program.ops))
    for first in indices[:-1]:
        order = list(indices)
        order[first : first + 2] = first + 1, first
        yield arranged(shown, order)


def _dropped(shown: Shown, dropped: range | tuple[int, ...]) -> Iterator[Program]:
    """Without these ops; and once more with the numbers of processes and LWPs counted anew."""
    yield without(shown, dropped)
    counted = renumbered(shown, dropped)
    if counted is not None:
        yield counted


def _with_ops(program: Program, ops: list[Op]) -> Program:
    return Program(program.mode, program.vendor, program.regs, tuple(ops))
