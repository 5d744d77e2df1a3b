"""The model that calls change: processes, the address spaces that they use, and who is running.

vfork makes two processes use one space, so what belongs to the map (its pages, mlockall's MCL_FUTURE) lives there and
what belongs to the process (the mark, handlers, LWPs) lives in the process. What memory holds
is the business of `contents.py`, as far as it is known; registers are not modelled.
"""

from sysfuzz.program.ir import Mode, make
from sysfuzz.program.layout import LAYOUTS, MAX_LOCKED_PAGES, MAX_WIRED_PAGES
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import Result
from sysfuzz.spec.expect import State
from sysfuzz.spec.pages import Pages, round_page, wired_count
from sysfuzz.spec.promise import Promise

Guard = tuple[tuple[int, ...], ...]  # as in `outcome.View`


class Space:
    """One address space; `pages` is replaced, never changed in place."""

    __slots__ = ("pages", "wire_future")

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.wire_future = False


class Process:
    """One live process. `handled` holds the signals that may have a handler: what is not in it surely has none."""

    __slots__ = ("guard", "handled", "lwps", "marked", "next_lwp", "pid", "space", "spent")

    def __init__(self, pid: int, space: Space, marked: bool = False, handled: frozenset[int] = frozenset()) -> None:
        self.pid = pid
        self.space = space
        self.marked = marked
        self.handled = handled
        self.lwps = {1}
        self.next_lwp = 2
        self.guard: Guard = ()
        self.spent = False  # the design's call that can be made once has been made


class World:
    """Everything that calls read and change. `pid` and `lwp` name who makes the next call, alive or not."""

    __slots__ = ("answer", "layout", "lwp", "mask", "mode", "next_pid", "pid", "pointed", "processes", "promise")

    def __init__(self, mode: Mode, promise: Promise) -> None:
        self.mode = mode
        self.promise = promise
        self.layout = LAYOUTS[mode]
        self.mask = self.layout.mask
        self.processes = {1: Process(1, Space(promise.born[mode]))}  # by pid, ascending: numbers are never used again
        self.next_pid = 2
        self.pid = 1
        self.lwp = 1
        # What the core answered to the call in hand; only read where the semantics leave the address open.
        self.answer: Result = ""
        self.pointed: bytes | None = None  # what a pointer among its arguments points to, as in `outcome.Step`

    def alive(self) -> bool:
        """Whether the LWP that would make the next call still exists."""
        process = self.processes.get(self.pid)
        return process is not None and self.lwp in process.lwps

    def settle(self) -> bool:
        """An op begins: if the current LWP has ended, the lowest of its process goes on. Whether there is one."""
        process = self.processes.get(self.pid)
        if process is None:
            return False
        if self.lwp not in process.lwps:
            self.lwp = min(process.lwps)
        return True

    @property
    def process(self) -> Process:
        """The process that makes the call; it is alive."""
        return self.processes[self.pid]

    @property
    def space(self) -> Space:
        """The address space of the process that makes the call."""
        return self.processes[self.pid].space

    def span(self, addr: int, length: int) -> range | None:
        """Page numbers of the range that most calls mean by (addr, length), or None if it fails the range test."""
        start = addr & -PAGE
        end = (start + round_page(length + addr % PAGE, self.mask)) & self.mask
        if start < self.layout.vm_min or end > self.layout.vm_max or end < start:
            return None
        return range(start // PAGE, end // PAGE)

    def too_much_wired(self, more: int) -> bool:
        """Whether `more` further wired pages of this space break RLIMIT_MEMLOCK or wiredmax."""
        own = wired_count(self.space.pages)
        if own + more > MAX_LOCKED_PAGES:
            return True
        others = {process.space for process in self.processes.values()} - {self.space}
        return own + more + sum(wired_count(space.pages) for space in others) > MAX_WIRED_PAGES

    def mark(self) -> None:
        """Mark every process that uses this space: a mapping with an attribute has entered it."""
        space = self.space
        for process in self.processes.values():
            if process.space is space:
                process.marked = True

    def states(self, before: tuple[State, ...] = ()) -> tuple[State, ...]:
        """All live processes by pid, as they are now; the object `before` itself if nothing has changed since."""
        processes = self.processes
        if len(processes) == len(before):
            for state in before:
                process = processes.get(state.pid)
                if (
                    process is None
                    or process.space.pages is not state.pages
                    or process.marked is not state.marked
                    or process.guard is not state.guard
                ):
                    break
            else:
                return before
        return tuple([make(State, (p.pid, p.marked, p.space.pages, p.guard)) for p in processes.values()])
