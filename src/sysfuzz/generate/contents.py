"""The idiom of what memory holds: bytes are put down, the map changes around them, and they are looked for where they belong.

A core that cuts, joins, moves or copies entries can lose their pages, or show those of others. No code runs: behind a run nobody knows what the
pages that it could write hold.
"""

from sysfuzz.generate import aims, arguments
from sysfuzz.generate.draft import FIXED, Draft, Place
from sysfuzz.generate.lineage import enter, spawn
from sysfuzz.generate.neighbours import number, pair
from sysfuzz.program.ir import Ref
from sysfuzz.program.names import PAGE

_MOST_CHANGES = 3
_CHANGES = ("hole", "refill", "beside", "before", "clip", "move", "grow", "inherit", "fork", "free")
_INHERIT = (0, 1, 4)  # share, copy, zero


def contents(draft: Draft) -> None:
    """Two to four pages, bytes in some, up to three changes, and looks at what was written and at what must be zeros."""
    if draft.chance(0.3):
        start, _, end = pair(draft)
        pages = (end - number(draft, start)) // PAGE
    else:
        pages = 2 + draft.below(3)
        start = aims.room(draft, pages)
        draft.map(start, pages, draft.chance(0.5), arguments.prot(draft))
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
        draft.op("madvise", at, PAGE, 6)
    else:
        children.append(spawn(draft, "fork"))
    return start
