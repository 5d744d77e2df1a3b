"""The calls that map, unmap and annotate memory, with NetBSD's checks in NetBSD's order (uvm_mmap.c of 2011-2015).

Each call validates everything first and commits then, so that a failing call changes nothing, also where NetBSD destroys before it
fails (MAP_FIXED, clips). Returns a value or an errno name. mremap, mincore and wiring have files of their own.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sysfuzz.kernel import wiring
from sysfuzz.kernel.flags import ALIGNMENT_SHIFT, attributes_of
from sysfuzz.kernel.pages import Object
from sysfuzz.kernel.process import Process, Processes
from sysfuzz.kernel.vmmap import Entry, VMMap
from sysfuzz.program.layout import FILE_PAGES, MAX_PAGES
from sysfuzz.program.names import ADVICE, INHERIT, MAP, MSYNC, PAGE
from sysfuzz.program.outcome import NOSYSCALLS

Value = int | str

_PAGE_MASK = PAGE - 1
_ALL = 7
_WRITE, _EXEC = 2, 4
_SHARED, _PRIVATE, _COPY = MAP["MAP_SHARED"], MAP["MAP_PRIVATE"], MAP["MAP_COPY"]
_FIXED, _ANON, _WIRED = MAP["MAP_FIXED"], MAP["MAP_ANON"], MAP["MAP_WIRED"]
_MAX_OFFSET = (1 << 63) - 1


def round_page(value: int, mask: int) -> int:
    """`value` rounded up to a page in C's unsigned arithmetic of the given width: near the top it wraps to 0."""
    return (value + _PAGE_MASK) & ~_PAGE_MASK & mask


def page_range(vm: VMMap, addr: int, length: int) -> tuple[int, int]:
    """The pages that [addr, addr + length) touches, as (start, size), as every call but mmap, mremap and mincore computes them."""
    pageoff = addr & _PAGE_MASK
    return addr - pageoff, round_page(length + pageoff, vm.layout.mask)


def in_bounds(vm: VMMap, start: int, size: int) -> bool:
    """NetBSD's range_test."""
    end = (start + size) & vm.layout.mask
    return vm.layout.vm_min <= start <= end <= vm.layout.vm_max


class Descriptor(NamedTuple):
    """What a descriptor stands for; `file` is the name of a regular file, "" where there is nothing to map."""

    file: str = ""
    writable: bool = True
    executable: bool = True


# The table that every process has: a terminal, three files, a pipe.
DESCRIPTORS: Mapping[int, Descriptor] = {
    0: Descriptor(),
    1: Descriptor(),
    2: Descriptor(),
    3: Descriptor("file"),
    4: Descriptor("read-only file", writable=False),
    5: Descriptor("file on a no-exec mount", executable=False),
    6: Descriptor(),
}

Files = dict[int, Object]  # those that were mapped so far, by descriptor


class Backing(NamedTuple):
    """What stands behind a new mapping."""

    object: Object | None
    maxprot: int


_ANONYMOUS = Backing(None, _ALL)


def _backing(fd: int, files: Files, prot: int, flags: int, offset: int, size: int) -> Backing | str:
    """Row 5 of mmap's list: the object and maxprot, or an errno name."""
    if flags & _ANON:
        return _ANONYMOUS if fd == -1 else "EINVAL"
    opened = DESCRIPTORS.get(fd)
    if opened is None:
        return "EBADF"
    if not opened.file:
        return "ENODEV"
    if offset > _MAX_OFFSET:
        return "EINVAL"
    if offset + size > _MAX_OFFSET:
        return "EOVERFLOW"
    maxprot = _ALL
    if not opened.executable:
        if prot & _EXEC:
            return "EACCES"
        maxprot &= ~_EXEC
    if flags & _SHARED and not opened.writable:
        if prot & _WRITE:
            return "EACCES"
        maxprot &= ~_WRITE
    file = files.get(fd)
    if file is None:
        file = files[fd] = Object(opened.file, FILE_PAGES)
    return Backing(file, maxprot)


def alignment_of(flags: int, addr: int | None, vm_max: int) -> Value:
    """The alignment that bits 24-31 ask for in bytes (a page if none), or an errno name; `addr` is the address that must obey it."""
    shift = flags >> ALIGNMENT_SHIFT
    if not shift:
        return PAGE
    if shift >= 64 or 1 << shift < PAGE:
        return "EINVAL"
    if 1 << shift >= vm_max:
        return "ENOMEM"
    if addr is not None and addr % (1 << shift):
        return "EINVAL"
    return 1 << shift


