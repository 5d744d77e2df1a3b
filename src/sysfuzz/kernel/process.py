"""Processes and their LWPs: birth, fork, vfork, exec, exit, and who is marked.

The mark (process flag) says whether a process needs the origin check at all. It is set on every process that shares the map into which an
attribute enters, so a process without it can skip the check, its lock and its walk. What a mapping holds is `vmmap`'s business, what a call
may do `mman`'s.
"""

from sysfuzz.kernel.pages import Amap
from sysfuzz.kernel.protocol import Memory
from sysfuzz.kernel.vmmap import Entry, VMMap
from sysfuzz.program.layout import MAX_LWPS, MAX_PROCESSES
from sysfuzz.program.names import INHERIT

_SHARE = INHERIT["MAP_INHERIT_SHARE"]
_NONE = INHERIT["MAP_INHERIT_NONE"]
_ZERO = INHERIT["MAP_INHERIT_ZERO"]


class Process:
    """One process. LWPs are numbers with a mask of blocked signals; they do not run at the same time."""

    __slots__ = ("handlers", "lwps", "marked", "next_lwp", "pid", "segments", "vm")

    def __init__(self, pid: int, vm: VMMap) -> None:
        self.pid = pid
        self.vm = vm
        self.marked = False
        self.handlers: dict[int, int] = {}  # signal number -> handler address
        self.segments: dict[int, int] = {}  # slot of the local descriptor table -> base
        self.lwps: dict[int, set[int]] = {1: set()}  # LWP -> blocked signals
        self.next_lwp = 2


class Processes:
    """All live processes, in the order of their pids; the first runs in `vm`."""

    def __init__(self, vm: VMMap, memory: Memory, log: list[str]) -> None:
        self._memory = memory
        self._log = log
        self.alive: dict[int, Process] = {1: Process(1, vm)}
        self._next_pid = 2

    def mark(self, vm: VMMap) -> None:
        """An attribute enters `vm`: from now on whoever runs in it is checked."""
        for process in self.alive.values():
            if process.vm is vm:
                process.marked = True

    def wired_pages(self) -> int:
        """Wired pages of all maps; a shared map counts once."""
        return sum({id(p.vm): p.vm.wired_pages() for p in self.alive.values()}.values())

    def fork(self, parent: Process) -> int | str:
        """A child with a copy of the map as its inheritance says; its pid, or EAGAIN."""
        if len(self.alive) >= MAX_PROCESSES:
            return "EAGAIN"
        vm = VMMap(parent.vm.layout, parent.vm.rules, self._log)
        for entry in parent.vm.entries:
            if entry.inherit != _NONE:
                vm.insert(self._inherited(entry))
        self._log.append("fork")
        return self._add(parent, vm)

    def vfork(self, parent: Process) -> int | str:
        """A child that runs in the parent's own map; its pid, or EAGAIN."""
        if len(self.alive) >= MAX_PROCESSES:
            return "EAGAIN"
        parent.vm.users += 1
        self._log.append("vfork")
        return self._add(parent, parent.vm)

    def _add(self, parent: Process, vm: VMMap) -> int:
        child = Process(self._next_pid, vm)
        child.marked = parent.marked
        child.handlers = dict(parent.handlers)
        child.segments = dict(parent.segments)
        self.alive[child.pid] = child
        self._next_pid += 1
        return child.pid

    def _inherited(self, entry: Entry) -> Entry:
        """The child's copy of `entry`. Pages to share come from one amap, so the parent gets it now if it has none yet."""
        if entry.inherit == _SHARE and entry.amap is None and (entry.object is None or entry.cow):
            entry.amap = Amap()
            entry.aoff = 0
        child = entry.clone(entry.start, entry.end)
        child.wired = 0
        if child.amap is not None and entry.inherit != _SHARE:
            child.amap.refs -= 1
            child.amap = None
            if entry.inherit != _ZERO and entry.amap is not None:
                child.amap = entry.amap.copy(entry.aoff, entry.pages(), self._memory)
            child.aoff = 0
        if entry.inherit == _ZERO:
            child.object, child.offset, child.cow = None, 0, False
        elif child.object is not None and not child.cow and entry.inherit != _SHARE:
            child.cow = True  # a shared file mapping that is inherited as a copy
        return child

    def exec(self, process: Process, lwp: int, vm: VMMap) -> None:
        """A new program in the calling LWP alone: the fresh map `vm`, no handlers, no segments, no mark."""
        self._leave(process.vm)
        process.vm = vm
        process.marked = False
        process.handlers = {}
        process.segments = {}
        process.lwps = {lwp: set()}
        self._log.append("exec")

    def exit(self, process: Process) -> None:
        """The process is gone, and its map if nobody else uses it."""
        self._leave(process.vm)
        del self.alive[process.pid]
        self._log.append("exit")

    def lwp_create(self, process: Process) -> int | str:
        """A new LWP's number, or EAGAIN."""
        if len(process.lwps) >= MAX_LWPS:
            return "EAGAIN"
        lwp = process.next_lwp
        process.lwps[lwp] = set()
        process.next_lwp += 1
        return lwp

    def lwp_exit(self, process: Process, lwp: int) -> None:
        """The LWP is gone; the last one takes the process with it."""
        del process.lwps[lwp]
        if not process.lwps:
            self.exit(process)

    def _leave(self, vm: VMMap) -> None:
        vm.users -= 1
        if not vm.users:
            for entry in vm.entries:
                if entry.amap is not None:
                    entry.amap.refs -= 1  # a forked sibling may share it
