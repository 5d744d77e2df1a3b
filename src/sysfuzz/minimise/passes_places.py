"""Passes over the address space: everything moves to canonical pages, consistently, and what nobody needs is taken out of it.

The one edit is to take some pages, or some bytes within a page, out of the address space: every address behind them moves down, and every
length across them shrinks, in the arguments of all ops, in registers and in numbers inside code. Applied to the room between regions it
brings these together at the canonical base; applied inside regions it makes them a page long.
"""

from collections.abc import Callable, Iterator
from itertools import combinations, pairwise

from sysfuzz.minimise.edit import Site, address_mask, sites, unique, value, with_args, without
from sysfuzz.minimise.order import BASE
from sysfuzz.minimise.search import Shown
from sysfuzz.program.ir import CALLS, Arg, Kind, Program, Ref
from sysfuzz.program.layout import LAYOUTS, Layout
from sysfuzz.program.names import MAP, PAGE

_FIXED = MAP["MAP_FIXED"]
_BASE_PAGE = BASE // PAGE

# Three edges of ten are 120 exchanges; more regions than that are seldom left.
_MAX_EXCHANGED = 10

Move = Callable[[int], int]


def places(shown: Shown) -> Iterator[Program]:
    """Regions come together at the canonical base; those whose place the kernel has chosen are given one first."""
    settled = list(_settled(shown))
    for program in settled:  # an op may have been there only to make the kernel choose
        for index in range(len(program.ops)):
            yield without(Shown(program, shown.results), (index,))
    for program in unique((shown.program, *settled)):
        yield program
        yield from _raised(program)
        yield from _excised(program)
        yield from _exchanged(program)


