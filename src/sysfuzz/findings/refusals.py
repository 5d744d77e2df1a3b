"""Why an entry is refused, or let in, on a design with a check of its own, a sentence each: which byte lies where, and what the check looks at.

Where calls may come from is asked of the spec; what a design's check looks at is told as its source has it, which is the design's page
(docs/targets). Whether the core of a target does as that source is for the facts to show.
"""

from collections.abc import Iterator

from sysfuzz.findings.guards import call_name, wording
from sysfuzz.oracles.origin import family
from sysfuzz.program.ir import Mode
from sysfuzz.program.layout import LANDING, LAYOUTS
from sysfuzz.program.names import PAGE, RAX, REGISTERS, RSP
from sysfuzz.program.outcome import STACK, Attempt
from sysfuzz.spec.abi import NUMBERS
from sysfuzz.spec.doors import ALLOW, ANYWHERE, BLOCK, forbids, span
from sysfuzz.spec.expect import State
from sysfuzz.spec.promise import Promise

_SELECTED = {ALLOW: "ALLOW", BLOCK: "BLOCK"}


def reasons(
    mode: Mode, promise: Promise, state: State, lwp: int, attempt: Attempt, blamed: bool = False
) -> Iterator[str]:
    """What decides about the attempt of `lwp` in a process that is as `state` says; `blamed`: an earlier call has spoilt its guard."""
    if promise.name == "pinsyscalls":
        yield from _saved(attempt)
        yield from _pinned(mode, promise, state, attempt)
        return
    way = family(attempt)
    if way == "vsyscall":
        yield f"A jump to {attempt.start:#x}, on the vsyscall page, faults, and the kernel does the call there and then"
    elif is_moved(promise, attempt):
        where = LAYOUTS[mode].trampoline + LANDING
        yield f"After such an entry the kernel goes on in the vdso, at offset {LANDING:#x} ({where:#x}), and takes it to come from there"
    else:
        yield from _saved(attempt)
    if promise.by_lwp:
        yield f"The entry is made by LWP {lwp}"
    first, size = (attempt.start, 1) if way == "vsyscall" else span(promise, attempt)
    mask = (1 << attempt.bits) - 1
    places = [first + i & mask for i in range(size)]
    refused = [place for place in places if forbids(promise, state.pages, state.guard, lwp, place)]
    yield _bytes(places, refused)
    if not blamed and way != "vsyscall" and not is_moved(promise, attempt):
        behind = first + size & mask
        may = "no call" if forbids(promise, state.pages, state.guard, lwp, behind) else "calls"
        yield f"The next address is {behind:#x}, from where {may} may come"
        yield f"The check of {promise.name}, by its source, looks at {wording(promise.name).looks}"
        if attempt.base:
            yield f"It takes the offset for the address, without the segment's base, {attempt.base:#x}"
    yield from _selector(state, lwp, attempt)


def is_moved(promise: Promise, attempt: Attempt) -> bool:
    """Whether the design's kernel lets the entry go on elsewhere, and believes that it came from there."""
    return promise.sysenter == "on" and (
        attempt.gate == "sysenter" or (attempt.gate == "syscall" and attempt.bits == 32)
    )


def _saved(attempt: Attempt) -> Iterator[str]:
    if attempt.gate == "sysenter":
        yield "Hardware saves no address at a sysenter"
    elif attempt.gate:
        base = f" in a segment at {attempt.base:#x}" if attempt.base else ""
        yield f"Hardware saves the next address, {attempt.pc:#x}{base}"


def _bytes(places: list[int], refused: list[int]) -> str:
    """Where the bytes of the opcode lie, and from which of them no call may come."""
    if len(places) == 1:
        return f"{'No call' if refused else 'A call'} may come from {places[0]:#x}"
    head = f"The opcode's {len(places)} bytes lie at {places[0]:#x}-{places[-1]:#x}"
    if not refused:
        return f"{head}: calls may come from there"
    if refused == places:
        return f"{head}: no call may come from any of them"
    if len(refused) > 2 and refused[-1] - refused[0] == len(refused) - 1:
        return f"{head}: no call may come from {refused[0]:#x}-{refused[-1]:#x}"
    return f"{head}: no call may come from {' and '.join(f'{place:#x}' for place in refused)}"


def _selector(state: State, lwp: int, attempt: Attempt) -> Iterator[str]:
    """What the word in user memory says, where the setting names one."""
    known = dict(attempt.selectors)
    for row in state.guard:
        if row[0] == lwp and len(row) == 5 and row[4] in known:
            if known[row[4]]:
                value = known[row[4]][0]
                yield f"The selector, the byte at {row[4]:#x}, is {value}, {_SELECTED.get(value, 'which means nothing')}"
            else:
                yield f"The selector, the byte at {row[4]:#x}, cannot be read"


def _pinned(mode: Mode, promise: Promise, state: State, attempt: Attempt) -> Iterator[str]:
    number = attempt.regs[RAX] % NUMBERS
    first, _ = span(promise, attempt)
    at = f"the opcode begins at {first:#x}"
    what = f"The number, {REGISTERS[mode][RAX]}, is {number:#x}, {call_name(promise.name, number)}"
    for base, length, *offsets in state.guard:
        if base <= first < base + length:
            pin = offsets[number] if number < len(offsets) else 0
            place = "pinned nowhere" if not pin else f"pinned to {base + pin:#x}"
            yield f"{what}, {'which may be made anywhere in the range' if pin == ANYWHERE else place}; {at}"
            break
    else:
        yield f"{what}; {at}, outside of what is pinned, where the return from a handler alone may be made"
    page = state.pages.get(attempt.regs[RSP] // PAGE)
    good = page is not None and (page.attributes & STACK or not page.prot)
    yield f"The stack pointer, {attempt.regs[RSP]:#x}, is {'' if good else 'not '}on a stack"
    yield f"The check of {promise.name}, by its source, looks at {wording(promise.name).looks}"
