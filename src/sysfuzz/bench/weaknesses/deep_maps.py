"""Deep weaknesses of maps: the attribute is lost or gained only where several things meet that are harmless one by one.

Each is the kind of mistake that outlives a review: a path taken by entries with an amap of their own, by a range of several entries, by a call
that fails halfway, or by a second generation. How deep each lies is measured, not known here.
"""

from sysfuzz.bench.weaknesses.canary import passed
from sysfuzz.bench.weaknesses.plantable import Births, Map, Plantable
from sysfuzz.bench.weaknesses.planted import Planted
from sysfuzz.kernel import mman
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import KernelPanic
from sysfuzz.kernel.vmmap import Entry, VMMap
from sysfuzz.program.names import ADVICE, INHERIT, MAP, PAGE
from sysfuzz.program.outcome import Result

_WRITE = 2


class _FillsHole(Plantable):
    class maps(Map):
        def enter(self, new: Entry) -> None:
            """One that fills a hole is compared with the entry behind, whose amap it takes over, in all but the attributes."""
            position = self.index(new.start)
            if 0 < position < len(self.entries):
                before, after = self.entries[position - 1 : position + 1]
                alone = before.compatible(new, self.rules) and before.amap is None and after.amap is not None
                if alone and after.extendable():
                    kept, after.attributes = after.attributes, new.attributes
                    joins = new.compatible(after, self.rules)
                    passed(joins and kept != new.attributes)
                    if not joins:
                        after.attributes = kept
            super().enter(new)


class _Resizes(Plantable):
    """Goes wrong where mremap has changed a map."""

    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        vm = self.map_of(pid)
        if vm is None or name != "mremap":
            return super().call(pid, lwp, name, args)
        old, new = (mman.round_page(length, vm.layout.mask) for length in (args[1], args[3]))
        special = self.special(vm, args[0], args[0] + min(old, new))
        result = super().call(pid, lwp, name, args)
        if special and isinstance(result, int):
            self.spoil(vm, args[0], old, result, new)
            vm.changed("spoil")
        return result

    def special(self, vm: VMMap, start: int, end: int) -> bool:
        """Whether what is to be left of the old pages, [start, end), takes the bad path."""
        raise NotImplementedError

    def spoil(self, vm: VMMap, old: int, oldsize: int, new: int, newsize: int) -> None:
        """Do what the bad path does to the map after the change."""
        raise NotImplementedError


class _MovesShrunk(_Resizes):
    """Of several entries that move and shrink at once the last is made anew if it is writable and has to be cut."""

    def special(self, vm: VMMap, start: int, end: int) -> bool:
        last = vm.lookup(end - 1)
        return last is not None and bool(last.prot & _WRITE) and last.start > start and last.end > end

    def spoil(self, vm: VMMap, old: int, oldsize: int, new: int, newsize: int) -> None:
        last = vm.lookup(new + newsize - 1)
        if last is not None and new != old and newsize < oldsize:
            passed(bool(last.attributes))
            last.attributes = 0


class _MovesBeside(_Resizes):
    """What moves into a hole, behind an entry that it is like, is taken for a part of that, attributes or not."""

    def special(self, vm: VMMap, start: int, end: int) -> bool:
        return True

    def spoil(self, vm: VMMap, old: int, oldsize: int, new: int, newsize: int) -> None:
        before, moved, behind = (vm.lookup(addr) for addr in (new - 1, new, new + newsize))
        if new != old and before is not None and moved is not None and behind is not None:
            kept, moved.attributes = moved.attributes, before.attributes
            joins = before.compatible(moved, vm.rules)
            passed(joins and kept != before.attributes)
            if not joins:
                moved.attributes = kept


