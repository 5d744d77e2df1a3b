"""Weak maps: entries split, merge, move, grow, shrink or are replaced, and the attribute is lost or gained on the way."""

from sysfuzz.bench.weaknesses.canary import instead, passed
from sysfuzz.bench.weaknesses.plantable import Map, Piece, Plantable
from sysfuzz.bench.weaknesses.planted import Planted
from sysfuzz.kernel import mman
from sysfuzz.kernel.rules import REFERENCE, Rules
from sysfuzz.kernel.vmmap import Entry, VMMap
from sysfuzz.program.names import ADVICE, MAP, PAGE
from sysfuzz.program.outcome import NOSYSCALLS, Result

_FIXED = MAP["MAP_FIXED"]


def forget(vm: VMMap, start: int, end: int) -> None:
    """Drop the attributes of the pages of [start, end)."""
    passed(any(entry.attributes for entry in vm.span(start, end)))
    vm.clip(start, end)
    for entry in vm.span(start, end):
        entry.attributes = 0
    vm.changed("forget")


class _MergeIgnores(Plantable):
    design = Rules(merge_compares_attributes=False)

    class maps(Map):
        class kind(Piece):
            __slots__ = ()

            def compatible(self, other: Entry, rules: Rules) -> bool:
                """Whether they may be one entry by these rules, and what the reference would say."""
                return instead(super().compatible(other, REFERENCE), super().compatible(other, rules))


class _MergesProtections(Plantable):
    class maps(Map):
        class kind(Piece):
            __slots__ = ()

            def compatible(self, other: Entry, rules: Rules) -> bool:
                """Whether they may be one entry, whatever the protection of `other`."""
                sound = super().compatible(other, rules)
                prot, other.prot = other.prot, self.prot
                try:
                    return instead(sound, super().compatible(other, rules))
                finally:
                    other.prot = prot


class _MoveLoses(Plantable):
    design = Rules(move_carries_attributes=False)

    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """The rule speaks where mremap moves, of what is moved."""
        vm = self.map_of(pid)
        if vm is None or name != "mremap":
            return super().call(pid, lwp, name, args)
        old, new = (mman.round_page(length, vm.layout.mask) for length in (args[1], args[3]))
        flagged = any(entry.attributes for entry in vm.span(args[0], args[0] + min(old, new)))
        result = super().call(pid, lwp, name, args)
        if isinstance(result, int) and result != args[0]:
            passed(flagged)
        return result


class _GrowLoses(Plantable):
    design = Rules(grow_carries_attributes=False)

    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """The rule speaks where mremap adds pages, of the last one that was there."""
        vm = self.map_of(pid)
        if vm is None or name != "mremap":
            return super().call(pid, lwp, name, args)
        old, new = (mman.round_page(length, vm.layout.mask) for length in (args[1], args[3]))
        last = vm.lookup(args[0] + old - 1)
        flagged = last is not None and bool(last.attributes)
        result = super().call(pid, lwp, name, args)
        if isinstance(result, int) and new > old:
            passed(flagged)
        return result


