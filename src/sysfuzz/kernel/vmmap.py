"""The VM map: sorted, disjoint entries, with UVM's verbs lookup, clip, enter, remove and find_space.

Every attribute of an entry that makes it different from its neighbour is listed once, in `Entry.compatible`; the merge that ignores one
of them loses it. The map knows pages and protections, but no calls, no errno values and no processes.

=> Callers of `clip`, `enter` and `remove` have validated their ranges: page-aligned, start < end, inside the bounds.
"""

from collections.abc import Iterator

from sysfuzz.kernel.holes import Holes
from sysfuzz.kernel.pages import Amap, Object
from sysfuzz.kernel.protocol import KernelPanic
from sysfuzz.kernel.rules import Rules
from sysfuzz.program.ir import make
from sysfuzz.program.layout import Layout
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import Region


class Entry:
    """One mapping, [start, end). `aoff` is the amap slot and `offset` the object's page index of its first page."""

    __slots__ = (
        "advice", "amap", "aoff", "attributes", "cow", "end", "inherit", "maxprot", "object", "offset", "prot", "start", "wired",
    )  # fmt: skip

    def __init__(self, start: int, end: int, prot: int, maxprot: int, inherit: int) -> None:
        self.start = start
        self.end = end
        self.prot = prot
        self.maxprot = maxprot
        self.inherit = inherit
        self.advice = 0
        self.wired = 0
        self.attributes = 0
        self.object: Object | None = None
        self.offset = 0
        self.cow = False  # pages of the object are copied into the amap before they are written
        self.amap: Amap | None = None
        self.aoff = 0

    def pages(self) -> int:
        """Length in pages."""
        return (self.end - self.start) // PAGE

    def clone(self, start: int, end: int) -> "Entry":
        """The part [start, end) of this entry; it shares the amap, whose reference count grows."""
        new = Entry(start, end, self.prot, self.maxprot, self.inherit)
        new.advice = self.advice
        new.wired = self.wired
        new.attributes = self.attributes
        new.object = self.object
        new.cow = self.cow
        skipped = (start - self.start) // PAGE
        new.offset = self.offset + skipped
        new.amap = self.amap
        new.aoff = self.aoff + skipped
        if new.amap is not None:
            new.amap.refs += 1
        return new

    def compatible(self, other: "Entry", rules: Rules) -> bool:
        """Whether `other`, which starts where this ends, may be one entry with it (UVM_ET_ISCOMPATIBLE and the object's offset)."""
        return (
            self.end == other.start
            and (self.attributes == other.attributes or not rules.merge_compares_attributes)
            and self.prot == other.prot
            and self.maxprot == other.maxprot
            and self.inherit == other.inherit
            and self.advice == other.advice
            and self.wired == other.wired
            and self.object is other.object
            and self.cow == other.cow
            and (self.object is None or self.offset + self.pages() == other.offset)
        )

    def past_end(self, addr: int) -> bool:
        """Whether the page at `addr` lies behind the end of the file."""
        return self.object is not None and self.offset + (addr - self.start) // PAGE >= self.object.pages

    def extendable(self) -> bool:
        """Whether nobody else looks into the amap, so that slots beside this entry's own are free."""
        return self.amap is None or self.amap.refs == 1

    def extend_up(self, other: "Entry") -> None:
        """Take in `other`, which starts where this ends; all fields stay this entry's, the amap is whichever there is.

        => at most one of the two has an amap, and it is extendable. The slots that it newly covers are cleared: a part that was
        clipped off and unmapped earlier may have left pages there.
        """
        if other.amap is not None:
            self.amap = other.amap
            self.aoff = other.aoff - self.pages()
            self.amap.drop(self.aoff, self.pages())
        elif self.amap is not None:
            self.amap.drop(self.aoff + self.pages(), other.pages())
        self.end = other.end

    def extend_down(self, other: "Entry") -> None:
        """Take in `other`, which has no amap and ends where this starts; all fields stay this entry's."""
        added = other.pages()
        self.start = other.start
        self.offset -= added
        self.aoff -= added
        if self.amap is not None:
            self.amap.drop(self.aoff, added)


# Entries that a search for room walks over before it asks the index of holes, which the map keeps from then on. A program has a dozen.
_PATIENCE = 16
_ENTERED = ("enter", "merge-forward", "merge-back", "merge-both")


