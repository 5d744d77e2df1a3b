"""A seccomp filter on the instruction pointer: calls from a range come back as SIGSYS. Filters add up, pass to children, and stay.

Linux 3.5 and later (kernel/seccomp.c; seccomp(2)): the filter is a BPF program over the call's number, arguments and instruction pointer; the
one modelled here asks whether that lies in [start, end) and answers SECCOMP_RET_TRAP. The pointer that it gets is that behind the instruction;
of a call through the vsyscall page, which is filtered like any other, it is the entry itself.
"""

from collections.abc import Mapping

from sysfuzz.kernel.designs.guarded import Refusal, Rows
from sysfuzz.kernel.designs.linux import LinuxKernel
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import Frame, Memory
from sysfuzz.kernel.syscalls import Syscall
from sysfuzz.program.ir import Mode
from sysfuzz.program.names import RAX
from sysfuzz.program.outcome import Reply

_NUMBERS: Mapping[int, Syscall] = {317: Syscall("seccomp", "ww")}
_VSYSCALL_NUMBERS = {"gettimeofday": 96, "time": 201, "getcpu": 309}  # Linux's, for a monitor to read


class Seccomp(LinuxKernel):
    """A booted kernel without filters."""

    def __init__(self, mode: Mode, memory: Memory) -> None:
        self._filters: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}  # by pid and LWP: the ranges
        super().__init__(mode, memory, _NUMBERS)

    def refuses(self, process: Process, lwp: int, frame: Frame) -> Refusal | None:
        self.relocate(frame)
        if not self._traps(process, lwp, frame.pc):
            return None
        return Refusal("SIGSYS", "SYS_SECCOMP", frame.pc, frame.pc)

    def vsyscall(self, process: Process, lwp: int, frame: Frame, name: str, back: int) -> Reply:
        entry = frame.pc
        reply = super().vsyscall(process, lwp, frame, name, back)
        if not self._traps(process, lwp, entry):
            return reply
        # Not done, but returned from: emulate_vsyscall goes on as if a RET had been executed.
        frame.regs[RAX] = _VSYSCALL_NUMBERS[name]
        return Reply(signal=self._deliver(process, lwp, frame, "SIGSYS", "SYS_SECCOMP", entry))

    def _traps(self, process: Process, lwp: int, pointer: int) -> bool:
        """Whether a filter of the LWP answers SECCOMP_RET_TRAP to this instruction pointer."""
        return any(start <= pointer < end for start, end in self._filters.get((process.pid, lwp), ()))

    def special(self, process: Process, lwp: int, name: str, args: tuple[int, ...]) -> int | str | None:
        if name != "seccomp":
            return None
        start, end = args
        if start >= end:  # no filter can be built of it
            return "EINVAL"
        known = self._filters.get((process.pid, lwp), ())
        self._filters[process.pid, lwp] = (*known, (start, end))
        return 0

    def born(self, parent: Process, lwp: int, child: Process, how: str) -> None:
        self._pass((parent.pid, lwp), (child.pid, 1))

    def lwp_born(self, process: Process, lwp: int, new: int) -> None:
        self._pass((process.pid, lwp), (process.pid, new))

    def _pass(self, old: tuple[int, int], new: tuple[int, int]) -> None:
        if old in self._filters:
            self._filters[new] = self._filters[old]

    def guard(self, process: Process) -> Rows:
        filters = self._filters
        return tuple([(lwp, *pair) for lwp in process.lwps for pair in filters.get((process.pid, lwp), ())])