def mmap(
    processes: Processes, process: Process, files: Files,
    addr: int, length: int, prot: int, flags: int, fd: int, pos: int,
) -> Value:  # fmt: skip
    """mmap(2); the rows of docs/semantics.md in their order."""
    vm = process.vm
    layout = vm.layout
    prot &= _ALL
    attributes = attributes_of(flags, vm.rules)
    if isinstance(attributes, str):
        return attributes
    if flags & _COPY:
        flags = flags & ~_COPY | _PRIVATE
    if flags & _SHARED and flags & _PRIVATE:
        return "EINVAL"
    pageoff = pos & _PAGE_MASK
    pos -= pageoff
    size = round_page(length + pageoff, layout.mask)
    fixed = flags & _FIXED
    if fixed:
        addr = (addr - pageoff) & layout.mask
        if addr & _PAGE_MASK or addr < layout.vm_min:
            return "EINVAL"
        end = (addr + size) & layout.mask
        if end > layout.vm_max:
            return "EFBIG"
        if end < addr:
            return "EOVERFLOW"
    backing = _backing(fd, files, prot, flags, pos, size)
    if isinstance(backing, str):
        return backing
    if not size:
        return (addr if fixed else layout.mmap_base) + pageoff
    alignment = alignment_of(flags, addr if fixed else None, layout.vm_max) if flags >> ALIGNMENT_SHIFT else PAGE
    if isinstance(alignment, str):
        return alignment
    replaced = 0 if not fixed or vm.is_free(addr, addr + size) else vm.mapped_pages(addr, addr + size)
    if vm.pages - replaced + size // PAGE > MAX_PAGES:
        return "ENOMEM"
    if not fixed:
        place = vm.find_space(addr, size, alignment)
        if place is None:
            return "ENOMEM"
        addr = place
    wire = bool(prot) and bool(flags & _WIRED or vm.wire_future)
    if wire:
        rewired = wiring.wired_in(vm, addr, addr + size) if replaced else 0
        if wiring.over_limit(processes, vm, size // PAGE - rewired):
            return "ENOMEM"
    if replaced:
        vm.remove(addr, addr + size)
    inherit = INHERIT["MAP_INHERIT_SHARE"] if flags & _SHARED else INHERIT["MAP_INHERIT_COPY"]
    entry = Entry(addr, addr + size, prot, backing.maxprot, inherit)
    entry.attributes = attributes
    entry.wired = int(wire)
    if backing.object is not None:
        entry.object = backing.object
        entry.offset = pos // PAGE
        entry.cow = not flags & _SHARED
    vm.enter(entry)
    if attributes & NOSYSCALLS:
        processes.mark(vm)
    return addr + pageoff


def munmap(vm: VMMap, addr: int, length: int) -> Value:
    """munmap(2): holes are no error, and neither is nothing at all."""
    start, size = page_range(vm, addr, length)
    if not size:
        return 0
    if not in_bounds(vm, start, size):
        return "EINVAL"
    vm.remove(start, start + size)
    return 0


def mprotect(processes: Processes, vm: VMMap, addr: int, length: int, prot: int) -> Value:
    """mprotect(2): holes are skipped."""
    start, size = page_range(vm, addr, length)
    if not in_bounds(vm, start, size):
        return "EINVAL"
    end = start + size
    prot &= _ALL
    if any(prot & ~entry.maxprot for entry in vm.span(start, end)):
        return "EACCES"
    if vm.wire_future and prot:
        wired = sum(
            min(entry.end, end) - max(entry.start, start)
            for entry in vm.span(start, end)
            if not entry.prot and not entry.wired
        )
        if wired and wiring.over_limit(processes, vm, wired // PAGE):
            return "ENOMEM"
    vm.clip(start, end)
    for entry in vm.span(start, end):
        if vm.wire_future and prot and not entry.prot and not entry.wired:
            vm.wire(entry, 1)
        entry.prot = prot
    vm.changed("protect")
    return 0


def minherit(vm: VMMap, addr: int, length: int, inherit: int) -> Value:
    """minherit(2): holes are skipped; DONATE_COPY was never implemented."""
    start, size = page_range(vm, addr, length)
    if not in_bounds(vm, start, size):
        return "EINVAL"
    if inherit not in (0, 1, 2, 4):
        return "EINVAL"
    vm.clip(start, start + size)
    for entry in vm.span(start, start + size):
        entry.inherit = inherit
    vm.changed("inherit")
    return 0


def madvise(vm: VMMap, addr: int, length: int, advice: int) -> Value:
    """madvise(2): the first three are remembered, FREE forgets contents, DONTNEED keeps them."""
    start, size = page_range(vm, addr, length)
    end = start + size
    if not in_bounds(vm, start, size):
        return "EINVAL"
    if advice <= ADVICE["MADV_SEQUENTIAL"]:
        vm.clip(start, end)
        for entry in vm.span(start, end):
            entry.advice = advice
        vm.changed("advise")
        return 0
    if advice == ADVICE["MADV_WILLNEED"]:
        return 0
    if advice == ADVICE["MADV_DONTNEED"]:
        return _clean(vm, start, end, refuse_wired=False)
    if advice == ADVICE["MADV_FREE"]:
        done = _clean(vm, start, end, refuse_wired=True)
        if done == 0:
            _free(vm, start, end)
        return done
    return "EINVAL"


def _clean(vm: VMMap, start: int, end: int, refuse_wired: bool) -> Value:
    """uvm_map_clean's checks: EFAULT for a hole, EBUSY for wired pages if those are refused."""
    if vm.lookup(start) is None or not vm.covers(start, end):
        return "EFAULT"
    if refuse_wired and any(entry.wired for entry in vm.span(start, end)):
        return "EBUSY"
    return 0


def _free(vm: VMMap, start: int, end: int) -> None:
    for entry in vm.span(start, end):
        if entry.amap is not None and entry.object is None and entry.inherit != INHERIT["MAP_INHERIT_SHARE"]:
            first = max(entry.start, start)
            skipped = (first - entry.start) // PAGE
            entry.amap.drop(entry.aoff + skipped, (min(entry.end, end) - first) // PAGE)
    vm.changed("free")


def msync(vm: VMMap, addr: int, length: int, flags: int) -> Value:
    """msync(2): length 0 means the mapping that holds addr."""
    both = MSYNC["MS_ASYNC"] | MSYNC["MS_SYNC"]
    if flags & ~(both | MSYNC["MS_INVALIDATE"]) or not flags or flags & both == both:
        return "EINVAL"
    start, size = page_range(vm, addr, length)
    if not in_bounds(vm, start, size):
        return "EINVAL"
    end = start + size
    if not size:
        entry = vm.lookup(start)
        if entry is None:
            return "EINVAL"
        start, end = entry.start, entry.end
    return _clean(vm, start, end, refuse_wired=bool(flags & MSYNC["MS_INVALIDATE"]))
