"""Wired memory: mlock and its relatives, and the two limits that every wiring obeys.

An entry's wired count nests with mlock; one munlock undoes all. Limits count pages with any count: wiredmax over all maps, RLIMIT_MEMLOCK in
one. Which pages a call means is decided here, how they are clipped in `vmmap`.
"""

from sysfuzz.kernel.process import Processes
from sysfuzz.kernel.vmmap import VMMap
from sysfuzz.program.layout import MAX_LOCKED_PAGES, MAX_WIRED_PAGES
from sysfuzz.program.names import MLOCKALL, PAGE

Value = int | str

_CURRENT, _FUTURE = MLOCKALL["MCL_CURRENT"], MLOCKALL["MCL_FUTURE"]


def wired_in(vm: VMMap, start: int, end: int) -> int:
    """Wired pages of [start, end)."""
    return sum(min(e.end, end) - max(e.start, start) for e in vm.span(start, end) if e.wired) // PAGE


def over_limit(processes: Processes, vm: VMMap, more: int) -> bool:
    """Whether `more` wired pages in `vm` would be too many."""
    return vm.wired_pages() + more > MAX_LOCKED_PAGES or processes.wired_pages() + more > MAX_WIRED_PAGES


def mlock(processes: Processes, vm: VMMap, start: int, size: int) -> Value:
    """mlock(2) of a page-aligned range inside the bounds."""
    end = start + size
    if over_limit(processes, vm, size // PAGE):
        return "EAGAIN"
    if vm.lookup(start) is None:
        return "ENOMEM"
    if not vm.covers(start, end) or any(not entry.prot for entry in vm.span(start, end)):
        return "EINVAL"
    vm.clip(start, end)
    for entry in vm.span(start, end):
        vm.wire(entry, entry.wired + 1)
    vm.changed("wire")
    return 0


def munlock(vm: VMMap, start: int, size: int) -> Value:
    """munlock(2) of a page-aligned range inside the bounds."""
    end = start + size
    if vm.lookup(start) is None:
        return "ENOMEM"
    if not vm.covers(start, end) or any(not entry.wired for entry in vm.span(start, end)):
        return "EINVAL"
    vm.clip(start, end)
    for entry in vm.span(start, end):
        vm.wire(entry, 0)
    vm.changed("unwire")
    return 0


def mlockall(processes: Processes, vm: VMMap, flags: int) -> Value:
    """mlockall(2): CURRENT wires what can be touched, FUTURE what will be mapped."""
    if not flags or flags & ~(_CURRENT | _FUTURE):
        return "EINVAL"
    if flags & _CURRENT:
        unwired = sum(entry.pages() for entry in vm.entries if entry.prot and not entry.wired)
        if over_limit(processes, vm, unwired):
            return "ENOMEM"
        for entry in vm.entries:
            if entry.prot:
                vm.wire(entry, entry.wired + 1)
        vm.changed("wire-all")
    if flags & _FUTURE:
        vm.wire_future = True
        vm.changed("wire-future")
    return 0


def munlockall(vm: VMMap) -> Value:
    """munlockall(2)."""
    for entry in vm.entries:
        vm.wire(entry, 0)
    vm.wire_future = False
    vm.changed("unwire-all")
    return 0
