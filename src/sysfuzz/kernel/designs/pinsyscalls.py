"""pinsyscalls(2) and mimmutable(2): a call is let in from the one address that its number is pinned to, and pages that nobody can change.

OpenBSD 7.5 (pinsyscalls.2, mimmutable.2, syscall_mi.h 1.34, uvm_mmap.c): ld.so names libc's range and, for each number, the offset of the one
instruction that makes the call. A stack pointer outside of stack mappings is refused before that. The signal trampoline may make one call, from
one place. Nobody catches the signal. A pin is good for one call because no call makes another: syscall(2) and __syscall(2) are gone.
"""

from collections.abc import Mapping

from sysfuzz.kernel.designs.guarded import GuardedKernel, Refusal, Rows, annotate, instruction
from sysfuzz.kernel.designs.openbsd import align
from sysfuzz.kernel.mman import page_range
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import Frame, Memory
from sysfuzz.kernel.rules import Rules
from sysfuzz.kernel.signals import TRAMPOLINE
from sysfuzz.kernel.syscalls import NUMBERS, Syscall
from sysfuzz.kernel.vmmap import VMMap
from sysfuzz.program.ir import Mode
from sysfuzz.program.names import MAP, RAX, RSP
from sysfuzz.program.outcome import IMMUTABLE, STACK

_RULES = Rules(has_attribute=False, stack_attribute=True)

# OpenBSD sys/kern/syscalls.master. pinsyscalls itself is an op only: code would have to lay out a table of pins.
_NUMBERS: Mapping[int, Syscall] = {159: Syscall("mimmutable", "ww")}
_SIGRETURN = 308  # setcontext: what the trampoline calls
_ANYWHERE = 0xFFFF_FFFF  # several sites in libc make this call
_FIXED = MAP["MAP_FIXED"]


class Pins:
    """What one process has named."""

    __slots__ = ("base", "length", "offsets")

    def __init__(self, base: int, length: int, offsets: tuple[int, ...]) -> None:
        self.base = base
        self.length = length
        self.offsets = offsets  # by number; 0: the call is not made at all


class Pinsyscalls(GuardedKernel):
    """A booted kernel in which nothing is pinned."""

    def __init__(self, mode: Mode, memory: Memory) -> None:
        self._pins: dict[int, Pins] = {}  # by pid
        self._spent: dict[int, VMMap] = {}  # by pid: the map in which the call has been made, whatever came of it
        super().__init__(mode, memory, _RULES, _NUMBERS)
        self._indirect = {}

    def _fresh_map(self) -> VMMap:
        vm = super()._fresh_map()
        annotate(vm, self.layout.stack, self.layout.stack_top, STACK)
        return vm

    # -- the door -----------------------------------------------------------------------------------------------------

    def refuses(self, process: Process, lwp: int, frame: Frame) -> Refusal | None:
        """First the stack pointer, then the place. What has no protection at all may be a stack that has yet to grow."""
        entry = process.vm.lookup(frame.regs[RSP])
        if entry is None or not (entry.attributes & STACK or not entry.prot):
            return Refusal("SIGSEGV", "SEGV_ACCERR", frame.pc, frame.pc)
        if self._is_pinned(process, frame):
            return None
        return Refusal("SIGABRT", "", frame.pc, frame.pc, forced=True)

    def _is_pinned(self, process: Process, frame: Frame) -> bool:
        number = frame.regs[RAX] % NUMBERS
        first = instruction(frame)
        pins = self._pins.get(process.pid)
        if pins is not None and pins.base <= first < pins.base + pins.length:
            pin = pins.offsets[number] if number < len(pins.offsets) else 0
            return pin == _ANYWHERE or (pin != 0 and pin == first - pins.base)
        return number == _SIGRETURN and frame.pc == self.layout.trampoline + len(TRAMPOLINE[self.mode])

    # -- calls --------------------------------------------------------------------------------------------------------

    def special(self, process: Process, lwp: int, name: str, args: tuple[int, ...]) -> int | str | None:
        if name == "pinsyscalls":
            return self._pin(process, *args)
        if name == "mimmutable":
            return self._mimmutable(process, *args)
        return None

    def _pin(self, process: Process, base: int, length: int, pins: int, count: int) -> int | str:
        """The once-flag is set before anything is looked at, so that a call that fails spends it."""
        if len(process.lwps) > 1 or self._spent.get(process.pid) is process.vm:
            return "EPERM"
        for other in self.processes.alive.values():
            if other.vm is process.vm:
                self._spent[other.pid] = other.vm
        layout = self.layout
        if base + length > layout.mask or base < layout.vm_min or base + length > layout.vm_max:
            return "EINVAL"
        if not 1 <= count <= NUMBERS:
            return "E2BIG"
        data = self._memory.copyin(process, pins, 4 * count)
        if data is None:
            return "EFAULT"
        offsets = tuple([int.from_bytes(data[at : at + 4], "little") for at in range(0, 4 * count, 4)])
        if any(offset > length and offset != _ANYWHERE for offset in offsets):
            return "ERANGE"
        self._pins[process.pid] = Pins(base, length, offsets)
        return 0

    def _mimmutable(self, process: Process, addr: int, length: int) -> int | str:
        layout = self.layout
        pages = align(layout, addr, length)
        if pages is None:
            return "EINVAL"
        start, size = pages
        low, high = max(start, layout.vm_min), min(start + size, layout.vm_max)
        if low < high:
            annotate(process.vm, low, high, IMMUTABLE)
        return 0

    def forbids(self, process: Process, name: str, args: tuple[int, ...]) -> str:
        """No mapping, unmapping and protecting of what is immutable, and no code segments of a process's own."""
        if name == "sysarch":
            return "EINVAL"
        vm = process.vm
        if name not in ("munmap", "mprotect", "mremap") and not (name == "mmap" and args[3] & _FIXED):
            return ""
        start, size = page_range(vm, args[0], args[1])
        low, high = max(start, 0), min(start + size, vm.layout.vm_max)
        return "EPERM" if low < high and vm.carries(low, high, IMMUTABLE) else ""

    # -- lives --------------------------------------------------------------------------------------------------------

    def born(self, parent: Process, lwp: int, child: Process, how: str) -> None:
        if how == "spawn":
            return
        if parent.pid in self._pins:
            self._pins[child.pid] = self._pins[parent.pid]
        if self._spent.get(parent.pid) is parent.vm:
            self._spent[child.pid] = child.vm

    def executed(self, process: Process, lwp: int) -> None:
        self._pins.pop(process.pid, None)

    def guard(self, process: Process) -> Rows:
        pins = self._pins.get(process.pid)
        return () if pins is None else ((pins.base, pins.length, *pins.offsets),)
