"""syscallemu(2): NetBSD's successor of the flag. One range of addresses for a process, armed once; calls from inside come back as SIGILL.

As its source has it (NetBSD syscallemu.c 1.1.4.2 and syscallemu_x86.c 1.1, 2012): the filter is a handler that is put in the place of the
process's system call handler, so whatever puts the plain one back (fork, exec, tracing) ends it; and the range's record outlives it, so that it
cannot be armed again. The handler looks at the first byte of an instruction and at the byte behind it. It is put in place before the record is
made.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sysfuzz.kernel.designs.guarded import GuardedKernel, Refusal, Rows, instruction
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import Frame, KernelPanic, Memory
from sysfuzz.kernel.rules import Rules
from sysfuzz.kernel.syscalls import Syscall
from sysfuzz.program.ir import Mode

# sys_mmap of 2011-2015 does not look at bits that it does not know.
_RULES = Rules(bad_flag="ignore", has_attribute=False)

_NUMBERS: Mapping[int, Syscall] = {511: Syscall("syscallemu", "ww")}


class _Record(NamedTuple):
    """What was armed; `loops`: what it keeps for the plain handler is the filter itself."""

    start: int
    end: int
    loops: bool


class _Filter:
    """The filter of one process."""

    __slots__ = ("hooked", "pending", "record")

    def __init__(self) -> None:
        self.hooked = False  # the process's handler is the filter
        self.record: _Record | None = None  # once it has been armed, for ever
        self.pending: dict[int, _Record] = {}  # of LWPs that were preempted before they made theirs


class Syscallemu(GuardedKernel):
    """A booted kernel with the filter armed nowhere."""

    def __init__(self, mode: Mode, memory: Memory) -> None:
        super().__init__(mode, memory, _RULES, _NUMBERS)
        self._filters: dict[int, _Filter] = {}  # by pid

    def refuses(self, process: Process, lwp: int, frame: Frame) -> Refusal | None:
        """The handler: refuse if the instruction's first byte, or the one behind its last, is in the range."""
        self._resume(process, lwp)
        armed = self._filters.get(process.pid)
        if armed is None or not armed.hooked:
            return None
        if armed.record is None:
            raise KernelPanic("syscallemu: the filter calls itself: no range yet")
        start, end, loops = armed.record
        first = instruction(frame)
        if start <= first < end or start <= frame.pc < end:
            return Refusal("SIGILL", "ILL_ILLTRP", first, first)
        if loops:
            raise KernelPanic("syscallemu: the filter calls itself: armed twice")
        return None

    def special(self, process: Process, lwp: int, name: str, args: tuple[int, ...]) -> int | str | None:
        self._resume(process, lwp)
        if name == "syscallemu":
            start, end = args[:2]
            return self._arm(process, lwp, start, end, preempt=len(args) > 2 and args[2] != 0)
        if name in ("ktrace", "ptrace"):
            self._intern(process)
            return 0
        return None

    def _arm(self, process: Process, lwp: int, start: int, end: int, preempt: bool) -> int | str:
        """Hook first, record second; `preempt` lets other LWPs run in between, until this one does something again."""
        armed = self._filters.setdefault(process.pid, _Filter())
        if armed.record is not None:
            return "EACCES"
        if start >= end:
            return "EINVAL"
        record = _Record(start, end, loops=armed.hooked)
        armed.hooked = True
        if preempt:
            armed.pending[lwp] = record
        else:
            armed.record = record
        return 0

    def _resume(self, process: Process, lwp: int) -> None:
        """An LWP that was preempted in the middle of arming goes on: it makes its record, whatever others have made since."""
        armed = self._filters.get(process.pid)
        if armed is not None and armed.pending:
            armed.record = armed.pending.pop(lwp, armed.record)

    def _intern(self, process: Process) -> None:
        """The plain handler is put in place; the record stays."""
        armed = self._filters.get(process.pid)
        if armed is not None:
            armed.hooked = False

    def executed(self, process: Process, lwp: int) -> None:
        self._intern(process)

    def guard(self, process: Process) -> Rows:
        armed = self._filters.get(process.pid)
        return (armed.record[:2],) if armed is not None and armed.hooked and armed.record is not None else ()
