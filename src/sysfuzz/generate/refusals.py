"""Idioms of refusal: bad flags, limits, wiring that fails halfway, the ends of the address space, and the pages a process is born with.

Each function brings a call to one of its error rows, or to the last value before it, over something that a failing call must leave alone.
"""

from sysfuzz.generate import aims, probes, weights
from sysfuzz.generate.draft import FIXED, FLAGGED, NO_FD, PRIVATE_ANON, READ, RW, RWX, RX, Draft, Place
from sysfuzz.generate.neighbours import executable, flagged_area, number, pair
from sysfuzz.program.layout import MAX_LOCKED_PAGES, MAX_LWPS, MAX_PAGES, MAX_PROCESSES
from sysfuzz.program.names import MAP, PAGE, SIGNAL

_AFTER_WIRING = ("munlock", "munlock", "munlock", "mremap", "mremap", "madvise", "msync", "munmap", "beside", "fork")


def wire(draft: Draft) -> None:
    """Wiring part of a flagged area, now or for the future, and a call or two that meet the wired pages."""
    how = draft.pick(("mlock", "mlock", "MAP_WIRED", "mlockall"))
    if how == "mlockall":
        draft.op("mlockall", draft.pick((1, 2, 3)))
    start: Place
    if draft.chance(0.4):
        start, at, end = pair(draft)
        length = end - number(draft, at)
    else:
        pages = 2 + draft.below(2)
        start = aims.room(draft, pages)
        extra = MAP["MAP_WIRED"] if how == "MAP_WIRED" else 0
        draft.map(start, pages, draft.chance(0.7), executable(draft), extra)
        page = draft.below(pages)
        at, length = draft.plus(start, page * PAGE), PAGE * (1 + draft.below(pages - page))
    if how == "mlock":
        draft.op("mlock", at, length if draft.chance(0.8) else length + PAGE)  # over the end: EINVAL halfway
    _meet_wired(draft, start, at, length)
    probes.probe(draft, number(draft, at) if draft.chance(0.5) else None)