class VMMap:
    """The address space of one process, or of several after vfork (`users` counts them)."""

    def __init__(self, layout: Layout, rules: Rules, log: list[str]) -> None:
        self.layout = layout
        self.rules = rules
        self.log = log  # where transitions are told
        self.entries: list[Entry] = []
        self.pages = 0  # mapped
        self._wired = 0  # of them, those with a wired count
        self._holes: Holes | None = None  # what is free, once a search has been long
        self.wire_future = False
        self.users = 1
        self._regions: tuple[Region, ...] | None = None  # what `regions` answers, as long as nothing changes
        self.locks = 0  # how often the map lock was taken to look something up at a kernel entry

    # -- lookup -------------------------------------------------------------------------------------------------------

    def index(self, addr: int) -> int:
        """Index of the first entry that ends after `addr`."""
        # bisect with a key calls that for each probe, which no compiler can help. Interpreted, among 5 entries: this loop 0.41 us, that 0.37.
        entries = self.entries
        low, high = 0, len(entries)
        while low < high:
            middle = (low + high) // 2
            if entries[middle].end <= addr:
                low = middle + 1
            else:
                high = middle
        return low

    def lookup(self, addr: int) -> Entry | None:
        """The entry that holds `addr`."""
        position = self.index(addr)
        if position < len(self.entries):
            entry = self.entries[position]
            if entry.start <= addr:
                return entry
        return None

    def span(self, start: int, end: int) -> Iterator[Entry]:
        """The entries that have a byte in [start, end), in order; none if that is empty."""
        if start >= end:
            return
        entries = self.entries
        for position in range(self.index(start), len(entries)):
            entry = entries[position]
            if entry.start >= end:
                return
            yield entry

    def covers(self, start: int, end: int) -> bool:
        """Whether every page of [start, end) is mapped."""
        for entry in self.span(start, end):
            if entry.start > start:
                return False
            start = entry.end
        return start >= end

    def is_free(self, start: int, end: int) -> bool:
        """Whether no page of [start, end) is mapped."""
        position = self.index(start)
        return position == len(self.entries) or self.entries[position].start >= end

    def mapped_pages(self, start: int, end: int) -> int:
        """How many pages of [start, end) are mapped."""
        return sum(min(entry.end, end) - max(entry.start, start) for entry in self.span(start, end)) // PAGE

    def wired_pages(self) -> int:
        """How many pages have a wired count."""
        return self._wired

    def find_space(self, hint: int, size: int, alignment: int) -> int | None:
        """A free, aligned place of `size` bytes: the first at or after `hint` (0: no hint), after mmap_base, anywhere."""
        for base in (hint or self.layout.mmap_base, self.layout.mmap_base, self.layout.vm_min):
            start = _round(max(base, self.layout.vm_min), alignment)
            position = self.index(start)
            for entry in self.entries[position : position + _PATIENCE]:
                if start + size <= entry.start:
                    break
                if start < entry.end:
                    start = _round(entry.end, alignment)
            else:
                start = self._search(start, size, alignment)
            if start + size <= self.layout.vm_max:
                return start
        return None

    def _search(self, start: int, size: int, alignment: int) -> int:
        """The first place at or after the aligned address `start`, by the index of holes where something is in the way."""
        position = self.index(start)
        while position < len(self.entries) and self.entries[position].start < start + size:
            start = _round(self._known_holes().first(self.entries[position].end, size), alignment)
            position = self.index(start)
        return start

    def _known_holes(self) -> Holes:
        """The index of what is free; made now if there is none."""
        if self._holes is None:
            self._holes = Holes(self.layout.vm_max)
            for position in range(len(self.entries) + 1):
                self._note_hole(self._holes, position)
        return self._holes

    def _note_hole(self, holes: Holes, position: int) -> None:
        """Tell the index what is free in front of entry `position`, or behind the last."""
        start = self.entries[position - 1].end if position else self.layout.vm_min
        end = self.entries[position].start if position < len(self.entries) else self.layout.vm_max
        holes.put(start, end - start)

    # -- change -------------------------------------------------------------------------------------------------------

    def changed(self, transition: str) -> None:
        """Tell a change of an entry, by whoever made it. => after the last change and before the next `regions`."""
        self.log.append(transition)
        self._regions = None

    def clip(self, start: int, end: int) -> None:
        """Make `start` and `end` entry boundaries where they lie inside an entry; nothing for an empty range."""
        if start >= end:
            return
        for addr in (start, end):
            position = self.index(addr)
            if position < len(self.entries):
                entry = self.entries[position]
                if entry.start < addr:
                    self.entries.insert(position + 1, entry.clone(addr, entry.end))
                    entry.end = addr
                    self.changed("clip")

    def insert(self, new: Entry) -> int:
        """Put `new` into free space as an entry of its own; its index."""
        position = self.index(new.start)
        if position < len(self.entries) and self.entries[position].start < new.end:
            raise KernelPanic(f"uvm_map: {new.start:#x}-{new.end:#x} is not free")
        self.entries.insert(position, new)
        self.pages += new.pages()
        if new.wired:
            self._wired += new.pages()
        if self._holes is not None:
            self._note_hole(self._holes, position)
            self._note_hole(self._holes, position + 1)
        self._regions = None
        return position

    def enter(self, new: Entry) -> None:
        """Put `new`, which has no amap yet, into free space, merged with compatible neighbours whose amaps may be extended.

        => only one amap survives a merge, so both neighbours are merged only if one of them has none.
        """
        position = self.insert(new)
        entries = self.entries
        before = entries[position - 1] if position else None
        after = entries[position + 1] if position + 1 < len(entries) else None
        back = before is not None and before.compatible(new, self.rules) and before.extendable()
        forward = after is not None and new.compatible(after, self.rules) and after.extendable()
        if before is not None and back:
            before.extend_up(new)
            del entries[position]
            forward = forward and (before.amap is None or after is None or after.amap is None)
            if after is not None and forward:
                before.extend_up(after)
                del entries[position]
        elif after is not None and forward:
            after.extend_down(new)
            del entries[position]
        self.changed(_ENTERED[2 * back + forward])

    def remove(self, start: int, end: int) -> None:
        """Unmap [start, end); holes are fine."""
        if self.is_free(start, end):
            return
        self.clip(start, end)
        first = self.index(start)
        last = first
        while last < len(self.entries) and self.entries[last].start < end:
            entry = self.entries[last]
            if entry.amap is not None:
                entry.amap.refs -= 1
            self.pages -= entry.pages()
            if entry.wired:
                self._wired -= entry.pages()
            if self._holes is not None:
                self._holes.put(entry.end, 0)
            last += 1
        del self.entries[first:last]
        if self._holes is not None:
            self._note_hole(self._holes, first)
        self.changed("remove")

    def wire(self, entry: Entry, count: int) -> None:
        """Give an entry of this map another wired count. => the caller tells the change."""
        if not entry.wired and count:
            self._wired += entry.pages()
        elif entry.wired and not count:
            self._wired -= entry.pages()
        entry.wired = count

    # -- report -------------------------------------------------------------------------------------------------------

    def carries(self, start: int, end: int, bit: int) -> bool:
        """Whether a byte of [start, end) lies in an entry with attribute `bit`. Takes the lock and walks the map."""
        self.locks += 1
        return any(entry.attributes & bit for entry in self.span(start, end))

    def regions(self) -> tuple[Region, ...]:
        """The entries as values; the same object as long as nothing changes."""
        if self._regions is None:
            self._regions = tuple(
                [
                    make(Region, (e.start, e.end, e.prot, e.maxprot, e.inherit, e.advice, e.wired, e.attributes))
                    for e in self.entries
                ]
            )
        return self._regions

    def check(self) -> str:
        """Sanity: sorted, disjoint, aligned, in bounds, pages and wired pages counted right; "" or the first thing that is wrong."""
        low, pages, wired = self.layout.vm_min, 0, 0
        for entry in self.entries:
            if not low <= entry.start < entry.end <= self.layout.vm_max:
                return f"entry {entry.start:#x}-{entry.end:#x} overlaps, is empty or out of bounds"
            if (entry.start | entry.end) % PAGE:
                return f"entry {entry.start:#x}-{entry.end:#x} is not page-aligned"
            if entry.prot & ~entry.maxprot:
                return f"entry {entry.start:#x}-{entry.end:#x} has protection {entry.prot} over its maximum {entry.maxprot}"
            if entry.amap is not None and entry.amap.refs < 1:
                return f"entry {entry.start:#x}-{entry.end:#x} looks into a freed amap"
            low = entry.end
            pages += entry.pages()
            if entry.wired:
                wired += entry.pages()
        if pages != self.pages:
            return f"{self.pages} pages counted, {pages} mapped"
        if wired != self._wired:
            return f"{self._wired} wired pages counted, {wired} in the map"
        return ""


def _round(addr: int, alignment: int) -> int:
    return (addr + alignment - 1) // alignment * alignment