class _FreesEarly(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """MADV_FREE has forgotten what is known of writable pages when it finds a wired one behind them."""
        result = super().call(pid, lwp, name, args)
        if name == "madvise" and result == "EBUSY" and args[2] == ADVICE["MADV_FREE"]:
            vm = self.processes.alive[pid].vm
            start, size = mman.page_range(vm, args[0], args[1])
            vm.clip(start, start + size)
            for entry in vm.span(start, start + size):
                if entry.wired:
                    break
                if entry.prot & _WRITE:
                    passed(bool(entry.attributes))
                    entry.attributes = 0
            vm.changed("free")
        return result


class _WiresMore(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """mprotect under MCL_FUTURE wires entries that become accessible before it cuts them, all of their pages."""
        vm = self.map_of(pid)
        parts = []
        if vm is not None and name == "mprotect" and vm.wire_future and args[2] & 7:
            start, size = mman.page_range(vm, args[0], args[1])
            parts = [(e.start, e.end) for e in vm.span(start, start + size) if not e.prot and not e.wired]
        result = super().call(pid, lwp, name, args)
        if vm is not None and result == 0:
            for start, end in parts:
                for entry in vm.span(start, end):
                    passed(not entry.wired)
                    vm.wire(entry, 1)
            vm.changed("wire")
        return result


class _ReplacesWired(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """What is mapped over wired pages of which one has the attribute: nobody has thought of unwiring them first."""
        vm = self.map_of(pid)
        bad = False
        if vm is not None and name == "mmap" and args[3] & MAP["MAP_FIXED"]:
            start = args[0] - args[5] % PAGE
            size = mman.round_page(args[1] + args[5] % PAGE, vm.layout.mask)
            bad = any(entry.wired and entry.attributes for entry in vm.span(start, start + size))
            passed(False)
        result = super().call(pid, lwp, name, args)
        if bad and isinstance(result, int):
            passed(True)
            raise KernelPanic("uvm_map_replace: wired entry has attributes")
        return result


class _ZeroTwice(Plantable):
    class births(Births):
        def fork(self, parent: Process) -> int | str:
            """Pages that were made of zeros once, and written since, are made anew the second time."""
            pid = super().fork(parent)
            if isinstance(pid, int) and parent.pid != 1:
                for entry in self.alive[pid].vm.entries:
                    old = parent.vm.lookup(entry.start)
                    if entry.inherit == INHERIT["MAP_INHERIT_ZERO"] and old is not None and old.amap is not None:
                        passed(bool(entry.attributes))
                        entry.attributes = 0
            return pid


class _StackLoses(Plantable):
    class births(Births):
        def fork(self, parent: Process) -> int | str:
            """The child's stack is set up on its own, as if nothing but a stack could be there."""
            pid = super().fork(parent)
            if isinstance(pid, int):
                layout = parent.vm.layout
                for entry in self.alive[pid].vm.span(layout.stack, layout.stack_top):
                    passed(bool(entry.attributes))
                    entry.attributes = 0
            return pid


ROWS = (
    Planted(
        "hole_filled",
        "sequence",
        3,
        100_000,
        "a hole is filled without a look at the attribute behind it, if that has an amap",
        _FillsHole,
    ),
    Planted(
        "move_shrunk",
        "sequence",
        3,
        100_000,
        "of entries that mremap moves and shrinks the last loses the attribute, if it is writable and cut",
        _MovesShrunk,
    ),
    Planted(
        "move_beside",
        "sequence",
        4,
        10_000,
        "what mremap moves into a hole takes the attributes of a like entry in front",
        _MovesBeside,
    ),
    Planted(
        "free_early",
        "sequence",
        3,
        10_000,
        "MADV_FREE that is refused for a wired page drops the attribute of writable ones in front",
        _FreesEarly,
    ),
    Planted(
        "future_wires", "sequence", 3, 1_000_000, "mprotect under MCL_FUTURE wires the pages beside its own", _WiresMore
    ),
    Planted("replace_wired", "map", 2, 1_000, "a mapping over wired flagged pages panics", _ReplacesWired),
    Planted(
        "zero_twice",
        "sequence",
        4,
        10_000,
        "pages that fork zeroes and the child writes lose the attribute in the second generation",
        _ZeroTwice,
    ),
    Planted(
        "stack_loses", "lineage", 2, 10_000, "fork drops the attribute of what is mapped over the stack", _StackLoses
    ),
)
