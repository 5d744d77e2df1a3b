"""A kernel with another check at its door: the frame that the designs beside the flag have in common.

The map, the calls, the signals and the gates are those of `kernel`; a design adds calls, says which entries it refuses and how, and what becomes
of its guard at birth, exec and death. What such a guard is, each design knows for itself. Two things of NetBSD's stay on every design, whatever
system it comes from: the numbers of the calls, and the layout of signal frames.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import Frame, Memory
from sysfuzz.kernel.rules import Rules
from sysfuzz.kernel.syscalls import SYSCALLS, Syscall
from sysfuzz.kernel.trap import MASK64, OPCODE_SIZE, is_wide
from sysfuzz.kernel.vmmap import VMMap
from sysfuzz.program.ir import Mode
from sysfuzz.program.names import OP_NAMES
from sysfuzz.program.outcome import Delivered, Reply, View

Rows = tuple[tuple[int, ...], ...]


class Refusal(NamedTuple):
    """What becomes of an entry that is not let in."""

    signal: str
    code: str
    addr: int  # si_addr, or what the design has in its place
    pc: int  # where the frame stands, relative to CS
    forced: bool = False  # no handler gets it


class GuardedKernel(Kernel):
    """A booted kernel whose check is `refuses`. Everything that a design may say differently is a method below."""

    def __init__(self, mode: Mode, memory: Memory, rules: Rules, numbers: Mapping[int, Syscall]) -> None:
        """`numbers` are those of the calls that the design adds."""
        super().__init__(mode, memory, rules)
        self._numbers = {**SYSCALLS, **numbers}
        self._shown: tuple[tuple[View, ...], list[Rows]] = (), []  # what the last report was made of
        self._report: tuple[View, ...] = ()

    # -- what a design says -------------------------------------------------------------------------------------------

    def refuses(self, process: Process, lwp: int, frame: Frame) -> Refusal | None:
        """What becomes of the entry that made `frame`, or None: it is let in."""
        raise NotImplementedError

    def special(self, process: Process, lwp: int, name: str, args: tuple[int, ...]) -> int | str | None:
        """Do a call that only this design has; None: it is none of those."""
        return None

    def forbids(self, process: Process, name: str, args: tuple[int, ...]) -> str:
        """The errno with which the design keeps a call from being made, or ""."""
        return ""

    def done(self, process: Process, lwp: int, name: str, args: tuple[int, ...], result: int) -> None:
        """A call has succeeded."""

    def born(self, parent: Process, lwp: int, child: Process, how: str) -> None:
        """LWP `lwp` of `parent` has made a process by "fork", "vfork" or "spawn"."""

    def executed(self, process: Process, lwp: int) -> None:
        """The process has begun another program, in this LWP alone."""

    def lwp_born(self, process: Process, lwp: int, new: int) -> None:
        """LWP `lwp` has made LWP `new`."""

    def guard(self, process: Process) -> Rows:
        """What is enforced in this process; see outcome.View."""
        return ()

    # -- the door -----------------------------------------------------------------------------------------------------

    def enter(self, pid: int, lwp: int, frame: Frame) -> Reply:
        """The trap handler; see protocol.Core."""
        process = self.processes.alive[pid]
        refusal = self.refuses(process, lwp, frame)
        if refusal is None:
            return self._dispatch(process, lwp, frame, locked=False)
        signal, code, addr, pc, forced = refusal
        frame.pc = pc
        if forced:
            return Reply(signal=Delivered(signal, code, addr, pc, tuple(frame.regs), False))
        return Reply(signal=self._deliver(process, lwp, frame, signal, code, addr))

    def sysenter_enabled(self, pid: int) -> bool:
        """Off: of the systems that designs come from, only Linux has it on."""
        return False

    # -- calls --------------------------------------------------------------------------------------------------------

    def _do(self, process: Process, lwp: int, name: str, args: tuple[int, ...]) -> int | str:
        errno = self.forbids(process, name, args)
        if errno:
            return errno
        result = self._spawn(process) if name == "spawn" else self.special(process, lwp, name, args)
        if result is None:
            result = super()._do(process, lwp, name, args)
        return self._told(process, lwp, name, args, result)

    def _do_by_code(self, process: Process, lwp: int, name: str, args: tuple[int, ...]) -> int | str:
        op = OP_NAMES.get(name, name)
        errno = self.forbids(process, op, args)
        if errno:
            return errno
        result = self.special(process, lwp, op, args)
        if result is None:
            result = super()._do_by_code(process, lwp, name, args)
        return self._told(process, lwp, op, args, result)

    def _told(self, process: Process, lwp: int, name: str, args: tuple[int, ...], result: int | str) -> int | str:
        """Tell the design what has happened; the result as it is."""
        if isinstance(result, str):
            return result
        if name in ("fork", "vfork", "spawn"):
            self.born(process, lwp, self.processes.alive[result], name)
        elif name == "exec":
            self.executed(process, lwp)
        elif name == "lwp_create":
            self.lwp_born(process, lwp, result)
        else:
            self.done(process, lwp, name, args, result)
        return result

    def _spawn(self, parent: Process) -> int | str:
        """posix_spawn(3): a child that begins with a program of its own."""
        result = self.processes.fork(parent)
        if isinstance(result, int):
            self.processes.exec(self.processes.alive[result], 1, self._fresh_map())
        return result

    # -- reports ------------------------------------------------------------------------------------------------------

    def views(self) -> tuple[View, ...]:
        """All live processes, with what is enforced in each."""
        plain = super().views()  # the same object as long as nothing has changed
        guards = [self.guard(process) for process in self.processes.alive.values()]
        if not any(guards):
            return plain
        if plain is not self._shown[0] or guards != self._shown[1]:
            self._shown = plain, guards
            self._report = tuple([view._replace(guard=rows) for view, rows in zip(plain, guards, strict=True)])
        return self._report


def instruction(frame: Frame) -> int:
    """Offset of the first opcode byte as systems derive it that think of flat segments only: the base plays no part."""
    mask = MASK64 if is_wide(frame.cs) else 0xFFFF_FFFF
    return (frame.pc - OPCODE_SIZE[frame.gate]) & mask


def annotate(vm: VMMap, start: int, end: int, bit: int) -> None:
    """Give what is mapped in [start, end) an attribute; holes are fine. => page-aligned, inside the bounds."""
    if vm.is_free(start, end):
        return
    vm.clip(start, end)
    for entry in vm.span(start, end):
        entry.attributes |= bit
    vm.changed("annotate")
