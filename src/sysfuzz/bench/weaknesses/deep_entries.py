"""Deep weaknesses of the check, the mark and the flags: they let in, unmark or misread only in a rare state or at a rare place.

Caches that forget too little, places that a segment or the upper half of the address space makes, LWPs that are in a handler, processes that
share a map in several generations. How deep each lies is measured, not known here.
"""

from sysfuzz.bench.weaknesses.canary import instead, passed
from sysfuzz.bench.weaknesses.checks import sound
from sysfuzz.bench.weaknesses.plantable import Births, Map, Plantable
from sysfuzz.bench.weaknesses.planted import Planted
from sysfuzz.kernel import mman, syscalls, trap
from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import Frame
from sysfuzz.kernel.vmmap import Entry, VMMap
from sysfuzz.program.names import PAGE, SIGNAL
from sysfuzz.program.outcome import NOSYSCALLS, Reply, Result

_REMAPS = frozenset(("mmap", "munmap", "mremap"))


class _PageCache(Plantable):
    """Remembers the page that was found clear last, until somebody maps, but not whose it is."""

    clear = -1

    def blocked(self, process: Process, frame: Frame) -> bool:
        first = trap.origin(process, frame)[1]
        page = first & -PAGE
        if not process.marked or first + trap.OPCODE_SIZE[frame.gate] > page + PAGE:
            return super().blocked(process, frame)
        if page == self.clear:
            return instead(sound(process, frame), False)
        answer = super().blocked(process, frame)
        self.clear = -1 if answer else page
        return answer

    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        if name in _REMAPS:
            self.clear = -1
        return super().call(pid, lwp, name, args)


class _Hint(Plantable):
    class maps(Map):
        hint: Entry | None = None  # the entry that was found last

        def carries(self, start: int, end: int, bit: int) -> bool:
            """Looks at the hint first."""
            due = super().carries(start, end, bit)
            if self.hint is not None and self.hint.start <= start and end <= self.hint.end:
                return instead(due, bool(self.hint.attributes & bit))
            self.hint = self.lookup(start)
            return due

        def remove(self, start: int, end: int) -> None:
            """Forgets the hint if it is the first entry that goes."""
            if not self.is_free(start, end):
                self.clip(start, end)
                if self.entries[self.index(start)] is self.hint:
                    self.hint = None
            super().remove(start, end)


class _Straddles(Plantable):
    def blocked(self, process: Process, frame: Frame) -> bool:
        """Whether the opcode lies in one page is seen from its offset, which says so only if the segment starts with a page."""
        offset, first = trap.origin(process, frame)
        if not process.marked or offset % PAGE + trap.OPCODE_SIZE[frame.gate] > PAGE:
            return super().blocked(process, frame)
        return instead(sound(process, frame), process.vm.carries(first, first + 1, NOSYSCALLS))


class _Excused(Plantable):
    """Does not check some states of an LWP."""

    def excused(self, process: Process, lwp: int, frame: Frame) -> bool:
        """Whether the LWP is in one of them."""
        raise NotImplementedError

    def enter(self, pid: int, lwp: int, frame: Frame) -> Reply:
        process = self.processes.alive[pid]
        if frame.gate == "sysenter" or not self.excused(process, lwp, frame):
            return super().enter(pid, lwp, frame)
        passed(sound(process, frame))
        return self._dispatch(process, lwp, frame, locked=False)


class _InHandler(_Excused):
    """A created LWP could not be given a second SIGILL anyway."""

    def excused(self, process: Process, lwp: int, frame: Frame) -> bool:
        return lwp > 1 and SIGNAL["SIGILL"] in process.lwps[lwp]


class _ReturnsOfLwps(_Excused):
    """A created LWP has to get back from its handler."""

    def excused(self, process: Process, lwp: int, frame: Frame) -> bool:
        if lwp == 1:
            return False
        return syscalls.request(self.mode, self._memory, process, frame.regs, frame.gate).name == "setcontext"


class _Kin(Births):
    """Processes that know who made them by vfork."""

    def kin(self) -> dict[int, int]:
        """The parents of vfork's children, by pid."""
        known: dict[int, int] = self.__dict__.setdefault("vforked", {})
        return known

    def vfork(self, parent: Process) -> int | str:
        """See Processes.vfork."""
        pid = super().vfork(parent)
        if isinstance(pid, int):
            self.kin()[pid] = parent.pid
        return pid


class _OneGeneration(Plantable):
    class births(_Kin):
        def mark(self, vm: VMMap) -> None:
            """Marks the eldest of those that share the map, and its children."""
            eldest, *others = (process for process in self.alive.values() if process.vm is vm)
            eldest.marked = True
            for other in others:
                found = self.kin().get(other.pid) == eldest.pid
                passed(not found and not other.marked)
                other.marked = other.marked or found


class _LwpUnmarks(Plantable):
    class births(Births):
        def lwp_exit(self, process: Process, lwp: int) -> None:
            """A process that ends with its last LWP takes the map's mark along."""
            super().lwp_exit(process, lwp)
            if not process.lwps:
                for other in self.alive.values():
                    if other.vm is process.vm:
                        passed(other.marked)
                        other.marked = False


class _AlignmentFirst(Plantable):
    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """Looks at the alignment before it looks for flags that do not go together."""
        result = super().call(pid, lwp, name, args)
        if name == "mmap" and result == "EOPNOTSUPP":
            alignment = mman.alignment_of(args[3], None, self.layout.vm_max)
            return instead(result, alignment if isinstance(alignment, str) else result)
        return result


ROWS = (
    Planted(
        "cache_page",
        "sequence",
        5,
        1_000_000,
        "a page found clear in one process is not looked up in another",
        _PageCache,
    ),
    Planted(
        "cache_hint",
        "sequence",
        5,
        1_000_000,
        "the entry found last is asked after it was unmapped together with one in front",
        _Hint,
    ),
    Planted(
        "check_straddle",
        "address",
        4,
        1_000_000,
        "whether an opcode crosses pages is decided without the segment's base",
        _Straddles,
    ),
    Planted(
        "unchecked_handler",
        "sequence",
        4,
        1_000_000,
        "code that handles SIGILL in an LWP that was created is not checked",
        _InHandler,
    ),
    Planted(
        "unchecked_return",
        "sequence",
        3,
        100_000,
        "setcontext in an LWP that was created is not checked",
        _ReturnsOfLwps,
    ),
    Planted(
        "mark_generation", "sequence", 3, 1_000_000, "mmap does not mark a vfork child's own child", _OneGeneration
    ),
    Planted(
        "mark_lwp", "sequence", 3, 10_000, "a vfork child that ends with its last LWP unmarks its parent", _LwpUnmarks
    ),
    Planted(
        "flag_aligned",
        "flags",
        1,
        100_000,
        "an unsupported combination has the errno of a bad alignment beside it",
        _AlignmentFirst,
    ),
)
