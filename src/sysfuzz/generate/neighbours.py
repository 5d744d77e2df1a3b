"""Idioms of one address space: flagged pages beside unflagged ones, and what the memory calls do to the boundary between them.

Each function appends its idea to a draft: mappings, a change, and a probe of the place where a wrong core would differ.
"""

from sysfuzz.generate import aims, arguments, code, probes
from sysfuzz.generate.draft import FILE, FIXED, FLAGGED, READ, RWX, RX, SHARED_FILE, Draft, Place
from sysfuzz.generate.errands import GETPID
from sysfuzz.program.ir import Ref
from sysfuzz.program.names import PAGE

# Flagged (F) and unflagged (u) areas in the order of their addresses.
_PATTERNS = ("uF", "Fu", "uFu", "FuF", "uF", "Fu", "uFu", "FuF", "FF", "uFF", "FFu")
# Orders in which they are mapped: each new one finds neighbours below (merge back), above (forward) or on both sides.
_ORDERS = {2: ((0, 1), (1, 0)), 3: ((0, 1, 2), (2, 1, 0), (0, 2, 1), (2, 0, 1))}


def executable(draft: Draft) -> int:
    """Protection for an idiom's areas, the same for all of them: only then may they merge."""
    return RWX if draft.chance(0.35) else RX


def number(draft: Draft, at: Place) -> int:
    """Where `at` will probably be."""
    return draft.forecast.value(at)


def pair(draft: Draft) -> tuple[Place, Place, int]:
    """Map a flagged and an unflagged area side by side; (start, boundary, end as a number)."""
    first, second = 1 + draft.below(2), 1 + draft.below(2)
    start = aims.room(draft, first + second)
    boundary = draft.plus(start, first * PAGE)
    prot, flagged = executable(draft), draft.chance(0.5)
    halves = [(start, first, flagged), (boundary, second, not flagged)]
    if draft.chance(0.5):
        halves.reverse()
    for at, pages, carries in halves:
        draft.map(at, pages, carries, prot)
    return start, boundary, number(draft, boundary) + second * PAGE


def flagged_area(draft: Draft, pages: int) -> Place:
    """Map `pages` flagged executable pages."""
    start = aims.room(draft, pages)
    draft.map(start, pages, True, executable(draft))
    return start


def beside(draft: Draft) -> None:
    """Two or three areas in each order, so that the last one could merge with either neighbour."""
    pattern = draft.pick(_PATTERNS)
    sizes = [1 + draft.below(2) for _ in pattern]
    start = aims.room(draft, sum(sizes))
    starts = [sum(sizes[:index]) * PAGE for index in range(len(sizes))]
    prot = executable(draft)
    for index in draft.pick(_ORDERS[len(pattern)]):
        at = draft.plus(start, starts[index])
        draft.map(at, sizes[index], pattern[index] == "F", prot if draft.chance(0.9) else arguments.prot(draft))
    if draft.chance(0.25):
        at, length = aims.span(draft)
        arguments.clipping(draft, at, length)
    probes.probe(draft, number(draft, start) + draft.pick(starts[1:]))


def straddle(draft: Draft) -> None:
    """An entry at any distance from a boundary between flagged and unflagged pages, each as likely as any other: checks differ there."""
    boundary = number(draft, pair(draft)[1])
    name = code.gate(draft)
    if draft.mode == "i386" and draft.chance(0.5):
        name = draft.pick(("lcall7", "lcall27"))
    block = code.call(draft, name, GETPID, code.prefixes(draft))
    at = boundary + draft.below(block.size + 3) - block.size - 1 - block.entry
    probes.poke(draft, at, block)
    probes.run(draft, at, block)


def clip(draft: Draft) -> None:
    """A call on the middle, the first or the last page of a flagged area; perhaps the hole is filled or the change undone."""
    pages = 3 + draft.below(2)
    start = flagged_area(draft, pages)
    page = draft.below(pages)
    at = draft.plus(start, page * PAGE)
    if draft.chance(0.3):
        draft.op("munmap", at, PAGE)
        if draft.chance(0.6):
            draft.map(at, 1, draft.chance(0.3))
    else:
        arguments.clipping(draft, at, PAGE)
    if draft.chance(0.3):
        arguments.clipping(draft, start, pages * PAGE)
    probes.probe(draft, number(draft, at) + (PAGE if draft.chance(0.5) and page < pages - 1 else 0))


