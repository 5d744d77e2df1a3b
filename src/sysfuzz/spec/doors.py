"""Where calls may not come from, design by design, and which signal is due to one that does.

`forbids` is about one byte of an instruction, so that it can also be asked what is out of the ordinary about an entry; where a design speaks of
whole instructions there is no such answer. The address of an instruction is the one that the CPU had: a design that cannot know it keeps its
promise for nobody. Knows neither maps' calls nor the dispatcher.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sysfuzz.program.layout import LANDING, VSYSCALLS
from sysfuzz.program.names import DISPATCH, PAGE, RAX, RSP
from sysfuzz.program.outcome import NOSYSCALLS, PERMITTED, STACK, Attempt
from sysfuzz.spec.abi import NUMBERS
from sysfuzz.spec.pages import WRITE, Pages
from sysfuzz.spec.promise import Promise, Rows
from sysfuzz.spec.world import World

# Bytes of the instruction as the core takes them to be: it cannot see them.
SIZES = {"syscall": 2, "sysenter": 2, "int80": 2, "lcall7": 7, "lcall27": 7}

ALLOW, BLOCK = 0, 1  # what the selector of user dispatch may hold
SIGRETURN = 308  # the one call that OpenBSD's trampoline makes
# The entry instruction of each mode's trampoline ends here (docs/semantics.md, Signals).
TRAMPOLINE_ENDS = {"amd64": 10, "i386": 14}
ANYWHERE = 0xFFFF_FFFF  # the pin of a call that several sites make
PAGE_FAULT = 14


class Refused(NamedTuple):
    """The signal that is due. `addr` None: the design gives it none; `forced`: no handler gets it."""

    signal: str
    code: str
    addr: int | None
    pc: int
    forced: bool = False


Forbids = Callable[[Pages, Rows, int, int], bool]  # pages and guard of a process, LWP, linear address


def _flagged(pages: Pages, guard: Rows, lwp: int, addr: int) -> bool:
    page = pages.get(addr // PAGE)
    return page is not None and bool(page.attributes & NOSYSCALLS)


def _emulated(pages: Pages, guard: Rows, lwp: int, addr: int) -> bool:
    return any(start <= addr < end for start, end in guard)


def _unpermitted(pages: Pages, guard: Rows, lwp: int, addr: int) -> bool:
    page = pages.get(addr // PAGE)
    return page is None or not page.attributes & PERMITTED or bool(page.prot & WRITE)


def _dispatched(pages: Pages, guard: Rows, lwp: int, addr: int) -> bool:
    for owner, mode, offset, length, _ in guard:
        if owner == lwp:
            return (offset <= addr < offset + length) == (mode == DISPATCH["PR_SYS_DISPATCH_INCLUSIVE_ON"])
    return False


def _filtered(pages: Pages, guard: Rows, lwp: int, addr: int) -> bool:
    return any(owner == lwp and start <= addr < end for owner, start, end in guard)


def origin(attempt: Attempt) -> tuple[int, int]:
    """(offset, linear address) of the first opcode byte: by the saved address; of a sysenter, which saves none, where the CPU met it."""
    mask = (1 << attempt.bits) - 1
    if attempt.gate == "sysenter":
        return attempt.opcode - attempt.base & mask, attempt.opcode
    offset = attempt.pc - SIZES[attempt.gate] & mask
    return offset, offset if attempt.bits == 64 else (attempt.base + offset) & mask


def _due_emulated(world: World, attempt: Attempt, offset: int, first: int) -> Refused:
    return Refused("SIGILL", "ILL_ILLTRP", None if attempt.base else first, offset)


def _due_unpermitted(world: World, attempt: Attempt, offset: int, first: int) -> Refused:
    return Refused("SIGSEGV", "SEGV_ACCERR", None if attempt.base else attempt.pc, attempt.pc)


def _due_filtered(world: World, attempt: Attempt, offset: int, first: int) -> Refused:
    pc = _relocated(world, attempt)
    return Refused("SIGSYS", "SYS_SECCOMP", pc, pc)


def _due_dispatched(world: World, attempt: Attempt, offset: int, first: int) -> Refused | None:
    return _user_dispatch(world, attempt, _relocated(world, attempt), first + attempt.size)


def _vsyscall_filtered(world: World, attempt: Attempt) -> Refused:
    return Refused("SIGSYS", "SYS_SECCOMP", attempt.start, attempt.pc)


def _vsyscall_dispatched(world: World, attempt: Attempt) -> Refused | None:
    return _user_dispatch(world, attempt, attempt.pc, attempt.start)


def _relocated(world: World, attempt: Attempt) -> int:
    """Where Linux says that an entry came from: the vdso, if it has left no honest address behind."""
    if attempt.gate == "sysenter" or (attempt.gate == "syscall" and attempt.bits == 32):
        return world.layout.trampoline + LANDING
    return attempt.pc


def _user_dispatch(world: World, attempt: Attempt, pc: int, behind: int) -> Refused | None:
    if world.mode == "i386" and behind == world.layout.trampoline + TRAMPOLINE_ENDS["i386"]:
        return None  # the vdso's sigreturn
    selector = next(row[4] for row in world.process.guard if row[0] == world.lwp)
    if selector:
        byte = dict(attempt.selectors).get(selector)
        if not byte:
            return Refused("SIGSEGV", "", None, pc, forced=True)
        if byte[0] == ALLOW:
            return None
        if byte[0] != BLOCK:
            return Refused("SIGSYS", "", None, pc, forced=True)
    return Refused("SIGSYS", "SYS_USER_DISPATCH", pc, pc)


def _unpinned(world: World, attempt: Attempt, offset: int, first: int) -> Refused | None:
    """OpenBSD's order: the stack, which may be a mapping without protection that has yet to grow, then the place."""
    stack = world.space.pages.get(attempt.regs[RSP] // PAGE)
    if stack is None or not (stack.attributes & STACK or stack.prot == 0):
        return Refused("SIGSEGV", "SEGV_ACCERR", None if attempt.base else attempt.pc, attempt.pc)
    refused = Refused("SIGABRT", "", None, attempt.pc, forced=True)
    number = attempt.regs[RAX] % NUMBERS
    for base, length, *offsets in world.process.guard:
        if base <= first < base + length:
            pin = offsets[number] if number < len(offsets) else 0
            return None if pin == ANYWHERE or (pin and pin == first - base) else refused
    end = first + SIZES[attempt.gate]
    return None if number == SIGRETURN and end == world.layout.trampoline + TRAMPOLINE_ENDS[world.mode] else refused


class Door(NamedTuple):
    """What one design says about entries."""

    forbids: Forbids | None  # of one byte of an instruction; None: the design speaks of whole instructions
    # From an entry, and the offset and linear address of its first byte: the signal that is due to one with a forbidden byte, or, where
    # instructions are judged as a whole, to any; None: it is let in after all.
    due: Callable[[World, Attempt, int, int], Refused | None] | None
    # The same of a call through the vsyscall page; None: there is no such page.
    vsyscall: Callable[[World, Attempt], Refused | None] | None = None
    sized: bool = False  # the opcode is as NetBSD's entry code has it, not as the CPU had


_DISPATCH = Door(_dispatched, _due_dispatched, _vsyscall_dispatched)
_DOORS: Mapping[str, Door] = {
    "nosyscalls": Door(_flagged, None, sized=True),  # what is due is in `entry`
    "syscallemu": Door(_emulated, _due_emulated, sized=True),
    "msyscall": Door(_unpermitted, _due_unpermitted),
    "pinsyscalls": Door(None, _unpinned),
    "sud": _DISPATCH,
    "sud-inclusive": _DISPATCH,
    "seccomp-ip": Door(_filtered, _due_filtered, _vsyscall_filtered),
}


def forbids(promise: Promise, pages: Pages, guard: Rows, lwp: int, addr: int) -> bool:
    """Whether no byte of a kernel entry may lie at `addr`; False of a design that speaks of whole instructions."""
    of_byte = _DOORS[promise.name].forbids
    return of_byte is not None and of_byte(pages, guard, lwp, addr)


def span(promise: Promise, attempt: Attempt) -> tuple[int, int]:
    """First byte (linear) and number of bytes of the opcode: as NetBSD's entry code has them, or, where no design has sizes, as the CPU had."""
    if _DOORS[promise.name].sized:
        return origin(attempt)[1], SIZES[attempt.gate]
    return attempt.opcode, attempt.size


def refusal(world: World, attempt: Attempt) -> Refused | None:
    """The signal that is due to an entry on a design with a door of its own, or None: it is let in."""
    door = _DOORS[world.promise.name]
    assert door.due is not None, "the flag has no door of its own"
    offset, first = origin(attempt)
    if door.forbids is None:
        return door.due(world, attempt, offset, first)
    first, size = span(world.promise, attempt)
    mask = (1 << attempt.bits) - 1
    pages, guard = world.space.pages, world.process.guard
    for i in range(size):
        if door.forbids(pages, guard, world.lwp, (first + i) & mask):
            return door.due(world, attempt, offset, first)
    return None


def vsyscall(world: World, attempt: Attempt) -> str:
    """The call that a fault on Linux's vsyscall page is, or "": it is a fault."""
    if _DOORS[world.promise.name].vsyscall is None or world.mode != "amd64" or attempt.bits != 64:
        return ""
    hit = attempt.vector == PAGE_FAULT and attempt.data == attempt.start
    return VSYSCALLS.get(attempt.start, "") if hit else ""


def vsyscall_refusal(world: World, attempt: Attempt) -> Refused | None:
    """The signal that is due to a call through the vsyscall page, or None: it is let in."""
    door = _DOORS[world.promise.name]
    if door.vsyscall is None or not forbids(
        world.promise, world.space.pages, world.process.guard, world.lwp, attempt.start
    ):
        return None
    return door.vsyscall(world, attempt)
