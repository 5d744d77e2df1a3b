"""A light forecast of the address space: what a few ops will probably leave behind, so that the next ones can be aimed.

It keeps a list of areas for each process and guesses the result of each op. It refuses to be right: limits, wiring, inheritance, files and most
errors are unknown to it, and nothing is ever judged by it. A wrong guess costs a wasted op; an exact one would cost the speed of the
generator (this one takes 1.5 us an op where the core takes 9).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from sysfuzz.program.ir import Arg, Mode, Op, Ref
from sysfuzz.program.layout import LAYOUTS, MAX_PAGES, Layout
from sysfuzz.program.names import MAP, PAGE, PROT

FIXED = MAP["MAP_FIXED"]
FLAGGED = MAP["MAP_NOSYSCALLS"]
EXEC = PROT["PROT_EXEC"]

_BOTH = MAP["MAP_SHARED"] | MAP["MAP_PRIVATE"]
_UNSUPPORTED = MAP["MAP_INHERIT"] | MAP["MAP_RENAME"]
_UNKNOWN = ~(sum(MAP.values()) | 0xFF << 24)
_IN_PAGE = PAGE - 1

# A mapping without MAP_FIXED is expected in a window of its own: nothing is larger than RLIMIT_AS, so that windows never overlap.
_WINDOW = MAX_PAGES * PAGE


class Area(NamedTuple):
    """Mapped pages [start, end) with one protection."""

    start: int
    end: int
    prot: int
    flagged: bool  # carries no-syscalls
    anchor: int  # the op to whose result its addresses are relative, or -1: they are numbers
    user: bool = True  # mapped by the program; False: the process was born with it


def _area(start: int, end: int, prot: int, flagged: bool, anchor: int, user: bool = True) -> Area:
    return tuple.__new__(Area, (start, end, prot, flagged, anchor, user))  # a third of the cost of Area(…)


def _born(layout: Layout) -> tuple[Area, ...]:
    code = Area(layout.trampoline, layout.trampoline + PAGE, 5, False, -1, False)
    return code, Area(layout.stack, layout.stack_top, 3, False, -1, False)


_BORN = {mode: _born(layout) for mode, layout in LAYOUTS.items()}


class Forecast:
    """The state after the ops that were given to `step`. `areas` are those of the current process, in no order."""

    __slots__ = ("_born", "_next_pid", "areas", "layout", "locks", "mask", "pid", "results", "sites", "spaces")

    def __init__(self, mode: Mode, ops: Iterable[Op] = ()) -> None:
        self.layout = LAYOUTS[mode]
        self.mask = self.layout.mask
        self._born = _BORN[mode]
        self.areas = list(self._born)
        self.pid = 1
        self.spaces = {1: self.areas}  # vfork shares the list itself, so areas are changed in place
        self.results: list[int] = []  # the expected result of each op; all ones (MAP_FAILED) where an error is expected
        self.sites: list[tuple[int, int]] = []  # (address, length) of each poke
        self.locks: list[tuple[int, int]] = []  # (address, length) of each mlock
        self._next_pid = 2
        for op in ops:
            self.step(op)

    def step(self, op: Op) -> None:
        """Take the next op into account."""
        effect = _EFFECTS.get(op.call)
        if effect is None:
            self.results.append(0)
        else:
            self.results.append(effect(self, [arg if type(arg) is int else self.value(arg) for arg in op.args]))

    def value(self, arg: Arg) -> int:
        """The number that `arg` probably means to the next op; of code its length."""
        if isinstance(arg, int):
            return arg
        if isinstance(arg, Ref):
            return (self.results[arg.op] + arg.offset) & self.mask
        return len(arg)

    def within(self, area: Area, addr: int) -> int | Ref:
        """`addr`, in or near `area`, as an argument: relative to the result that decides where the area is."""
        if area.anchor < 0:
            return addr & self.mask
        return Ref(area.anchor, (addr - self.results[area.anchor]) & self.mask)

    def name(self, addr: int) -> int | Ref:
        """`addr` as an argument: a number, or relative to a result if it lies in an area that has no other name."""
        for area in self.areas:
            if area.anchor >= 0 and area.start <= addr <= area.end:
                return self.within(area, addr)
        return addr & self.mask

    def area_at(self, addr: int) -> Area | None:
        """The area that holds `addr`."""
        for area in self.areas:
            if area.start <= addr < area.end:
                return area
        return None

    def is_free(self, start: int, end: int) -> bool:
        """Whether [start, end) is in bounds and nothing is mapped there."""
        if start < self.layout.vm_min or end > self.layout.vm_max:
            return False
        for area in self.areas:  # noqa: SIM110 - all() with a generator takes twice the time
            if area.end > start and area.start < end:
                return False
        return True

    def is_mapped(self, start: int, end: int, prot: int = 0) -> bool:
        """Whether every page of [start, end) is mapped, with all of `prot` allowed."""
        while start < end:
            area = self.area_at(start)
            if area is None or prot & ~area.prot:
                return False
            start = area.end
        return True

    def carve(self, start: int, end: int) -> list[Area]:
        """Remove what is mapped in [start, end) and return it, cut to that range."""
        areas = self.areas
        hit = [area for area in areas if area[0] < end and area[1] > start]
        for index, area in enumerate(hit):
            areas.remove(area)
            first, last, prot, flagged, anchor, user = area
            if first < start:
                areas.append(_area(first, start, prot, flagged, anchor, user))
                first = start
            if last > end:
                areas.append(_area(end, last, prot, flagged, anchor, user))
                last = end
            hit[index] = _area(first, last, prot, flagged, anchor, user)
        return hit

    def pages(self, addr: int, length: int) -> tuple[int, int]:
        """[start, end) of the pages that `length` bytes at `addr` touch; empty if the range is too large or out of bounds."""
        start = addr & ~_IN_PAGE
        end = (addr + length + _IN_PAGE) & ~_IN_PAGE
        if start < self.layout.vm_min or end > self.layout.vm_max:
            return 0, 0
        return start, end

    # -- effects of ops: the result is returned --

    def _mmap(self, args: list[int]) -> int:
        addr, length, prot, flags, _fd, offset = args
        pageoff = offset & _IN_PAGE
        size = (length + pageoff + _IN_PAGE) & ~_IN_PAGE & self.mask
        refused = flags & _UNKNOWN or flags & _BOTH == _BOTH or (flags & FLAGGED and flags & _UNSUPPORTED)
        if refused or not 0 < size <= _WINDOW:
            return self.mask
        anchor = -1
        if flags & FIXED:
            addr -= pageoff
            if addr & _IN_PAGE or addr < self.layout.vm_min or addr + size > self.layout.vm_max:
                return self.mask
            self.carve(addr, addr + size)
        else:
            anchor = len(self.results)
            addr = self._window()
        self.areas.append(_area(addr, addr + size, prot & 7, flags & FLAGGED != 0, anchor))
        return addr + pageoff

    def _window(self) -> int:
        return self.layout.mmap_base + len(self.results) * _WINDOW

    def _munmap(self, args: list[int]) -> int:
        start, end = self.pages(*args)
        self.carve(start, end)
        return 0

    def _mprotect(self, args: list[int]) -> int:
        addr, length, new = args
        start, end = self.pages(addr, length)
        for first, last, _prot, flagged, anchor, user in self.carve(start, end):
            self.areas.append(_area(first, last, new & 7, flagged, anchor, user))
        return 0

    def _mremap(self, args: list[int]) -> int:
        old, oldlen, new, newlen, flags = args
        old_end = (old + oldlen + _IN_PAGE) & ~_IN_PAGE
        size = (newlen + _IN_PAGE) & ~_IN_PAGE
        last = self.area_at(old_end - 1)
        misaligned = (old | new if flags & FIXED else old) & _IN_PAGE
        if last is None or not 0 < size <= _WINDOW or misaligned:
            return self.mask
        if not flags & FIXED or new == old:
            if old + size <= old_end:
                self.carve(old + size, old_end)
                return old
            if self.is_free(old_end, old + size):
                self.areas.append(_area(old_end, old + size, last.prot, last.flagged, last.anchor))
                return old
        anchor = -1
        if flags & FIXED:
            if not self.is_free(new, new + size):
                return self.mask
        else:
            anchor = len(self.results)
            new = self._window()
        self.carve(old, old_end)
        self.areas.append(_area(new, new + size, last.prot, last.flagged, anchor))
        return new

    def _fork(self, _args: list[int]) -> int:
        return self._child(list(self.areas))

    def _vfork(self, _args: list[int]) -> int:
        return self._child(self.areas)

    def _child(self, areas: list[Area]) -> int:
        pid = self._next_pid
        self._next_pid += 1
        self.spaces[pid] = areas
        return pid

    def _exec(self, _args: list[int]) -> int:
        self.areas = list(self._born)
        self.spaces[self.pid] = self.areas
        return 0

    def _as(self, args: list[int]) -> int:
        if args[0] in self.spaces:
            self.pid = args[0]
            self.areas = self.spaces[self.pid]
        return 0

    def _lwp_create(self, _args: list[int]) -> int:
        return 2  # right for the first one of a process, which is all that programs usually make

    def _mlock(self, args: list[int]) -> int:
        self.locks.append((args[0], args[1]))
        return 0

    def _poke(self, args: list[int]) -> int:
        self.sites.append((args[0], args[1]))
        return 0


_EFFECTS: Mapping[str, Callable[[Forecast, list[int]], int]] = {
    "mmap": Forecast._mmap,
    "munmap": Forecast._munmap,
    "mprotect": Forecast._mprotect,
    "mremap": Forecast._mremap,
    "fork": Forecast._fork,
    "vfork": Forecast._vfork,
    "exec": Forecast._exec,
    "as": Forecast._as,
    "lwp_create": Forecast._lwp_create,
    "mlock": Forecast._mlock,
    "poke": Forecast._poke,
}