def move(draft: Draft) -> None:
    """mremap takes flagged pages, or a flagged and an unflagged area together, elsewhere; perhaps beside others, perhaps larger."""
    if draft.chance(0.6):
        pages = 1 + draft.below(3)
        start: Place = flagged_area(draft, pages)
    else:
        start, _, end = pair(draft)
        pages = (end - number(draft, start)) // PAGE
    newpages = pages + draft.pick((0, 0, 0, 1, 2, -1)) or 1
    if draft.chance(0.35):
        # A plain neighbour where the moved pages will arrive.
        target = draft.plus(aims.free_room(draft, newpages + 1), PAGE)
        draft.map(draft.plus(target, -PAGE), 1, draft.chance(0.2))
    else:
        target = aims.free_room(draft, newpages)
    if draft.chance(0.8):
        draft.op("mremap", start, pages * PAGE, target, newpages * PAGE, FIXED)
    else:
        draft.map(draft.plus(start, pages * PAGE), 1, False)  # no room to grow: it moves wherever there is room
        draft.op("mremap", start, pages * PAGE, 0, (pages + 1) * PAGE, 0)
    if draft.chance(0.2):
        draft.map(start, pages, False)  # the old place again, unflagged
        probes.probe(draft, number(draft, start))
        return
    to = number(draft, draft.last())
    probes.probe(draft, to + draft.pick((0, newpages * PAGE, PAGE)))


def resize(draft: Draft) -> None:
    """mremap grows a flagged area in place, or shrinks it and something else takes the tail."""
    pages = 1 + draft.below(3)
    start = aims.room(draft, pages + 3)
    draft.map(start, pages, draft.chance(0.8), executable(draft))
    if draft.chance(0.6):
        newpages = pages + 1 + draft.below(2)
        if draft.chance(0.25):
            draft.map(draft.plus(start, newpages * PAGE), 1, draft.chance(0.5))
    else:
        newpages = max(1, pages - 1)
    draft.op("mremap", start, pages * PAGE, start if draft.chance(0.2) else 0, newpages * PAGE, 0)
    boundary = number(draft, start) + min(pages, newpages) * PAGE
    if newpages < pages and draft.chance(0.7):
        draft.map(draft.plus(start, newpages * PAGE), 1, False)
    probes.probe(draft, boundary if draft.chance(0.7) else number(draft, start) + newpages * PAGE)


def overlay(draft: Draft) -> None:
    """MAP_FIXED puts an unflagged area into a flagged one, or the other way round."""
    pages = 2 + draft.below(3)
    start = aims.room(draft, pages)
    flagged = draft.chance(0.6)
    prot = executable(draft)
    draft.map(start, pages, flagged, prot)
    page, count = draft.below(pages), 1 + draft.below(2)
    at = draft.plus(start, page * PAGE)
    draft.map(at, count, not flagged, prot)
    probes.probe(draft, number(draft, at) + (0 if draft.chance(0.5) else min(count, pages - page) * PAGE))


def again(draft: Draft) -> None:
    """The same code runs, the map changes under it, and it runs again."""
    pages = 1 + draft.below(2)
    start = aims.room(draft, pages)
    flagged, prot = draft.chance(0.3), executable(draft)
    draft.map(start, pages, flagged, prot)
    block = code.call(draft, code.gate(draft), GETPID, code.prefixes(draft))
    at = draft.plus(start, draft.below(64))
    draft.op("poke", at, block.code)
    draft.op("run", at, 0)
    how = draft.pick(("overlay", "overlay", "overlay", "unmap", "protect", "move", "elsewhere"))
    if how == "overlay":
        draft.map(start, pages, not flagged, prot)
        draft.op("poke", at, block.code)
    elif how == "unmap":
        draft.op("munmap", start, pages * PAGE)
    elif how == "protect":
        draft.op("mprotect", start, pages * PAGE, draft.pick((READ, RX, RWX)))
    elif how == "move":
        to = aims.free_room(draft, pages)
        draft.op("mremap", start, pages * PAGE, to, pages * PAGE, FIXED)
        at = draft.plus(to, number(draft, at) - number(draft, start))
    else:
        flagged_area(draft, 1)  # the process becomes marked, this page does not change
    draft.op("run", at, 0)


def alias(draft: Draft) -> None:
    """A shared file page under two addresses with different attributes; code is poked through one and run through both."""
    size = PAGE * (1 + draft.below(2))
    first = aims.room(draft, 2)
    prot = RWX if draft.chance(0.7) else RX
    flagged = draft.chance(0.5)
    draft.op("mmap", first, size, prot, SHARED_FILE | (FLAGGED if flagged else 0), FILE, 0)
    second: Place | Ref
    if draft.chance(0.3):
        second = draft.plus(first, size)  # beside each other, at the file offsets that would let them merge
        position = size
    else:
        second = aims.room(draft, 2)
        position = 0
    draft.op("mmap", second, size, prot, SHARED_FILE | (0 if flagged else FLAGGED), FILE, position)
    block = code.call(draft, code.gate(draft), GETPID, code.prefixes(draft))
    within = draft.below(64)
    draft.op("poke", draft.plus(first, within), block.code)
    draft.op("run", draft.plus(second, within), 0)
    draft.op("run", draft.plus(first, within), 0)
