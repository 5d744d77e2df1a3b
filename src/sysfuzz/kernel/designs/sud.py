"""Syscall User Dispatch: calls from outside of one range of a thread come back as SIGSYS, unless a byte in user memory says otherwise.

Linux 5.11 and later (kernel/entry/syscall_user_dispatch.c; prctl PR_SET_SYSCALL_USER_DISPATCH). The address that is looked at is the one behind
the instruction. Since 6.17 the range can be meant the other way round: calls from inside come back. The setting is one thread's, and no child,
thread or new program has it. A sigreturn from the 32-bit vdso is let through.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sysfuzz.kernel.designs.guarded import Refusal, Rows
from sysfuzz.kernel.designs.linux import LinuxKernel
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import Frame, Memory
from sysfuzz.kernel.signals import TRAMPOLINE
from sysfuzz.kernel.syscalls import Syscall
from sysfuzz.program.ir import Mode
from sysfuzz.program.names import DISPATCH

_OFF, _ON = DISPATCH["PR_SYS_DISPATCH_OFF"], DISPATCH["PR_SYS_DISPATCH_ON"]
_INCLUSIVE = DISPATCH["PR_SYS_DISPATCH_INCLUSIVE_ON"]
_ALLOW, _BLOCK = 0, 1  # SYSCALL_DISPATCH_FILTER_*

# prctl's first argument, PR_SET_SYSCALL_USER_DISPATCH, is left out.
_NUMBERS: Mapping[int, Syscall] = {157: Syscall("sud", "iwww")}


class _Setting(NamedTuple):
    """What one thread has asked for, and the allowed range that it comes to: from `first` on, `size` bytes, around the end of the space."""

    mode: int
    offset: int
    length: int
    selector: int
    first: int
    size: int


class Sud(LinuxKernel):
    """A booted kernel in which no thread has asked for anything."""

    inclusive = False  # whether the mode that turns the range round is known

    def __init__(self, mode: Mode, memory: Memory) -> None:
        self._settings: dict[tuple[int, int], _Setting] = {}  # by pid and LWP
        super().__init__(mode, memory, _NUMBERS)

    def refuses(self, process: Process, lwp: int, frame: Frame) -> Refusal | None:
        self.relocate(frame)
        setting = self._settings.get((process.pid, lwp))
        if setting is None or (frame.pc - setting.first & self.layout.mask) < setting.size:
            return None
        if self.mode == "i386" and frame.pc == self.layout.trampoline + len(TRAMPOLINE["i386"]):
            return None
        if setting.selector:
            state = self._memory.copyin(process, setting.selector, 1)
            if state is None:
                return Refusal("SIGSEGV", "", frame.pc, frame.pc, forced=True)
            if state[0] == _ALLOW:
                return None
            if state[0] != _BLOCK:
                return Refusal("SIGSYS", "", frame.pc, frame.pc, forced=True)
        return Refusal("SIGSYS", "SYS_USER_DISPATCH", frame.pc, frame.pc)

    def special(self, process: Process, lwp: int, name: str, args: tuple[int, ...]) -> int | str | None:
        return self._set(process, lwp, *args) if name == "sud" else None

    def _set(self, process: Process, lwp: int, mode: int, offset: int, length: int, selector: int) -> int | str:
        mask = self.layout.mask
        end = offset + length & mask
        first, size = offset, length
        if mode == _OFF:
            if offset or length or selector:
                return "EINVAL"
        elif mode == _ON:
            if offset and end <= offset:
                return "EINVAL"
        elif mode == _INCLUSIVE and self.inclusive:
            if not length or end <= offset:
                return "EINVAL"
            first, size = end, -length & mask
        else:
            return "EINVAL"
        if selector >= self.layout.vm_max:  # access_ok
            return "EFAULT"
        self._settings.pop((process.pid, lwp), None)
        if mode != _OFF:
            self._settings[process.pid, lwp] = _Setting(mode, offset, length, selector, first, size)
        return 0

    def executed(self, process: Process, lwp: int) -> None:
        for key in [key for key in self._settings if key[0] == process.pid]:
            del self._settings[key]

    def guard(self, process: Process) -> Rows:
        return tuple(
            [
                (lwp, s.mode, s.offset, s.length, s.selector)
                for lwp in process.lwps
                if (s := self._settings.get((process.pid, lwp))) is not None
            ]
        )


class SudInclusive(Sud):
    """The same with the mode of 6.17."""

    inclusive = True