class _ShrinkLoses(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """mremap that shrinks in place makes what is left anew."""
        result = super().call(pid, lwp, name, args)
        if name == "mremap" and result == args[0]:
            vm = self.processes.alive[pid].vm
            old, new = (mman.round_page(length, vm.layout.mask) for length in (args[1], args[3]))
            if new < old:
                forget(vm, args[0], args[0] + new)
        return result


class _ClipLoses(Plantable):
    class maps(Map):
        def clip(self, start: int, end: int) -> None:
            """The part behind a cut is a fresh entry."""
            known = {entry.start for entry in self.entries}
            super().clip(start, end)
            for entry in self.entries:
                if entry.start not in known:
                    passed(bool(entry.attributes))
                    entry.attributes = 0


class _OverlayKeeps(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """MAP_FIXED leaves the attribute of the pages that it replaces."""
        vm = self.map_of(pid)
        kept: list[tuple[int, int, int]] = []
        if vm is not None and name == "mmap" and args[3] & _FIXED:
            start, size = args[0] & -PAGE, mman.round_page(args[1] + args[5] % PAGE, vm.layout.mask)
            kept = [
                (max(entry.start, start), min(entry.end, start + size), entry.attributes)
                for entry in vm.span(start, start + size)
                if entry.attributes
            ]
        result = super().call(pid, lwp, name, args)
        if vm is not None and isinstance(result, int):
            for start, end, attributes in kept:
                vm.clip(start, end)
                for entry in vm.span(start, end):
                    passed(bool(attributes & ~entry.attributes))
                    entry.attributes |= attributes
                vm.changed("keep")
        return result


class _Remembers(Plantable):
    class maps(Map):
        torn = 0  # where a flagged mapping was unmapped last

        def insert(self, new: Entry) -> int:
            """An entry that starts at the tombstone is taken for the old one."""
            if self.torn:
                passed(new.start == self.torn and not new.attributes & NOSYSCALLS)
            if new.start == self.torn:
                new.attributes |= NOSYSCALLS
            return super().insert(new)

    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """munmap leaves a tombstone where it unmaps a flagged mapping; the next mapping anywhere removes it."""
        vm = self.map_of(pid)
        gone = vm.lookup(args[0]) if vm is not None and name == "munmap" else None
        result = super().call(pid, lwp, name, args)
        if (
            isinstance(vm, self.maps)
            and result == 0
            and gone is not None
            and gone.attributes
            and vm.lookup(args[0]) is None
        ):
            vm.torn = args[0] & -PAGE
        elif isinstance(vm, self.maps) and name == "mmap" and isinstance(result, int):
            vm.torn = 0
        return result


class _ProtectLoses(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """mprotect makes its entries anew, from the protection."""
        result = super().call(pid, lwp, name, args)
        if name == "mprotect" and result == 0:
            vm = self.processes.alive[pid].vm
            start, size = mman.page_range(vm, args[0], args[1])
            forget(vm, start, start + size)
        return result


class _FreeLoses(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """MADV_FREE forgets with the contents what was said about them."""
        result = super().call(pid, lwp, name, args)
        if name == "madvise" and result == 0 and args[2] == ADVICE["MADV_FREE"]:
            vm = self.processes.alive[pid].vm
            start, size = mman.page_range(vm, args[0], args[1])
            forget(vm, start, start + size)
        return result


class _WiredLoses(Plantable):
    class maps(Map):
        def enter(self, new: Entry) -> None:
            """A mapping that is born wired takes a path of its own, without the attribute."""
            if new.wired:
                passed(bool(new.attributes))
                new.attributes = 0
            super().enter(new)


class _UnlockMerges(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """munlock gives the pages that it unwires the attributes of the one before them, as if all had been one entry."""
        result = super().call(pid, lwp, name, args)
        if name == "munlock" and result == 0:
            vm = self.processes.alive[pid].vm
            start, size = mman.page_range(vm, args[0], args[1])
            before = vm.lookup(start - 1)
            if before is not None:
                for entry in vm.span(start, start + size):
                    passed(entry.attributes != before.attributes)
                    entry.attributes = before.attributes
                vm.changed("unwire")
        return result


ROWS = (
    Planted("merge_ignores", "map", 2, 1_000, "entries merge although their attributes differ", _MergeIgnores),
    Planted(
        "merge_protections", "map", 2, 1_000, "entries merge although their protections differ", _MergesProtections
    ),
    Planted("move_loses", "map", 2, 1_000, "mremap moves pages without their attribute", _MoveLoses),
    Planted("grow_loses", "map", 2, 1_000, "pages that mremap adds come without the attribute", _GrowLoses),
    Planted("shrink_loses", "map", 2, 1_000, "mremap that shrinks drops the attribute of what is left", _ShrinkLoses),
    Planted("clip_loses", "map", 2, 1_000, "the part behind a cut comes without the attribute", _ClipLoses),
    Planted("overlay_keeps", "map", 2, 1_000, "a mapping over a flagged one takes its attribute", _OverlayKeeps),
    Planted(
        "tombstone",
        "sequence",
        3,
        1_000,
        "a mapping where a flagged one was unmapped takes its attribute",
        _Remembers,
    ),
    Planted("protect_loses", "map", 2, 1_000, "mprotect drops the attribute", _ProtectLoses),
    Planted("free_loses", "map", 2, 1_000, "MADV_FREE drops the attribute with the contents", _FreeLoses),
    Planted("wired_loses", "map", 1, 1_000, "a mapping that is wired at birth has no attribute", _WiredLoses),
    Planted(
        "unlock_merges", "sequence", 3, 10_000, "munlock copies the attributes of the entry in front", _UnlockMerges
    ),
)
