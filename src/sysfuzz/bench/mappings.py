"""How the cost of an op grows with the number of mappings: the core alone, with 1 to 10,000 entries in one process's map.

Programs never have so many, as the address-space limit is 256 pages. The core holds that limit against a count that its map keeps; here the
entries are put into the map and taken out of the count, and all code that is timed is the core's own. Knows no CPU, no spec and no oracle.
"""

import gc
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Literal, NamedTuple

from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.protocol import Frame
from sysfuzz.kernel.vmmap import Entry
from sysfuzz.machine.memory import GuestMemory
from sysfuzz.program.layout import LAYOUTS, USER_CODE64
from sysfuzz.program.names import INHERIT, MAP, PAGE, PROT, RAX

_MODE: Literal["amd64"] = "amd64"
_READ, _READ_EXEC = PROT["PROT_READ"], PROT["PROT_READ"] | PROT["PROT_EXEC"]
_ALL = 7
_ANYWHERE = MAP["MAP_PRIVATE"] | MAP["MAP_ANON"]
_GETPID = 20
_SYSCALL_BYTES = 2

# An entry of four pages can be cut on both sides, and two pages fit into the hole behind it without touching a neighbour.
_PAGES = 4
_STRIDE = 2 * _PAGES * PAGE
# Where the search for room starts, so that what is larger than a hole finds a place only behind all entries.
_FIRST = LAYOUTS[_MODE].mmap_base

# Of each op at each number of entries, at random places; and crowds of each size. An op can be slow throughout one crowd and in no other of that
# size (a kernel entry took 16.7 us, and 8.0), so that the median of the crowds' medians is quoted.
_TIMINGS = 31
_CROWDS = 3
_LEAST = 0.001  # microseconds: the clock's resolution, as no cost may be 0 where relative errors are fitted


class Crowd:
    """A booted kernel whose process 1 is checked at kernel entry and has `count` entries, all alike and apart, and no others."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.kernel = Kernel(_MODE, GuestMemory())
        process = self.kernel.processes.alive[1]
        process.marked = True
        vm = self.vm = process.vm
        vm.remove(vm.layout.vm_min, vm.layout.vm_max)
        for number in range(count):
            vm.insert(
                Entry(place(number), place(number) + _PAGES * PAGE, _READ_EXEC, _ALL, INHERIT["MAP_INHERIT_COPY"])
            )
        # Past all entries: what a map keeps once such a search has been long is kept by all ops that are timed.
        vm.find_space(0, _STRIDE, PAGE)
        self.uncounted = vm.pages
        vm.pages = 0

    def call(self, name: str, *args: int) -> None:
        """An op of process 1, which must succeed."""
        result = self.kernel.call(1, 1, name, args)
        if not isinstance(result, int):
            raise AssertionError(f"{name}{args}: {result!r}")

    def map(self, addr: int, pages: int, flags: int = _ANYWHERE | MAP["MAP_FIXED"]) -> None:
        """Map `pages` like all entries."""
        self.call("mmap", addr, pages * PAGE, _READ_EXEC, flags, -1, 0)

    def unmap(self, addr: int, pages: int) -> None:
        """Unmap `pages`."""
        self.call("munmap", addr, pages * PAGE)

    def restore(self, at: int) -> None:
        """Map the entry at `at` anew, as one piece and untouched."""
        self.map(at, _PAGES)

    def undo_move(self, at: int) -> None:
        """Take two pages out of the hole behind the entry at `at`, and map it anew."""
        self.unmap(_hole(at), 2)
        self.restore(at)

    def touch(self, at: int) -> None:
        """A page fault at `at`."""
        self.kernel.fill(1, at, "exec")

    def enter(self, at: int) -> None:
        """getpid, by a SYSCALL instruction at `at`."""
        regs = [0] * 16
        regs[RAX] = _GETPID
        self.kernel.enter(1, 1, Frame("syscall", at + _SYSCALL_BYTES, USER_CODE64, 0, regs))

    def exit_child(self) -> None:
        """The youngest child exits."""
        self.kernel.call(max(self.kernel.processes.alive), 1, "exit", ())

    def change(self) -> None:
        """Say that the map has changed, so that what is known of it must be made anew."""
        self.kernel.transitions()
        self.vm.changed("")

    def tell(self) -> None:
        """What a target asks after each op."""
        self.kernel.views()

    def check(self) -> None:
        """The core's consistency check, for which every page must be counted."""
        self.vm.pages += self.uncounted
        wrong = self.kernel.check()
        self.vm.pages -= self.uncounted
        if wrong:
            raise AssertionError(wrong)


def place(number: int) -> int:
    """Where entry `number` starts."""
    return _FIRST + number * _STRIDE


def _end(at: int) -> int:
    """The end of the entry that starts at `at`."""
    return at + _PAGES * PAGE


def _hole(at: int) -> int:
    """A page behind it."""
    return _end(at) + PAGE


Act = Callable[[Crowd, int], None]


def _nothing(_crowd: Crowd, _at: int) -> None:
    pass


class Measured(NamedTuple):
    """One op: `act` alone is timed; `undo` leaves the map as it was before `prepare`. All get the start of an entry."""

    name: str
    act: Act
    undo: Act = _nothing
    prepare: Act = _nothing


