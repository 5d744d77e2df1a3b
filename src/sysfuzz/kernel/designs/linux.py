"""What the Linux designs share: a vdso, entries that the kernel moves there, and the vsyscall page.

Linux arch/x86: SYSENTER, and SYSCALL from 32-bit code, return to a fixed place in the vdso whatever they came from, and that place is the
instruction pointer that every check sees (entry/syscall_32.c, do_fast_syscall_32); SYSENTER loses the stack pointer too, and EBP has it by
convention (do_SYSENTER_32). The vsyscall page is not mapped: a jump to one of its three entries faults, and the kernel does the call there and
then (entry/vsyscall/vsyscall_64.c). The trampoline stands for the vdso.
"""

from collections.abc import Mapping

from sysfuzz.kernel.designs.guarded import GuardedKernel
from sysfuzz.kernel.pages import Object
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import Frame, Memory
from sysfuzz.kernel.rules import Rules
from sysfuzz.kernel.signals import TRAMPOLINE
from sysfuzz.kernel.syscalls import Syscall
from sysfuzz.kernel.trap import is_wide
from sysfuzz.program.ir import Mode
from sysfuzz.program.layout import LANDING, MAX_PAGES, USER_CODE32, VSYSCALLS
from sysfuzz.program.names import RBP, RSP
from sysfuzz.program.outcome import Reply

# mmap(2) of Linux: unknown bits are passed over, unless MAP_SHARED_VALIDATE asks otherwise.
_RULES = Rules(bad_flag="ignore", has_attribute=False)

# In front of the landing pad int 0x80, behind it what takes back the registers that user code has pushed before SYSENTER (arch/x86/entry/vdso).
_LANDING_CODE = bytes.fromhex("cd80 5d5a59c3")  # int 0x80; pop ebp; pop edx; pop ecx; ret
_PAGE_FAULT = 14


class LinuxKernel(GuardedKernel):
    """A booted kernel; what it refuses, a design says."""

    def __init__(self, mode: Mode, memory: Memory, numbers: Mapping[int, Syscall]) -> None:
        super().__init__(mode, memory, _RULES, numbers)
        code = TRAMPOLINE[mode]
        padding = bytes(LANDING - 2 - len(code))
        # Of the processes so far only the first exists, and nothing has looked at its trampoline yet.
        self._trampoline = Object("vdso", MAX_PAGES, code + padding + _LANDING_CODE)
        self.processes.alive[1].vm = self._fresh_map()

    def relocate(self, frame: Frame) -> None:
        """What the entry code does before any check: entries that leave no honest address behind come from the vdso."""
        if frame.gate == "sysenter":
            frame.regs[RSP] = frame.regs[RBP]
        if frame.gate == "sysenter" or (frame.gate == "syscall" and not is_wide(frame.cs)):
            frame.pc, frame.cs = self.layout.trampoline + LANDING, USER_CODE32

    def sysenter_enabled(self, pid: int) -> bool:
        return True

    def _sysexit(self, frame: Frame) -> None:
        """Back to where `relocate` has put it."""

    def fault(self, pid: int, lwp: int, frame: Frame, vector: int, addr: int | None) -> Reply:
        """An exception, or a call through the vsyscall page."""
        name = VSYSCALLS.get(frame.pc) if vector == _PAGE_FAULT and addr == frame.pc and self.mode == "amd64" else None
        if name is None:
            return super().fault(pid, lwp, frame, vector, addr)
        process = self.processes.alive[pid]
        back = self._memory.copyin(process, frame.regs[RSP], 8)
        if back is None:
            return super().fault(pid, lwp, frame, vector, addr)
        return self.vsyscall(process, lwp, frame, name, int.from_bytes(back, "little"))

    def vsyscall(self, process: Process, lwp: int, frame: Frame, name: str, back: int) -> Reply:
        """Do the call, which has no effect that this kernel knows, and return from it."""
        frame.pc = back
        frame.regs[RSP] = frame.regs[RSP] + 8 & self.layout.mask
        frame.regs[0] = 0
        return Reply(name, (), 0)
