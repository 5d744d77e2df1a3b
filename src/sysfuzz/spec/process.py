"""Calls that make, change and end processes and LWPs, and those that install handlers and segments.

fork copies page by page, as each page's inheritance says; vfork uses the map itself. A code segment that sysarch
installs is not recorded: what the CPU did with it is told by each attempt.
"""

from sysfuzz.program.layout import MAX_LWPS, MAX_PROCESSES
from sysfuzz.program.names import INHERIT, SIGNAL, SYSARCH
from sysfuzz.spec.expect import Expectation
from sysfuzz.spec.pages import ANON, Page, Pages
from sysfuzz.spec.world import Process, Space, World

SHARE, COPY = INHERIT["MAP_INHERIT_SHARE"], INHERIT["MAP_INHERIT_COPY"]
NONE, ZERO = INHERIT["MAP_INHERIT_NONE"], INHERIT["MAP_INHERIT_ZERO"]
SIGNALS = range(1, 64)
UNCATCHABLE = (SIGNAL["SIGKILL"], SIGNAL["SIGSTOP"])
LDT_SLOTS = range(8, 64)


def fork(world: World) -> Expectation:
    """fork(2): the child's pid."""
    if len(world.processes) >= MAX_PROCESSES:
        return "EAGAIN"
    return _child(world, Space(_inherited(world.space.pages)))


def spawn(world: World) -> Expectation:
    """posix_spawn(3): the pid of a child that begins with a program of its own; it is a copy for a moment, and as large."""
    if len(world.processes) >= MAX_PROCESSES:
        return "EAGAIN"
    pid = _child(world, Space(_inherited(world.space.pages)))
    _begin(world, world.processes[pid], 1)
    return pid


def vfork(world: World) -> Expectation:
    """vfork(2): the child's pid; the child uses the parent's map."""
    if len(world.processes) >= MAX_PROCESSES:
        return "EAGAIN"
    return _child(world, world.space)


def _child(world: World, space: Space) -> int:
    parent = world.process
    child = Process(world.next_pid, space, parent.marked, parent.handled)
    rows = world.promise.inherited(parent.guard, world.lwp)
    if rows:
        child.guard = rows
    child.spent = parent.spent
    world.processes[child.pid] = child
    world.next_pid += 1
    return child.pid


def _inherited(pages: Pages) -> Pages:
    child: dict[int, Page] = {}
    for number, page in pages.items():
        if page.inherit == ZERO:
            child[number] = page._replace(wired=0, backing=ANON)
        elif page.inherit != NONE:  # shared or copied: to `contents.py` that is a difference
            child[number] = page._replace(wired=0) if page.wired else page
    return child


def execve(world: World) -> Expectation:
    """exec: the process starts afresh in a map of its own, with the calling LWP alone."""
    _begin(world, world.process, world.lwp)
    return 0


def _begin(world: World, process: Process, lwp: int) -> None:
    """The process begins with another program, in this LWP alone."""
    process.space = Space(world.promise.born[world.mode])
    process.marked = False
    process.handled = frozenset()
    process.lwps = {lwp}
    process.guard = world.promise.executed(process.guard, lwp)
    process.spent = False


def leave(world: World, status: int) -> Expectation:
    """exit(2), whatever the status: the process is gone, and a map that nobody else uses with it."""
    del world.processes[world.pid]
    return 0


def lwp_create(world: World) -> Expectation:
    """_lwp_create(2): the LWP's number."""
    process = world.process
    if len(process.lwps) >= MAX_LWPS:
        return "EAGAIN"
    number = process.next_lwp
    process.lwps.add(number)
    process.next_lwp += 1
    process.guard = world.promise.joined(process.guard, world.lwp, number)
    return number


def lwp_exit(world: World) -> Expectation:
    """_lwp_exit(2): the last LWP takes the process with it."""
    lwps = world.process.lwps
    lwps.discard(world.lwp)
    if not lwps:
        del world.processes[world.pid]
    else:
        world.process.guard = world.promise.parted(world.process.guard, world.lwp)
    return 0


def switch(world: World, pid: int, lwp: int) -> Expectation:
    """as(pid, lwp): who makes the next calls; lwp 0 is the lowest alive."""
    process = world.processes.get(pid)
    if process is None or (lwp and lwp not in process.lwps):
        return "ESRCH"
    world.pid = pid
    world.lwp = lwp or min(process.lwps)
    return 0


def sigaction(world: World, signal: int, handler: int) -> Expectation:
    """sigaction(2); a handler of 0 is the default."""
    if signal not in SIGNALS or signal in UNCATCHABLE:
        return "EINVAL"
    process = world.process
    process.handled = process.handled | {signal} if handler else process.handled - {signal}
    return 0


def sysarch(world: World, op: int, slot: int, base: int) -> Expectation:
    """sysarch(2): a code segment at `base`, on i386 alone; the slot."""
    if world.mode != "i386" or not world.promise.has_segments or op != SYSARCH["I386_SET_LDT"] or slot not in LDT_SLOTS:
        return "EINVAL"
    return slot
