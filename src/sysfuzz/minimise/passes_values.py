"""Passes over values: registers, headers, references, flags, and every other argument, down to the simplest that will do.

A value that stands at several places often has to change at all of them, or at two: it is tried at all, at each pair, and at each alone.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from sysfuzz.minimise.edit import Site, address_mask, map_args, sites, value, with_args, with_registers
from sysfuzz.minimise.order import BASE, FLAG_KINDS, simplest
from sysfuzz.minimise.search import Shown
from sysfuzz.program.ir import MODES, VENDORS, Arg, Kind, Mode, Op, Program, Ref
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import MAP, PAGE, REGISTERS
from sysfuzz.program.printer import ALIGNED_SHIFT

# Values up to here are few enough to try each lower one.
_SMALL = 16
_ANON = MAP["MAP_ANON"]
_ALIGNMENT = 0xFF << ALIGNED_SHIFT
_PAGE_BITS = PAGE.bit_length() - 1
_SYSCALL_MASK = 0x1FF  # a system call's number is taken modulo 512


def registers(shown: Shown) -> Iterator[Program]:
    """Registers become zero: all, all but one, one."""
    values = dict(shown.program.regs)
    yield with_registers(shown.program, {})
    for name, number in values.items():
        yield with_registers(shown.program, {name: number})
    for name in values:
        yield with_registers(shown.program, {**values, name: 0})


def register_values(shown: Shown) -> Iterator[Program]:
    """Registers become 1, or what a call number is reduced to, or less by half, or by one."""
    values = dict(shown.program.regs)
    for name, number in values.items():
        for lower in (1, number & 0xFF, number & _SYSCALL_MASK, number & 0xFFFF_FFFF, number // 2, number - 1):
            yield with_registers(shown.program, {**values, name: lower})


def headers(shown: Shown) -> Iterator[Program]:
    """Another mode, another vendor, or both: the defaults first."""
    for mode in MODES:
        for vendor in VENDORS:
            yield _in_mode(shown.program, mode)._replace(vendor=vendor)


def anonymous(shown: Shown) -> Iterator[Program]:
    """Memory in the place of files, in all mappings and in each."""
    new: list[dict[Site, Arg]] = []
    for index, op in enumerate(shown.program.ops):
        if op.call == "mmap" and op.args[4] != -1:
            flags = op.args[3]
            assert isinstance(flags, int)
            new.append(
                {
                    Site(index, 3, Kind.MAP): flags | _ANON,
                    Site(index, 4, Kind.FD): -1,
                    Site(index, 5, Kind.OFFSET): 0,
                }
            )
    if new:
        yield with_args(shown.program, {site: arg for args in new for site, arg in args.items()})
    yield from (with_args(shown.program, args) for args in new)


def references(shown: Shown) -> Iterator[Program]:
    """Results of earlier ops become the numbers that they are: all, then each."""
    found = {site: value(shown, arg, site.kind) for site, arg in sites(shown.program) if isinstance(arg, Ref)}
    if found:
        yield with_args(shown.program, found)
    for site, number in found.items():
        yield with_args(shown.program, {site: number})


def flags(shown: Shown) -> Iterator[Program]:
    """No flags; without the alignment; without each bit; one bit alone, the lowest first; a lower bit instead of one."""

    def lower(kind: str, flags: int) -> Iterator[int]:
        yield 0
        yield flags & ~_ALIGNMENT
        yield from (flags & ~(1 << bit) for bit in range(flags.bit_length()))
        if flags & _ALIGNMENT:
            yield flags & ~_ALIGNMENT | _PAGE_BITS << ALIGNED_SHIFT
            yield flags - (1 << ALIGNED_SHIFT)
        yield from (1 << bit for bit in range(ALIGNED_SHIFT))
        for bit in range(flags.bit_length()):
            if flags >> bit & 1:
                yield from (flags & ~(1 << bit) | 1 << other for other in range(min(bit, ALIGNED_SHIFT)))

    yield from _without_bits(shown.program)
    yield from _lowered(shown.program, FLAG_KINDS.__contains__, lower)


def _without_bits(program: Program) -> Iterator[Program]:
    """The program without one bit in all arguments of a kind that have it; what lies side by side is often there for being alike."""
    having: dict[tuple[str, int], dict[Site, int]] = {}
    for site, arg in sites(program):
        if site.kind in FLAG_KINDS and isinstance(arg, int):
            for bit in range(arg.bit_length()):
                if arg >> bit & 1:
                    having.setdefault((site.kind, bit), {})[site] = arg & ~(1 << bit)
    for changed in having.values():
        yield with_args(program, changed)


def arguments(shown: Shown) -> Iterator[Program]:
    """Every other argument becomes the simplest of its kind, or another that is simpler."""
    program = shown.program
    known = {arg for site, arg in sites(program) if site.kind == Kind.ADDR and isinstance(arg, int)}
    starts = sorted(known | {addr & -PAGE for addr in known})

    def lower(kind: str, number: int) -> Iterator[int]:
        yield simplest(kind)
        if kind == Kind.ADDR:
            yield BASE
            yield number & -PAGE
            yield from starts
        elif kind in (Kind.SIZE, Kind.OFFSET):
            yield PAGE
            pages = -(-number // PAGE)
            yield from (
                fewer * PAGE for fewer in (pages, pages // 2, pages - 1) if fewer * PAGE <= address_mask(program.mode)
            )
        elif number <= _SMALL:
            yield from range(max(simplest(kind), 0), number)
        else:
            yield from (1, number // 2, number - 1)

    yield from _lowered(program, lambda kind: kind not in FLAG_KINDS, lower)


def _lowered(
    program: Program, chosen: Callable[[str], bool], lower: Callable[[str, int], Iterator[int]]
) -> Iterator[Program]:
    """The program with lower values of the chosen kinds; equal values of a kind change together first."""
    groups: dict[tuple[str, int], list[Site]] = {}
    for site, arg in sites(program):
        if chosen(site.kind) and isinstance(arg, int) and (arg != simplest(site.kind) or site.kind == Kind.ADDR):
            groups.setdefault((site.kind, arg), []).append(site)
    for members in _subsets(list(groups.items())):
        kind, number = members[0]
        for new in dict.fromkeys(lower(kind, number)):
            if new != number:
                yield with_args(program, dict.fromkeys(members[1], new))


def _subsets(
    groups: Sequence[tuple[tuple[str, int], list[Site]]],
) -> Iterator[tuple[tuple[str, int], Sequence[Site]]]:
    """Each group whole; then each pair of each; then each site alone."""
    for key, members in groups:
        yield key, members
    for key, members in groups:
        if len(members) > 2:
            yield from ((key, pair) for pair in combinations(members, 2))
    for key, members in groups:
        if len(members) > 1:
            yield from ((key, [site]) for site in members)


def _in_mode(program: Program, mode: Mode) -> Program:
    """The program in another mode: registers and arguments of the same numbers, but what lies near the end of memory stays near it."""
    if mode == program.mode:
        return program
    before, after = LAYOUTS[program.mode], LAYOUTS[mode]
    names = dict(zip(REGISTERS[program.mode], REGISTERS[mode], strict=False))
    values = {names[name]: number & after.mask for name, number in program.regs if name in names}

    def fitting(kind: str, arg: Arg) -> Arg:
        if isinstance(arg, Ref):
            return Ref(arg.op, arg.offset & after.mask)
        if isinstance(arg, int) and kind in (Kind.ADDR, Kind.SIZE):
            if kind == Kind.ADDR and arg >= before.trampoline:
                arg += after.vm_max - before.vm_max
            elif arg > before.mask // 2:
                arg -= before.mask + 1
            return arg & after.mask
        return arg

    ops: tuple[Op, ...] = tuple(map_args(op, fitting) for op in program.ops)
    return with_registers(program._replace(mode=mode, regs=(), ops=ops), values)