def _meet_wired(draft: Draft, start: Place, at: Place, length: int) -> None:
    """One or two calls on [at, at + length), which may be wired, behind other pages from `start` on."""
    for _ in range(1 + draft.chance(0.4)):
        after = draft.pick(_AFTER_WIRING)
        if after == "munlock":
            draft.op("munlock", at, length)
        elif after == "madvise":
            draft.op("madvise", start, PAGE, 6)
        elif after == "msync":
            draft.op("msync", start, PAGE, 2)
        elif after == "mremap":
            draft.op(
                "mremap", at, length, aims.free_room(draft, length // PAGE + 1), length + draft.pick((0, PAGE)), FIXED
            )
            at = draft.last()
        elif after == "munmap":
            draft.op("munmap", at, PAGE)
        elif after == "beside":
            draft.map(draft.plus(at, length), 1, draft.chance(0.5))
        else:
            draft.op("fork")


def bad_flags(draft: Draft) -> None:
    """mmap with flags that must be refused, over something that must then be as it was, or before it is mapped well."""
    pages = 1 + draft.below(2)
    start = aims.room(draft, pages)
    first = draft.chance(0.6)
    if first:
        draft.map(start, pages, draft.chance(0.5), executable(draft))
    flags = PRIVATE_ANON | draft.pick(weights.BAD_MAP_DECK)
    if draft.chance(0.5):
        flags |= FLAGGED
    if draft.chance(0.7):
        flags |= FIXED
    draft.op("mmap", start, pages * PAGE, RX, flags, NO_FD, 0)
    if not first:
        draft.map(start, pages, draft.chance(0.5), executable(draft))
    if draft.chance(0.3):
        draft.op("mremap", start, PAGE, 0, PAGE, draft.pick((FLAGGED, 4, 1, 11 << 24, 64 << 24)))
    probes.probe(draft, number(draft, start))


def limits(draft: Draft) -> None:
    """One resource is used up, then asked for once more."""
    start = flagged_area(draft, 2)
    what = draft.pick(("pages", "pages", "locked", "locked", "processes", "lwps"))
    if what == "pages":
        big = MAX_PAGES - draft.pick((0, 2, 5, 7, 8, 100))
        draft.op("mmap", 0, big * PAGE, RX, PRIVATE_ANON | (FLAGGED if draft.chance(0.3) else 0), NO_FD, 0)
        draft.op("mremap", start, 2 * PAGE, 0, PAGE * draft.pick((3, 8, 100, MAX_PAGES)), 0)
    elif what == "locked":
        pages = MAX_LOCKED_PAGES - draft.pick((-1, 0, 1, 2))
        draft.op("mmap", 0, pages * PAGE, READ, PRIVATE_ANON, NO_FD, 0)
        draft.op("mlock", draft.last(), pages * PAGE)
        if draft.chance(0.5):
            draft.op("mlock", start, 2 * PAGE)
        else:
            draft.map(start, 1 + draft.below(2), draft.chance(0.5), RX, MAP["MAP_WIRED"])
    elif what == "processes":
        call = "fork" if draft.chance(0.7) else "vfork"
        for _ in range(MAX_PROCESSES):
            draft.op(call)
    else:
        for _ in range(MAX_LWPS):
            draft.op("lwp_create")
    probes.probe(draft, number(draft, start))


def ends(draft: Draft) -> None:
    """Areas at the ends of the space and of 32-bit offsets, and ranges that wrap around them."""
    layout = draft.layout
    starts = [layout.vm_min, layout.vm_max - PAGE, layout.vm_max - PAGE]
    if draft.mode == "amd64":
        starts += [(1 << 32) - PAGE, (1 << 31) - PAGE]
    start = draft.pick(starts)
    draft.map(start, 1, draft.chance(0.7), executable(draft))
    if draft.chance(0.5) and start != layout.vm_max - PAGE:
        draft.map(start + PAGE, 1, draft.chance(0.5), RX)
    if draft.chance(0.6):
        call = draft.pick(("munmap", "mprotect", "madvise", "minherit", "mmap", "mremap"))
        length = draft.mask + 1 - draft.pick((start, start + PAGE, PAGE, 1))
        if call == "munmap":
            draft.op(call, start, length)
        elif call == "mmap":
            draft.op(call, start, length, RX, PRIVATE_ANON | FIXED, NO_FD, 0)
        elif call == "mremap":
            draft.op(call, start, PAGE, start, length, FIXED if draft.chance(0.5) else 0)
        else:
            draft.op(call, start, length, 1)
    probes.probe(draft, start + (PAGE if draft.chance(0.7) else 0))


def birth_pages(draft: Draft) -> None:
    """Flagged pages over or beside the trampoline or the stack, and a way through the trampoline."""
    layout = draft.layout
    if draft.chance(0.5):
        start, end, prot = layout.trampoline, layout.trampoline + PAGE, RX
    else:
        start, end, prot = layout.stack, layout.stack_top, RW
    how = draft.pick(("over", "beside", "beside", "protect", "move"))
    if how == "over":
        draft.map(start, 1, True, prot)
    elif how == "beside":
        draft.map(end if draft.chance(0.5) else start - PAGE, 1, True, prot if draft.chance(0.7) else RWX)
    elif how == "protect":
        draft.op("mprotect", start, PAGE, RWX)
    else:
        draft.op("mremap", start, end - start, aims.free_room(draft, 4), end - start, FIXED)
    if draft.chance(0.5):
        # A handler that only returns: through the trampoline.
        at = aims.behind_everything(draft)
        draft.map(at, 1, draft.chance(0.3), RX)
        draft.op("poke", at, b"\xc3\x0f\x0b\xc3")
        draft.op("sigaction", SIGNAL["SIGILL"], at)
        draft.op("run", at + 1, 20)
        return
    probes.probe(draft, start if draft.chance(0.5) else end)
