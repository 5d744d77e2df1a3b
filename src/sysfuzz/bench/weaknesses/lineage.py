"""Weak births: what fork, vfork and exec hand down of a map, and what not."""

from sysfuzz.bench.weaknesses.canary import passed
from sysfuzz.bench.weaknesses.plantable import Births, Plantable
from sysfuzz.bench.weaknesses.planted import Planted
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import KernelPanic
from sysfuzz.kernel.vmmap import Entry, VMMap
from sysfuzz.program.names import INHERIT

_COPY, _NONE = INHERIT["MAP_INHERIT_COPY"], INHERIT["MAP_INHERIT_NONE"]
_SHARE, _ZERO = INHERIT["MAP_INHERIT_SHARE"], INHERIT["MAP_INHERIT_ZERO"]


class _Loses(Births):
    """Births at which pages of one inheritance lose their attribute."""

    inheritance: int

    def _inherited(self, entry: Entry) -> Entry:
        child = super()._inherited(entry)
        if entry.inherit == self.inheritance:
            passed(bool(child.attributes))
            child.attributes = 0
        return child


class _ForkLoses(Plantable):
    class births(_Loses):
        inheritance = _COPY


class _ShareLoses(Plantable):
    class births(_Loses):
        inheritance = _SHARE


class _ZeroLoses(Plantable):
    class births(_Loses):
        inheritance = _ZERO


class _GrandchildLoses(Plantable):
    class births(Births):
        def fork(self, parent: Process) -> int | str:
            """A map that was inherited is handed on without attributes."""
            pid = super().fork(parent)
            if isinstance(pid, int) and parent.pid != 1:
                for entry in self.alive[pid].vm.entries:
                    passed(bool(entry.attributes))
                    entry.attributes = 0
            return pid


class _NoneInherits(Plantable):
    class births(Births):
        def fork(self, parent: Process) -> int | str:
            """Flagged pages are handed down whatever minherit said."""
            pid = super().fork(parent)
            if isinstance(pid, int):
                for entry in parent.vm.entries:
                    kept = entry.inherit == _NONE and bool(entry.attributes)
                    passed(kept)
                    if kept:
                        self.alive[pid].vm.insert(self._inherited(entry))
            return pid


class _ForkOfShared(Plantable):
    class births(Births):
        def fork(self, parent: Process) -> int | str:
            """Counts on having the map to itself."""
            passed(parent.vm.users > 1)
            if parent.vm.users > 1:
                raise KernelPanic("uvmspace_fork: map is shared")
            return super().fork(parent)


class _ExecKeeps(Plantable):
    class births(Births):
        def exec(self, process: Process, lwp: int, vm: VMMap) -> None:
            """Flagged mappings live on in the new program."""
            kept = [entry for entry in process.vm.entries if entry.attributes]
            super().exec(process, lwp, vm)
            for entry in kept:
                if vm.is_free(entry.start, entry.end):
                    vm.insert(entry.clone(entry.start, entry.end))
            passed(bool(kept))
            process.marked = bool(kept)


ROWS = (
    Planted("fork_loses", "lineage", 2, 1_000, "pages that fork copies come without the attribute", _ForkLoses),
    Planted("share_loses", "lineage", 2, 1_000, "pages that fork shares come without the attribute", _ShareLoses),
    Planted("grandchild_loses", "sequence", 3, 1_000, "a child's own children lose the attribute", _GrandchildLoses),
    Planted("zero_loses", "lineage", 3, 1_000, "pages that fork zeroes come without the attribute", _ZeroLoses),
    Planted(
        "none_inherits",
        "lineage",
        3,
        1_000,
        "flagged pages are inherited although minherit said not to",
        _NoneInherits,
    ),
    Planted("fork_shared", "lineage", 2, 10_000, "fork panics in a process that shares its map", _ForkOfShared),
    Planted("exec_keeps", "lineage", 2, 1_000, "flagged mappings outlive exec", _ExecKeeps),
)
