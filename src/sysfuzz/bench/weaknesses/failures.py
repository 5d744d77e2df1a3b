"""Weak failures: calls that fail after they have changed something, panic where an errno is due, or compute the end of a range wrongly."""

from sysfuzz.bench.weaknesses.canary import instead, passed
from sysfuzz.bench.weaknesses.plantable import Plantable
from sysfuzz.bench.weaknesses.planted import Planted
from sysfuzz.kernel import mman
from sysfuzz.kernel.protocol import KernelPanic
from sysfuzz.program.names import MAP, PAGE
from sysfuzz.program.outcome import Result

_FIXED = MAP["MAP_FIXED"]

# Calls whose first two arguments are a range that is tested against the bounds before anything else that can fail.
_RANGED = frozenset(("munmap", "mprotect", "minherit", "madvise", "mlock", "munlock"))


class _ProtectsEarly(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """Protects entry by entry and stops at the first that may not be."""
        result = super().call(pid, lwp, name, args)
        if name == "mprotect" and result == "EACCES":
            vm = self.processes.alive[pid].vm
            start, size = mman.page_range(vm, args[0], args[1])
            vm.clip(start, start + size)
            for entry in vm.span(start, start + size):
                if args[2] & 7 & ~entry.maxprot:
                    break
                entry.prot = instead(entry.prot, args[2] & 7)
            vm.changed("protect")
        return result


class _UnmapsEarly(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """MAP_FIXED makes room before the descriptor is looked at."""
        result = super().call(pid, lwp, name, args)
        if name == "mmap" and result in ("EBADF", "ENODEV", "EACCES") and args[3] & _FIXED:
            vm = self.processes.alive[pid].vm
            start, size = mman.page_range(vm, args[0], args[1])
            if size and mman.in_bounds(vm, start, size):
                passed(not vm.is_free(start, start + size))
                vm.remove(start, start + size)
        return result


class _MovesEarly(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """mremap has cut its source out of the map when it finds the destination taken."""
        result = super().call(pid, lwp, name, args)
        if name == "mremap" and result == "ENOMEM" and args[4] & _FIXED:
            vm = self.processes.alive[pid].vm
            end = args[0] + mman.round_page(args[1], vm.layout.mask)
            passed(not vm.is_free(args[0], end))
            vm.remove(args[0], end)
        return result


class _RangeWraps(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """A range whose end wraps is taken for an empty one."""
        result = super().call(pid, lwp, name, args)
        if name in _RANGED and result == "EINVAL":
            vm = self.processes.alive[pid].vm
            start, size = mman.page_range(vm, args[0], args[1])
            return instead(result, 0 if start + size > vm.layout.mask else result)
        return result


class _LastPageRefused(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """A mapping may not end where the address space does: < where <= is due."""
        process = self.processes.alive.get(pid)
        if process is not None and name == "mmap" and args[3] & _FIXED and args[5] < PAGE:
            layout = process.vm.layout
            size = mman.round_page(args[1] + args[5], layout.mask)
            if (args[0] - args[5] + size) & layout.mask == layout.vm_max and size:
                result = super().call(pid, lwp, name, (args[0], args[1] + PAGE, *args[2:]))
                passed(result in ("EFBIG", "EOVERFLOW"))  # what a bad range is; other errors are not due to the page
                return result
        return super().call(pid, lwp, name, args)


class _LengthZero(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """munmap refuses a length of 0, as later systems do; here also one that wraps to it."""
        result = super().call(pid, lwp, name, args)
        if name == "munmap" and result == 0:
            vm = self.processes.alive[pid].vm
            return instead(result, result if mman.page_range(vm, args[0], args[1])[1] else "EINVAL")
        return result


class _MincoreWraps(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """mincore does not see that its range wraps, and goes on to the checks behind."""
        vm = self.map_of(pid)
        if vm is not None and name == "mincore" and not args[0] % PAGE:
            size = mman.round_page(args[1], vm.layout.mask)
            wraps = (args[0] + size) & vm.layout.mask <= args[0]
            passed(wraps)
            if wraps:
                writable = self._memory.can_write(self.processes.alive[pid], args[2], size // PAGE)
                return "ENOMEM" if writable else "EFAULT"
        return super().call(pid, lwp, name, args)


class _OffsetWraps(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """mmap of a file adds offset and size without a look at the sum."""
        result = super().call(pid, lwp, name, args)
        if name == "mmap" and result == "EOVERFLOW" and args[5] >> 62:
            return instead(result, super().call(pid, lwp, name, (*args[:5], args[5] % PAGE)))
        return result


class _UnwiresMoved(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """munlock trusts what mlock noted, which mremap does not update."""
        locked: set[tuple[int, int]] = self.__dict__.setdefault("locked", set())
        moved: set[tuple[int, int]] = self.__dict__.setdefault("moved", set())
        result = super().call(pid, lwp, name, args)
        if name == "mlock" and result == 0:
            locked.add((pid, args[0]))
        elif name == "mremap" and isinstance(result, int) and result != args[0] and (pid, args[0]) in locked:
            moved.add((pid, result))
        elif name == "munlock" and result == "EINVAL":
            passed((pid, args[0]) in moved)
            if (pid, args[0]) in moved:
                raise KernelPanic("uvm_fault_unwire: page not wired")
        return result


ROWS = (
    Planted(
        "failed_mprotect",
        "failed",
        3,
        1_000,
        "mprotect protects what comes before the page that it fails at",
        _ProtectsEarly,
    ),
    Planted("failed_mmap", "failed", 2, 1_000, "mmap has unmapped what was there when it fails", _UnmapsEarly),
    Planted("failed_mremap", "failed", 2, 1_000, "mremap has unmapped its source when it fails", _MovesEarly),
    Planted("range_wraps", "ends", 1, 1_000, "a range that wraps is taken for an empty one", _RangeWraps),
    Planted("range_end", "ends", 1, 1_000, "a mapping may not end at the end of the address space", _LastPageRefused),
    Planted("mincore_wraps", "ends", 1, 10_000, "mincore does not see that its range wraps", _MincoreWraps),
    Planted("offset_wraps", "ends", 1, 1_000, "mmap does not see that offset and size are too much", _OffsetWraps),
    Planted("length_zero", "ends", 1, 1_000, "munmap refuses an empty range", _LengthZero),
    Planted(
        "unwire_panics", "sequence", 4, 100_000, "munlock of pages that were moved while wired panics", _UnwiresMoved
    ),
)
