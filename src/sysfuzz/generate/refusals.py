"""Idioms of refusal: bad flags, limits, wiring that fails halfway, the ends of the address space, and the pages a process is born with.

Each function brings a call to one of its error rows, or to the last value before it, over something that a failing call must leave alone.
"""

from sysfuzz.generate import aims, probes, weights
from sysfuzz.generate.draft import FIXED, FLAGGED, NO_FD, PRIVATE_ANON, READ, RW, RWX, RX, Draft
from sysfuzz.generate.neighbours import executable, flagged_area, number
from sysfuzz.program.layout import MAX_LOCKED_PAGES, MAX_LWPS, MAX_PAGES, MAX_PROCESSES
from sysfuzz.program.names import MAP, PAGE, SIGNAL


def wire(draft: Draft) -> None:
    """Wiring part of a flagged area, now or for the future, and a call that meets the wired pages."""
    how = draft.pick(("mlock", "mlock", "MAP_WIRED", "mlockall"))
    pages = 2 + draft.below(2)
    if how == "mlockall":
        draft.op("mlockall", draft.pick((1, 2, 3)))
    start = aims.room(draft, pages)
    draft.map(start, pages, draft.chance(0.7), executable(draft), MAP["MAP_WIRED"] if how == "MAP_WIRED" else 0)
    at = draft.plus(start, draft.below(pages) * PAGE)
    if how == "mlock":
        draft.op("mlock", at, PAGE * (1 + draft.below(3)))  # perhaps over the end: EINVAL halfway
    after = draft.pick(("munlock", "madvise", "msync", "mremap", "munmap", "beside", "fork"))
    if after == "munlock":
        draft.op("munlock", start, PAGE * pages)
    elif after == "madvise":
        draft.op("madvise", start, PAGE * pages, 6)
    elif after == "msync":
        draft.op("msync", start, PAGE * pages, 2)
    elif after == "mremap":
        draft.op("mremap", start, PAGE * pages, aims.free_room(draft, pages + 1), PAGE * (pages + 1), FIXED)
    elif after == "munmap":
        draft.op("munmap", at, PAGE)
    elif after == "beside":
        draft.map(draft.plus(start, PAGE * pages), 1, draft.chance(0.5))
    else:
        draft.op("fork")
    probes.probe(draft)


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
