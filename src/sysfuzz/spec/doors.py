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


_FORBIDS: Mapping[str, Forbids] = {
    "nosyscalls": _flagged,
    "syscallemu": _emulated,
    "msyscall": _unpermitted,
    "sud": _dispatched,
    "sud-inclusive": _dispatched,
    "seccomp-ip": _filtered,
}


def forbids(promise: Promise, pages: Pages, guard: Rows, lwp: int, addr: int) -> bool:
    """Whether no byte of a kernel entry may lie at `addr`; False of a design that speaks of whole instructions."""
    door = _FORBIDS.get(promise.name)
    return door is not None and door(pages, guard, lwp, addr)


def origin(attempt: Attempt) -> tuple[int, int]:
    """(offset, linear address) of the first opcode byte: by the saved address; of a sysenter, which saves none, where the CPU met it."""
    mask = (1 << attempt.bits) - 1
    if attempt.gate == "sysenter":
        return attempt.opcode - attempt.base & mask, attempt.opcode
    offset = attempt.pc - SIZES[attempt.gate] & mask
    return offset, offset if attempt.bits == 64 else (attempt.base + offset) & mask


def span(promise: Promise, attempt: Attempt) -> tuple[int, int]:
    """First byte (linear) and number of bytes of the opcode: as NetBSD's entry code has them, or, where no design has sizes, as the CPU had."""
    if promise.name in ("nosyscalls", "syscallemu"):
        return origin(attempt)[1], SIZES[attempt.gate]
    return attempt.opcode, attempt.size


def refusal(world: World, attempt: Attempt) -> Refused | None:
    """The signal that is due to an entry on a design with a door of its own, or None: it is let in."""
    promise, process = world.promise, world.process
    offset, first = origin(attempt)
    if promise.name == "pinsyscalls":
        return _unpinned(world, attempt, first)
    first, size = span(promise, attempt)
    mask = (1 << attempt.bits) - 1
    pages, guard = world.space.pages, process.guard
    for i in range(size):
        if forbids(promise, pages, guard, world.lwp, (first + i) & mask):
            return _due(world, attempt, offset, first)
    return None


def _due(world: World, attempt: Attempt, offset: int, first: int) -> Refused | None:
    flat = not attempt.base
    name = world.promise.name
    if name == "syscallemu":
        return Refused("SIGILL", "ILL_ILLTRP", first if flat else None, offset)
    if name == "msyscall":
        return Refused("SIGSEGV", "SEGV_ACCERR", attempt.pc if flat else None, attempt.pc)
    pc = _relocated(world, attempt)
    if name == "seccomp-ip":
        return Refused("SIGSYS", "SYS_SECCOMP", pc, pc)
    return _user_dispatch(world, attempt, pc, first + attempt.size)


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


def _unpinned(world: World, attempt: Attempt, first: int) -> Refused | None:
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


def vsyscall(world: World, attempt: Attempt) -> str:
    """The call that a fault on Linux's vsyscall page is, or "": it is a fault."""
    if world.promise.sysenter != "on" or world.mode != "amd64" or attempt.bits != 64 or attempt.vector != PAGE_FAULT:
        return ""
    return VSYSCALLS.get(attempt.start, "") if attempt.data == attempt.start else ""


def vsyscall_refusal(world: World, attempt: Attempt) -> Refused | None:
    """The signal that is due to a call through the vsyscall page, or None: it is let in."""
    start = attempt.start
    if not forbids(world.promise, world.space.pages, world.process.guard, world.lwp, start):
        return None
    if world.promise.name == "seccomp-ip":
        return Refused("SIGSYS", "SYS_SECCOMP", start, attempt.pc)
    return _user_dispatch(world, attempt, attempt.pc, start)
