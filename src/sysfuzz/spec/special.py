"""The calls that single designs have, as effects on the model, and what a design keeps other calls from doing.

Sources are those of the designs' pages (docs/targets). As everywhere in the model, a call that fails changes nothing, and arming is one step.
"""

from collections.abc import Callable, Mapping, Sequence

from sysfuzz.program.names import DISPATCH, MAP, PAGE
from sysfuzz.program.outcome import IMMUTABLE, PERMITTED
from sysfuzz.spec.abi import NUMBERS
from sysfuzz.spec.doors import ANYWHERE
from sysfuzz.spec.expect import UNSPECIFIED, Expectation
from sysfuzz.spec.pages import READ, mapped, rewrite, round_page, touchable
from sysfuzz.spec.process import spawn
from sysfuzz.spec.world import World

OFF, ON = DISPATCH["PR_SYS_DISPATCH_OFF"], DISPATCH["PR_SYS_DISPATCH_ON"]
INCLUSIVE = DISPATCH["PR_SYS_DISPATCH_INCLUSIVE_ON"]
FIXED = MAP["MAP_FIXED"]
PIN = 4  # bytes of one pin


def syscallemu(world: World, start: int, end: int, preempt: int = 0) -> Expectation:
    """syscallemu(2): once for each program; whether the LWP was preempted is nobody's concern."""
    process = world.process
    if process.guard:
        return "EACCES"
    if start >= end:
        return "EINVAL"
    process.guard = ((start, end),)
    return 0


def trace(world: World, on: int) -> Expectation:
    """ktrace(2), ptrace(2): watching a process changes nothing about it."""
    return 0


def msyscall(world: World, addr: int, length: int) -> Expectation:
    """msyscall(2): one range more from which calls may come. Of length 0 it does nothing."""
    if not length:
        return 0
    touched = _touched(world, addr, length)
    if touched is None:
        return "EINVAL"
    layout, space = world.layout, world.space
    if touched.stop <= layout.vm_min // PAGE or touched.start >= layout.vm_max // PAGE:
        return 0
    if world.process.guard:
        return "EPERM"
    for process in world.processes.values():
        if process.space is space:
            process.guard = ((1,),)
    _annotate(world, touched, PERMITTED)
    return 0


def mimmutable(world: World, addr: int, length: int) -> Expectation:
    """mimmutable(2): pages that nobody changes any more; holes are fine."""
    touched = _touched(world, addr, length)
    if touched is None:
        return "EINVAL"
    _annotate(world, touched, IMMUTABLE)
    return 0


def pinsyscalls(world: World, base: int, length: int, pins: int, count: int) -> Expectation:
    """pinsyscalls(2): each call's one place in [base, base + length), by number; 0: none. Once for a map, before there are threads."""
    process, layout = world.process, world.layout
    if len(process.lwps) > 1 or process.spent:
        return "EPERM"
    if base + length > world.mask or base < layout.vm_min or base + length > layout.vm_max:
        return "EINVAL"
    if not 1 <= count <= NUMBERS:
        return "E2BIG"
    if not touchable(world.space.pages, pins, PIN * count, READ):
        return "EFAULT"
    table = world.pointed
    if table is None or len(table) != PIN * count:
        return UNSPECIFIED  # a target that does not tell what it has read
    offsets = tuple(int.from_bytes(table[at : at + PIN], "little") for at in range(0, PIN * count, PIN))
    if any(offset >= length and offset not in (0, ANYWHERE) for offset in offsets):
        return "ERANGE"
    for other in world.processes.values():
        if other.space is world.space:
            other.spent = True
    process.guard = ((base, length, *offsets),)
    return 0


def sud(world: World, mode: int, offset: int, length: int, selector: int) -> Expectation:
    """prctl(PR_SET_SYSCALL_USER_DISPATCH): the calling LWP's range, and the byte that decides outside of it, or inside."""
    end = offset + length & world.mask
    if mode == OFF:
        wrong = bool(offset or length or selector)
    elif mode == ON:
        wrong = bool(offset) and end <= offset
    else:
        wrong = mode != INCLUSIVE or world.promise.name != "sud-inclusive" or not length or end <= offset
    if wrong:
        return "EINVAL"
    if selector >= world.layout.vm_max:
        return "EFAULT"
    process = world.process
    rows = [row for row in process.guard if row[0] != world.lwp]
    if mode != OFF:
        rows.append((world.lwp, mode, offset, length, selector))
    process.guard = tuple(sorted(rows))
    return 0


def seccomp(world: World, start: int, end: int) -> Expectation:
    """seccomp(2) with a filter that traps calls from [start, end), on top of those that the LWP has."""
    if start >= end:
        return "EINVAL"
    process = world.process
    process.guard = tuple(sorted((*process.guard, (world.lwp, start, end)), key=lambda row: row[0]))
    return 0


def _touched(world: World, addr: int, length: int) -> range | None:
    """Numbers of the pages from the one of `addr` to the last in front of addr + length; None if those reach the end of the space."""
    touched = range(addr // PAGE, -(-(addr + length) // PAGE))
    return touched if touched.stop * PAGE <= world.mask else None


def _annotate(world: World, span: range, bit: int) -> None:
    pages = world.space.pages
    numbers = mapped(pages, span)
    if numbers:
        world.space.pages = rewrite(pages, numbers, lambda page: page._replace(attributes=page.attributes | bit))


SPECIAL: Mapping[str, Callable[..., Expectation]] = {
    "spawn": spawn,
    "ktrace": trace,
    "ptrace": trace,
    "syscallemu": syscallemu,
    "msyscall": msyscall,
    "mimmutable": mimmutable,
    "pinsyscalls": pinsyscalls,
    "sud": sud,
    "seccomp": seccomp,
}


def forbidden(world: World, call: str, args: Sequence[int]) -> str:
    """The errno with which the design keeps this call from being made, or ""."""
    if "mimmutable" not in world.promise.calls:
        return ""
    if call not in ("munmap", "mprotect", "mremap") and not (call == "mmap" and args[3] & FIXED):
        return ""
    addr, length = args[:2]
    # What a length that wraps around leaves is what these calls take it for: docs/semantics.md, round_page.
    count = round_page(length + addr % PAGE, world.mask) // PAGE
    frozen = (number for number, page in world.space.pages.items() if page.attributes & IMMUTABLE)
    return "EPERM" if any(0 <= number - addr // PAGE < count for number in frozen) else ""
