"""The reference with its parts made replaceable: what every planted weakness is derived from.

Maps, entries and processes are made in several places of the kernel, by name; here each takes its kind from a class attribute as soon as it is
born, so that a weakness is a subclass with one method changed and the reference under it stays untouched. A call made by code takes the same
way as one made by an op, and the origin check is a method. What is wrong with a kernel is said elsewhere.
"""

from sysfuzz.kernel import syscalls, trap
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.process import Process, Processes
from sysfuzz.kernel.protocol import Frame, Memory
from sysfuzz.kernel.rules import REFERENCE, Rules
from sysfuzz.kernel.vmmap import Entry, VMMap
from sysfuzz.program.ir import CALLS, Mode
from sysfuzz.program.names import RCX, RDX, RSP
from sysfuzz.program.outcome import Reply

# Calls that code makes with the arguments that an op has, and that return to it.
_ALIKE = frozenset(CALLS) & {call.name for call in syscalls.SYSCALLS.values()} - {"exit", "sigaction", "sysarch"}


def become(thing: object, kind: type) -> None:
    """Make an object one of `kind`, a subclass of its class that adds no slots."""
    thing.__class__ = kind


class Piece(Entry):
    """An entry whose parts are of its own kind."""

    __slots__ = ()

    def clone(self, start: int, end: int) -> Entry:
        """See Entry.clone."""
        part = super().clone(start, end)
        become(part, type(self))
        return part


class Map(VMMap):
    """A map that makes every entry one of its kind."""

    kind: type[Piece] = Piece

    def insert(self, new: Entry) -> int:
        """See VMMap.insert."""
        become(new, self.kind)
        return super().insert(new)


class Births(Processes):
    """Processes whose children have maps of their parent's kind."""

    def _add(self, parent: Process, vm: VMMap) -> int:
        become(vm, type(parent.vm))
        return super()._add(parent, vm)


class Plantable(Kernel):
    """The reference; a subclass names other kinds of parts, or overrides `call`, `blocked` or what else Kernel has."""

    design: Rules = REFERENCE
    maps: type[Map] = Map
    births: type[Births] = Births

    def __init__(self, mode: Mode, memory: Memory) -> None:
        super().__init__(mode, memory, self.design)
        become(self.processes, self.births)

    def _fresh_map(self) -> VMMap:
        vm = super()._fresh_map()
        become(vm, self.maps)
        for entry in vm.entries:
            become(entry, self.maps.kind)
        return vm

    def map_of(self, pid: int) -> VMMap | None:
        """The map of a live process."""
        process = self.processes.alive.get(pid)
        return None if process is None else process.vm

    def blocked(self, process: Process, frame: Frame) -> bool:
        """The origin check."""
        return trap.blocked(process, frame)

    def origin(self, process: Process, frame: Frame) -> tuple[int, int]:
        """(offset, linear address) at which a refused call is reported."""
        return trap.origin(process, frame)

    def enter(self, pid: int, lwp: int, frame: Frame) -> Reply:
        """As Kernel.enter, with the check and the origin as methods."""
        if frame.gate == "sysenter":
            return super().enter(pid, lwp, frame)
        process = self.processes.alive[pid]
        locks = process.vm.locks
        if not self.blocked(process, frame):
            return self._dispatch(process, lwp, frame, locked=process.vm.locks != locks)
        frame.pc, linear = self.origin(process, frame)
        signal = self._deliver(process, lwp, frame, "SIGILL", "ILL_ILLTRP", linear)
        return Reply(signal=signal, locked=process.vm.locks != locks)

    def _dispatch(self, process: Process, lwp: int, frame: Frame, locked: bool) -> Reply:
        """As Kernel._dispatch, but what is an op as well goes through `call`."""
        name, args = syscalls.request(self.mode, self._memory, process, frame.regs, frame.gate)
        if args is None or name not in _ALIKE:
            return super()._dispatch(process, lwp, frame, locked)
        if frame.gate == "sysenter":
            frame.pc, frame.regs[RSP] = frame.regs[RDX], frame.regs[RCX]
        result = self.call(process.pid, lwp, name, args)
        assert isinstance(result, int | str), "only peek answers with bytes, and code cannot make it"
        syscalls.answer(self.mode, frame, result)
        return Reply(name, args, result, locked=locked)
