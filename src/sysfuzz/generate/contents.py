"""The idioms of what memory holds: bytes are put down, the map changes around them, and they are looked for where they belong.

A core that cuts, joins, moves or copies entries can lose their pages, or show those of others; pages of a file can be told apart, since they are
seen from elsewhere, too. No code runs: behind a run nobody knows what the pages that it could write hold.
"""

from sysfuzz.generate import aims, arguments
from sysfuzz.generate.draft import FILE, FIXED, FLAGGED, NO_FD, PRIVATE_ANON, READ, RW, SHARED_FILE, Draft, Place
from sysfuzz.generate.lineage import enter, spawn
from sysfuzz.generate.neighbours import number, pair
from sysfuzz.program.ir import Ref
from sysfuzz.program.layout import FILE_PAGES
from sysfuzz.program.names import ADVICE, MAP, PAGE

_MOST_CHANGES = 3
_CHANGES = ("hole", "refill", "beside", "before", "clip", "move", "grow", "inherit", "fork", "free")
_INHERIT = (0, 1, 4)  # share, copy, zero
_SHARED_MEMORY = MAP["MAP_SHARED"] | MAP["MAP_ANON"]
_OFTEN_SHARED = (SHARED_FILE, SHARED_FILE, MAP["MAP_PRIVATE"] | FIXED, MAP["MAP_COPY"] | FIXED, FIXED)


def contents(draft: Draft) -> None:
    """Two to four pages, bytes in some, up to three changes, and looks at what was written and at what must be zeros."""
    if draft.chance(0.3):
        start, _, end = pair(draft)
        pages = (end - number(draft, start)) // PAGE
    else:
        pages = 2 + draft.below(3)
        start = aims.room(draft, pages)
        kind = _SHARED_MEMORY if draft.chance(0.2) else PRIVATE_ANON
        flags = kind | FIXED | (FLAGGED if draft.chance(0.5) else 0)
        draft.op("mmap", start, pages * PAGE, arguments.prot(draft), flags, NO_FD, 0)
    written = [draft.below(pages) for _ in range(1 + draft.below(2))]
    for page in written:
        _write(draft, draft.plus(start, page * PAGE))
    children: list[Ref] = []
    for _ in range(1 + draft.below(_MOST_CHANGES)):
        start = _change(draft, start, pages, children)
    if draft.chance(0.3):
        _write(draft, draft.plus(start, draft.pick(written) * PAGE))
    if children and draft.chance(0.6):
        enter(draft, draft.pick(children))
    for page in (draft.pick(written), draft.below(pages)):
        draft.op("peek", draft.plus(start, page * PAGE), 1 + draft.below(4))


def file_pages(draft: Draft) -> None:
    """Pages of a file under two addresses, bytes in both, up to two changes of the first, and looks from either side."""
    pages = 1 + draft.below(3)
    first = (
        draft.below(3) if draft.chance(0.8) else FILE_PAGES - 1 - draft.below(pages + 1)
    )  # the end is in the middle, or near
    start = aims.room(draft, pages + 1)  # with room for what follows
    _map_file(draft, start, pages, first, draft.pick(_OFTEN_SHARED))
    if draft.chance(0.4):  # a neighbour that goes on in the file, or does not, and may be one mapping with it
        _map_file(
            draft,
            draft.plus(start, pages * PAGE),
            1,
            first + pages + draft.pick((0, 0, 1, -1)),
            draft.pick(_OFTEN_SHARED),
        )
        pages += 1
    other = aims.free_room(draft, pages)
    _map_file(draft, other, pages, first, SHARED_FILE if draft.chance(0.8) else draft.pick(_OFTEN_SHARED))
    _write(draft, draft.plus(draft.pick((start, other)), draft.below(pages) * PAGE))
    children: list[Ref] = []
    for _ in range(draft.below(_MOST_CHANGES)):
        start = _change(draft, start, pages, children)
    if draft.chance(0.6):
        _write(draft, draft.plus(draft.pick((start, other)), draft.below(pages) * PAGE))
    if children and draft.chance(0.5):
        enter(draft, draft.pick(children))
    for place in (start, other, draft.pick((start, other))):
        draft.op("peek", draft.plus(place, draft.below(pages) * PAGE), 1 + draft.below(4))


def _map_file(draft: Draft, at: Place, pages: int, first: int, flags: int) -> None:
    """`pages` pages of the file from page `first` on, with the attribute now and then."""
    prot = RW if draft.chance(0.8) else READ
    draft.op("mmap", at, pages * PAGE, prot, flags | (FLAGGED if draft.chance(0.2) else 0), FILE, first * PAGE)


def _write(draft: Draft, at: Place) -> None:
    draft.op("poke", at, bytes((1 + draft.below(255),)))


def _change(draft: Draft, start: Place, pages: int, children: list[Ref]) -> Place:
    """One change of the pages or of their neighbours; where the pages begin now. A child that comes of it is added to `children`."""
    at = draft.plus(start, draft.below(pages) * PAGE)
    how = draft.pick(_CHANGES)
    if how in ("hole", "refill"):
        draft.op("munmap", at, PAGE)
        if how == "refill":
            draft.map(at, 1, draft.chance(0.5))
    elif how == "beside":
        draft.map(draft.plus(start, pages * PAGE), 1, draft.chance(0.5))
    elif how == "before":
        draft.map(draft.plus(start, -PAGE), 1, draft.chance(0.5))
    elif how == "clip":
        arguments.clipping(draft, at, PAGE)
    elif how == "move":
        target = aims.free_room(draft, pages)
        draft.op("mremap", start, pages * PAGE, target, pages * PAGE, FIXED)
        return target
    elif how == "grow":
        draft.op("mremap", start, pages * PAGE, 0, (pages + 1) * PAGE, 0)
        return draft.last()
    elif how == "inherit":
        draft.op("minherit", start, pages * PAGE, draft.pick(_INHERIT))
    elif how == "free":
        if draft.chance(0.5):
            at, pages = start, pages - draft.below(2)
        else:
            pages = 1
        draft.op("madvise", at, max(1, pages) * PAGE, ADVICE["MADV_FREE"])
    else:
        children.append(spawn(draft, "fork"))
    return start
