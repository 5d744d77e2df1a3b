"""mremap: resize in place or move, carrying what a page has along.

In place comes first (nothing, shrink, grow), then the move, as in uvm_mremap.c; all checks stand before the first change. The rules say
whether attributes are carried: the sources that survived the flag of 2011 copy an entry's fields one by one, without them.
"""

from sysfuzz.kernel.mman import alignment_of, in_bounds, round_page
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.vmmap import Entry, VMMap
from sysfuzz.program.layout import MAX_PAGES
from sysfuzz.program.names import MAP, PAGE

Value = int | str

_FIXED = MAP["MAP_FIXED"]
_ALLOWED = _FIXED | 0xFF000000


def mremap(process: Process, old: int, oldlen: int, new: int, newlen: int, flags: int) -> Value:
    """mremap(2); the order of docs/semantics.md."""
    vm = process.vm
    layout = vm.layout
    if flags & ~_ALLOWED:
        return "EINVAL"
    oldsize, newsize = round_page(oldlen, layout.mask), round_page(newlen, layout.mask)
    fixed = flags & _FIXED
    if old % PAGE or (fixed and new % PAGE) or not oldsize or not newsize or not in_bounds(vm, old, oldsize):
        return "EINVAL"
    alignment = alignment_of(flags, new if fixed else None, layout.vm_max)
    if isinstance(alignment, str):
        return alignment
    stays = (not fixed or new == old) and not old % alignment
    if stays and newsize <= oldsize:
        if newsize < oldsize:
            vm.remove(old + newsize, old + oldsize)
            vm.changed("shrink")
        return old
    if not vm.covers(old, old + oldsize):
        return "EINVAL"
    if vm.pages + (newsize - oldsize) // PAGE > MAX_PAGES:
        return "ENOMEM"
    if stays and old + newsize <= layout.vm_max and vm.is_free(old + oldsize, old + newsize):
        _grow(vm, old + oldsize, old + newsize)
        return old
    if fixed:
        if not in_bounds(vm, new, newsize) or not vm.is_free(new, new + newsize):
            return "ENOMEM"
        place = new
    else:
        found = vm.find_space(0, newsize, alignment)
        if found is None:
            return "ENOMEM"
        place = found
    _move(vm, old, oldsize, place, newsize)
    return place


def _grow(vm: VMMap, end: int, new_end: int) -> None:
    """Add pages behind the mapping that ends at `end`: to its entry where the amap allows it, else as an entry of their own."""
    last = vm.lookup(end - 1)
    assert last is not None, "the caller checked that the old range is covered"
    tail = Entry(end, new_end, last.prot, last.maxprot, last.inherit)
    tail.advice = last.advice
    tail.object, tail.cow = last.object, last.cow
    tail.offset = last.offset + last.pages()
    if vm.rules.grow_carries_attributes:
        tail.attributes = last.attributes
    vm.enter(tail)
    vm.changed("grow")


def _move(vm: VMMap, old: int, oldsize: int, new: int, newsize: int) -> None:
    """Extract the old range to the free place `new`, then unmap it; pages beyond the old size are grown."""
    kept = min(oldsize, newsize)
    moved = []
    for entry in vm.span(old, old + kept):
        start, end = max(entry.start, old), min(entry.end, old + kept)
        part = entry.clone(start, end)
        part.start, part.end = start - old + new, end - old + new
        part.wired = 0
        if not vm.rules.move_carries_attributes:
            part.attributes = 0
        moved.append(part)
    vm.remove(old, old + oldsize)
    for part in moved:
        vm.insert(part)
    vm.changed("move")
    if newsize > oldsize:
        _grow(vm, new + oldsize, new + newsize)