def offsets(shown: Shown) -> Iterator[Program]:
    """Addresses inside a page come to its start, to the next lower one that is in use, to the next page, or a part of the way."""
    program = shown.program
    user = [arg for _, _, arg in _addresses(program)]
    for page in sorted({arg // PAGE for arg in user}):
        used = sorted({arg % PAGE for arg in user if arg // PAGE == page} | {0})
        for low, high in pairwise(used):
            for start in dict.fromkeys((0, low, PAGE, 1, high // 2, high - 1)):
                yield from _moved(program, _within(page, high, high - start))


def whole_pages(shown: Shown) -> Iterator[Program]:
    """Ranges become the pages that they touch, and file offsets begin a page."""
    program = shown.program
    mask = address_mask(program.mode)
    for index, op in enumerate(program.ops):
        kinds = [param.kind for param in CALLS[op.call]]
        for position in range(len(kinds) - 1):
            addr, length = op.args[position : position + 2]
            if kinds[position : position + 2] != [Kind.ADDR, Kind.SIZE] or not isinstance(addr, int):
                continue
            if not isinstance(length, int):
                continue
            new: dict[Site, Arg] = {}
            if op.call == "mmap":
                _, _, _, flags, _, offset = op.args
                assert isinstance(flags, int) and isinstance(offset, int)
                new[Site(index, 5, Kind.OFFSET)] = offset & -PAGE
                length += offset % PAGE
                if flags & _FIXED:
                    addr = addr - offset % PAGE & mask
            new[Site(index, position, Kind.ADDR)] = addr & -PAGE
            new[Site(index, position + 1, Kind.SIZE)] = addr % PAGE + length + PAGE - 1 & mask & -PAGE
            yield with_args(program, new)


def _within(page: int, offset: int, distance: int) -> Move:
    return lambda addr: addr - distance if addr // PAGE == page and addr % PAGE >= offset else addr


def _addresses(program: Program) -> Iterator[tuple[Site, Site | None, int]]:
    """(site, site of the length behind it, address) of every address that says where a region of the program's own lies."""
    layout = LAYOUTS[program.mode]
    for index, op in enumerate(program.ops):
        params = CALLS[op.call]
        for position, (param, arg) in enumerate(zip(params, op.args, strict=True)):
            if param.kind == Kind.ADDR and isinstance(arg, int) and arg and not _is_given(layout, arg):
                sized = position + 1 < len(params) and params[position + 1].kind == Kind.SIZE
                yield (
                    Site(index, position, Kind.ADDR),
                    Site(index, position + 1, Kind.SIZE) if sized else None,
                    arg,
                )


def _is_given(layout: Layout, addr: int) -> bool:
    """Whether a process is born with a mapping at `addr`: it cannot lie elsewhere."""
    return addr // PAGE == layout.trampoline // PAGE or layout.stack <= addr < layout.stack_top


def _length(program: Program, at: Site, size: Site | None) -> int:
    """Bytes from the address at `at` on that its op is about."""
    args = program.ops[at.op].args
    if size is not None:
        length = args[size.position]
        return length if isinstance(length, int) else PAGE
    return max(len(arg) if isinstance(arg, bytes) else 1 for arg in args)


def beside(shown: Shown) -> Iterator[Program]:
    """Let a mapping that replaces an end of an earlier one lie beside what is left of that."""
    program = shown.program
    mappings = [(index, op.args) for index, op in enumerate(program.ops) if op.call == "mmap"]
    for (one, first), (other, second) in combinations(mappings, 2):
        start, size, over, length, flags = first[0], first[1], second[0], second[1], second[3]
        if not (isinstance(start, int) and isinstance(size, int) and isinstance(over, int)):
            continue
        if not (isinstance(length, int) and isinstance(flags, int)) or not length < size:
            continue
        at, long = Site(one, 0, Kind.ADDR), Site(one, 1, Kind.SIZE)
        apart: dict[Site, Arg] = {long: size - length, Site(other, 3, Kind.MAP): flags & ~_FIXED}
        if over == start:
            apart[at] = start + length & address_mask(program.mode)
        elif over + length != start + size:
            continue
        made = with_args(program, apart)
        yield made
        yield from _exchanged(made)


def _edges(program: Program) -> list[int]:
    """Numbers of the pages, from the canonical base on, with which a region begins, or that come behind one."""
    edges = {_BASE_PAGE}
    for at, size, addr in _addresses(program):
        edges.add(addr // PAGE)
        edges.add(-(-(addr + _length(program, at, size)) // PAGE))
    return sorted(edge for edge in edges if edge >= _BASE_PAGE)


def _exchanged(program: Program) -> Iterator[Program]:
    """The program with two neighbouring regions exchanged, so that of two places it is always the same that comes first."""
    edges = _edges(program)[:_MAX_EXCHANGED]
    for low, middle, high in combinations(edges, 3):
        yield from _moved(program, _swapped(low * PAGE, middle * PAGE, high * PAGE), resize=False)


def _swapped(low: int, middle: int, high: int) -> Move:
    def move(addr: int) -> int:
        if low <= addr < middle:
            return addr + high - middle
        return addr - (middle - low) if middle <= addr < high else addr

    return move


def _excised(program: Program) -> Iterator[Program]:
    """The program with some pages less: all of those between two edges of regions, or all but one, or half, or one."""
    rooms = list(pairwise(_edges(program)))
    rooms.sort(key=lambda room: room[0] - room[1])  # the widest first: one page of many is not worth a step
    for low, high in rooms:
        for count in dict.fromkeys((high - low, high - low - 1, (high - low) // 2, 1)):
            if count > 0:
                yield from _moved(program, _taken_out(low * PAGE, count * PAGE))


def _taken_out(start: int, size: int) -> Move:
    return lambda addr: addr - size if addr >= start + size else min(addr, start + addr % PAGE)


def _raised(program: Program) -> Iterator[Program]:
    """The program with all its regions moved up, so that the lowest begins at the canonical base."""
    lowest = min((addr for _, _, addr in _addresses(program)), default=BASE) // PAGE * PAGE
    if lowest < BASE:
        yield from _moved(program, lambda addr: addr + BASE - lowest)


def _moved(program: Program, move: Move, resize: bool = True) -> Iterator[Program]:
    """The program with its addresses moved: in registers and code as well, then in arguments alone. Lengths follow if `resize`."""
    layout = LAYOUTS[program.mode]
    mask = address_mask(program.mode)
    new: dict[Site, Arg] = {}
    pages: set[int] = set()
    for at, size, addr in _addresses(program):
        new[at] = move(addr) & mask
        length = _length(program, at, size)
        pages.update((addr // PAGE, (addr + length) // PAGE))
        if (
            resize
            and size is not None
            and isinstance(program.ops[size.op].args[size.position], int)
            and not _is_given(layout, addr + length - 1)
        ):
            new[size] = max(move(addr + length) - move(addr), 0) & mask
    moved = with_args(program, new)

    def number(old: int) -> int:
        return move(old) & mask if old // PAGE in pages else old

    code: dict[Site, Arg] = {}
    for site, arg in sites(program):
        if isinstance(arg, bytes):
            code[site] = _rewritten(arg, number)
    registers = tuple((name, number(old) or old) for name, old in program.regs)
    yield with_args(moved, code)._replace(regs=registers)
    yield moved


def _rewritten(code: bytes, number: Callable[[int], int]) -> bytes:
    """Code with every word of 8, or else of 4, bytes changed that `number` changes."""
    out = bytearray(code)
    at = 0
    while at < len(out):
        for size in (8, 4):
            old = int.from_bytes(out[at : at + size], "little")
            new = number(old)
            if at + size <= len(out) and new != old and 0 <= new < 1 << 8 * size:
                out[at : at + size] = new.to_bytes(size, "little")
                at += size - 1
                break
        at += 1
    return bytes(out)


def _settled(shown: Shown) -> Iterator[Program]:
    """The program with an address of its own wherever the kernel has chosen one: as a hint, or fixed."""
    new: dict[Site, Arg] = {}
    fixed: dict[Site, Arg] = {}
    mask = address_mask(shown.program.mode)
    for index, (op, result) in enumerate(zip(shown.program.ops, shown.results, strict=False)):
        if not isinstance(result, int) or op.call not in ("mmap", "mremap"):
            continue
        position, flags_at, kind = (0, 3, Kind.MAP) if op.call == "mmap" else (2, 4, Kind.REMAP)
        flags, place = op.args[flags_at], Site(index, position, Kind.ADDR)
        stayed = op.call == "mremap" and op.args[0] == result
        if isinstance(flags, int) and not flags & _FIXED and op.args[position] != result and not stayed:
            offset = op.args[5] if op.call == "mmap" else 0
            new[place] = result - (offset % PAGE if isinstance(offset, int) else 0) & mask
            fixed[Site(index, flags_at, kind)] = flags | _FIXED
    if not new:
        return
    for site, arg in sites(shown.program):
        if isinstance(arg, Ref) and site not in new:
            new[site] = value(shown, arg, site.kind)
    yield with_args(shown.program, new)
    yield with_args(shown.program, {**new, **fixed})
