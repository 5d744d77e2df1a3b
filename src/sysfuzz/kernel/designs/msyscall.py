"""msyscall(2): an allow-list of mappings. Calls may come only from mappings that were made for it, and never from one that can be written to.

OpenBSD 6.7 to 7.4 (msyscall.2 1.1, syscall_mi.h, uvm_map.c): a flag of a map entry. The signal trampoline has it from birth; the program names
one range more, once, as ld.so does for libc. What is looked at is the entry that holds the address behind the instruction.
"""

from collections.abc import Mapping

from sysfuzz.kernel.designs.guarded import GuardedKernel, Refusal, Rows, annotate
from sysfuzz.kernel.designs.openbsd import align
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import Frame, Memory
from sysfuzz.kernel.rules import Rules
from sysfuzz.kernel.syscalls import Syscall
from sysfuzz.kernel.vmmap import VMMap
from sysfuzz.program.ir import Mode
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import PERMITTED

RULES = Rules(has_attribute=False)

_WRITE = 2
_NUMBERS: Mapping[int, Syscall] = {37: Syscall("msyscall", "ww")}  # OpenBSD sys/kern/syscalls.master


class Msyscall(GuardedKernel):
    """A booted kernel that lets in the trampoline alone."""

    def __init__(self, mode: Mode, memory: Memory) -> None:
        self._named: dict[int, VMMap] = {}  # by pid, the map in which the range has been named
        super().__init__(mode, memory, RULES, _NUMBERS)

    def _fresh_map(self) -> VMMap:
        vm = super()._fresh_map()
        annotate(vm, self.layout.trampoline, self.layout.trampoline + PAGE, PERMITTED)
        return vm

    def refuses(self, process: Process, lwp: int, frame: Frame) -> Refusal | None:
        """Refuse unless the next instruction lies in an entry that is permitted and cannot be written to."""
        entry = process.vm.lookup(frame.pc)
        if entry is not None and entry.attributes & PERMITTED and not entry.prot & _WRITE:
            return None
        return Refusal("SIGSEGV", "SEGV_ACCERR", frame.pc, frame.pc)

    def forbids(self, process: Process, name: str, args: tuple[int, ...]) -> str:
        """No code segments of a process's own: OpenBSD 6.0 has taken them away."""
        return "EINVAL" if name == "sysarch" else ""

    def special(self, process: Process, lwp: int, name: str, args: tuple[int, ...]) -> int | str | None:
        if name != "msyscall":
            return None
        addr, length = args
        if not length:
            return 0
        vm = process.vm
        pages = align(vm.layout, addr, length)
        if pages is None:
            return "EINVAL"
        start, size = pages
        start, end = max(start, vm.layout.vm_min), min(start + size, vm.layout.vm_max)
        if start >= end:
            return 0
        if self._named.get(process.pid) is vm:
            return "EPERM"
        self._name(process)
        annotate(vm, start, end, PERMITTED)
        return 0

    def _name(self, process: Process) -> None:
        """The range has been named in this map, whoever uses it."""
        for other in self.processes.alive.values():
            if other.vm is process.vm:
                self._named[other.pid] = other.vm

    def born(self, parent: Process, lwp: int, child: Process, how: str) -> None:
        """A copy of a map is named where that is; a new program's is not."""
        if how != "spawn" and self._named.get(parent.pid) is parent.vm:
            self._named[child.pid] = child.vm

    def guard(self, process: Process) -> Rows:
        return ((1,),) if self._named.get(process.pid) is process.vm else ()
