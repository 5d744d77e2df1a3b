"""Weak process flags: not set, not inherited, cleared too early or too late; where the flag is missing, the check is skipped."""

from sysfuzz.bench.weaknesses.canary import instead, passed
from sysfuzz.bench.weaknesses.plantable import Births, Plantable
from sysfuzz.bench.weaknesses.planted import Planted
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.vmmap import VMMap
from sysfuzz.program.outcome import Result


class _Never(Plantable):
    class births(Births):
        def mark(self, vm: VMMap) -> None:
            """Marks nobody."""
            passed(any(process.vm is vm and not process.marked for process in self.alive.values()))


class _NotByFork(Plantable):
    class births(Births):
        def fork(self, parent: Process) -> int | str:
            """A child that starts unmarked."""
            pid = super().fork(parent)
            if isinstance(pid, int):
                passed(self.alive[pid].marked)
                self.alive[pid].marked = False
            return pid


class _NotByVfork(Plantable):
    class births(Births):
        def vfork(self, parent: Process) -> int | str:
            """A child that starts unmarked."""
            pid = super().vfork(parent)
            if isinstance(pid, int):
                passed(self.alive[pid].marked)
                self.alive[pid].marked = False
            return pid


class _OneOfMany(Plantable):
    class births(Births):
        def mark(self, vm: VMMap) -> None:
            """Marks the first process that has the map, and looks no further."""
            first, *others = (process for process in self.alive.values() if process.vm is vm)
            first.marked = True
            passed(not all(process.marked for process in others))


class _ClearedByMunmap(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """munmap of a flagged page takes the mark along, as if there were no other."""
        process = self.processes.alive.get(pid)
        gone = process.vm.lookup(args[0]) if process is not None and name == "munmap" else None
        flagged = gone is not None and gone.attributes
        result = super().call(pid, lwp, name, args)
        if process is not None and flagged and result == 0:
            process.marked = instead(process.marked, False)
        return result


class _ClearedByExec(Plantable):
    class births(Births):
        def exec(self, process: Process, lwp: int, vm: VMMap) -> None:
            """Unmarks whoever has the map that is left."""
            left = process.vm
            super().exec(process, lwp, vm)
            for other in self.alive.values():
                if other.vm is left:
                    passed(other.marked)
                    other.marked = False


class _KeptByExec(Plantable):
    class births(Births):
        def exec(self, process: Process, lwp: int, vm: VMMap) -> None:
            """The new program pays for the old one's mappings."""
            marked = process.marked
            super().exec(process, lwp, vm)
            process.marked = instead(False, marked)


ROWS = (
    Planted("mark_never", "mark", 1, 1_000, "mmap does not mark the process", _Never),
    Planted("mark_fork", "mark", 2, 1_000, "fork does not hand the mark down", _NotByFork),
    Planted("mark_vfork", "mark", 2, 1_000, "vfork does not hand the mark down", _NotByVfork),
    Planted("mark_shared", "mark", 2, 1_000, "mmap marks one of the processes that share the map", _OneOfMany),
    Planted(
        "mark_munmap",
        "mark",
        2,
        1_000,
        "munmap of one flagged mapping unmarks although there is another",
        _ClearedByMunmap,
    ),
    Planted("mark_exec", "sequence", 3, 1_000, "exec of a vfork child unmarks its parent", _ClearedByExec),
    Planted(
        "mark_kept",
        "sequence",
        4,
        1_000,
        "exec keeps the mark, so that the new program pays for the check",
        _KeptByExec,
    ),
)