MEASURED = (
    Measured("entry: check and getpid", Crowd.enter),
    Measured("page fault: page is there", Crowd.touch, Crowd.restore, Crowd.touch),
    Measured("page fault: first touch", Crowd.touch, Crowd.restore),
    Measured("mmap: into a hole", lambda c, at: c.map(_hole(at), 1), lambda c, at: c.unmap(_hole(at), 1)),
    Measured("mmap: at an end, merged", lambda c, at: c.map(_end(at), 1), lambda c, at: c.unmap(_end(at), 1)),
    Measured(
        "mmap: anywhere, behind all",
        lambda c, _: c.map(0, _PAGES + 1, _ANYWHERE),
        lambda c, _: c.unmap(_end(place(c.count - 1)), _PAGES + 1),
    ),
    Measured("munmap: the middle", lambda c, at: c.unmap(at + PAGE, 1), Crowd.restore),
    Measured("mprotect: the middle", lambda c, at: c.call("mprotect", at + PAGE, PAGE, _READ), Crowd.restore),
    Measured(
        "mremap: grown",
        lambda c, at: c.call("mremap", at, _PAGES * PAGE, 0, (_PAGES + 1) * PAGE, 0),
        lambda c, at: c.unmap(_end(at), 1),
    ),
    Measured(
        "mremap: moved",
        lambda c, at: c.call("mremap", at, 2 * PAGE, _hole(at), 2 * PAGE, MAP["MAP_FIXED"]),
        Crowd.undo_move,
    ),
    Measured("mlock: the middle", lambda c, at: c.call("mlock", at + PAGE, PAGE), Crowd.restore),
    Measured("fork", lambda c, _: c.call("fork"), lambda c, _: c.exit_child()),
    Measured("map told: after a change", lambda c, _: c.tell(), prepare=lambda c, _: c.change()),
    Measured("map told: after none", lambda c, _: c.tell()),
    Measured("consistency check", lambda c, _: c.check()),
)


class Growth(NamedTuple):
    """The cost of one op, and the best fit of `constant + logarithmic * log2(entries) + linear * entries` to it."""

    name: str
    costs: tuple[float, ...]  # microseconds, by number of entries
    constant: float  # these three in microseconds, none below 0
    logarithmic: float
    linear: float
    share: float  # of the linear term in the cost at the most entries

    @property
    def kind(self) -> Literal["logarithmic", "linear"]:
        """Linear if nearly all of the cost at the most entries is; the rest is no worse than logarithmic.

        Up to 10,000 entries the share is above 0.9 where the core walks its map. It is below 0.5 where the only linear part is that a list of
        entries moves up for a new one: a nanosecond an entry or less.
        """
        return "linear" if self.share >= 0.75 else "logarithmic"


def sizes(most: int) -> list[int]:
    """1, 3, 10, 30 and so on, up to `most`, which is the last."""
    steps = (step * 10**power for power in range(len(str(most))) for step in (1, 3))
    return [*(step for step in steps if step < most), most]


def measure(most: int, timings: int = _TIMINGS) -> list[Growth]:
    """Time each op with 1 to `most` entries, which are at least 10."""
    counts = sizes(most)
    costs: dict[str, list[float]] = {op.name: [] for op in MEASURED}
    with _without_collections():
        for count in counts:
            medians = [_times(Crowd(count), timings) for _ in range(_CROWDS)]
            for op, *times in zip(MEASURED, *medians, strict=True):
                costs[op.name].append(median(times))
    return [fit(name, counts, row) for name, row in costs.items()]


def _times(crowd: Crowd, timings: int) -> list[float]:
    """Microseconds of each op, without what it takes to time nothing."""
    nothing = _time(Measured("nothing", _nothing), crowd, timings)
    return [max(_time(op, crowd, timings) - nothing, _LEAST) for op in MEASURED]


def _time(op: Measured, crowd: Crowd, timings: int) -> float:
    """Microseconds of `op`: the median over random places. Of processor time, since others run while a long one goes on."""
    rng = random.Random(f"{op.name}:{crowd.count}")
    clock = time.thread_time_ns
    times = []
    for _ in range(timings):
        at = place(rng.randrange(crowd.count))
        op.prepare(crowd, at)
        started = clock()
        op.act(crowd, at)
        times.append(clock() - started)
        op.undo(crowd, at)
    return median(times) / 1000


@contextmanager
def _without_collections() -> Iterator[None]:
    """No garbage is looked for: that costs what there is in this process, not what the op does."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def fit(name: str, counts: Sequence[int], costs: Sequence[float]) -> Growth:
    """The least squares fit of the relative errors, without negative terms."""
    from scipy.optimize import nnls

    terms = [(1.0, math.log2(count), float(count)) for count in counts]
    relative = [[term / cost for term in row] for row, cost in zip(terms, costs, strict=True)]
    weights, _ = nnls(relative, [1.0] * len(relative))
    constant, logarithmic, linear = map(float, weights)
    parts = [weight * term for weight, term in zip((constant, logarithmic, linear), terms[-1], strict=True)]
    return Growth(name, tuple(costs), constant, logarithmic, linear, parts[-1] / sum(parts))
