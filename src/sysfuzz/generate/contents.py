"""The idioms of what memory holds: bytes are put down, the map changes around them, and they are looked for where they belong.

A core that cuts, joins, moves or copies entries can lose their pages, or show those of others; pages of a file can be told apart, since they are
seen from elsewhere, too. No code runs: behind a run nobody knows what the pages that it could write hold.
"""

from typing import NamedTuple

from sysfuzz.generate import aims, arguments
from sysfuzz.generate.draft import FILE, FIXED, FLAGGED, NO_FD, PRIVATE_ANON, READ, RW, SHARED_FILE, Draft, Place
from sysfuzz.generate.lineage import enter, spawn
from sysfuzz.generate.neighbours import number, pair
from sysfuzz.program.ir import Ref
from sysfuzz.program.layout import FILE_PAGES
from sysfuzz.program.names import ADVICE, MAP, PAGE

_MOST_CHANGES = 3
_CHANGES = ("hole", "refill", "beside", "before", "bridge", "clip", "move", "grow", "inherit", "fork", "free")
_INHERIT = (0, 1, 4)  # share, copy, zero
_READ_ONLY, _NO_EXEC = 4, 5  # descriptors of the other two files
_SHARED_MEMORY = MAP["MAP_SHARED"] | MAP["MAP_ANON"]
_OFTEN_SHARED = (SHARED_FILE, SHARED_FILE, MAP["MAP_PRIVATE"] | FIXED, MAP["MAP_COPY"] | FIXED, FIXED)


class _Kind(NamedTuple):
    """How pages are mapped; pages of the same kind side by side may become one entry."""

    prot: int
    flags: int
    first: int = -1  # the page of the file that comes first, or memory
    fd: int = FILE


def _map(draft: Draft, at: Place, pages: int, kind: _Kind, skipped: int = 0) -> None:
    """Pages of a kind; of a file those that are `skipped` behind the first, now and then from within the page on."""
    if kind.first < 0:
        draft.op("mmap", at, pages * PAGE, kind.prot, kind.flags, NO_FD, 0)
        return
    part = 1 + draft.below(PAGE - 1) if draft.chance(0.1) else 0
    offset = max(0, kind.first + skipped) * PAGE + part
    draft.op("mmap", draft.plus(at, part), pages * PAGE - part, kind.prot, kind.flags, kind.fd, offset)


def contents(draft: Draft) -> None:
    """Two to four pages, bytes in some, up to three changes, and looks at what was written and at what must be zeros."""
    kind = _Kind(arguments.prot(draft), PRIVATE_ANON | FIXED | _flag(draft, 0.5))
    if draft.chance(0.3):
        start, _, end = pair(draft)
        pages = (end - number(draft, start)) // PAGE
    else:
        if draft.chance(0.2):
            kind = _Kind(kind.prot, _SHARED_MEMORY | FIXED | _flag(draft, 0.5))
        pages = 2 + draft.below(3)
        start = aims.room(draft, pages)
        _map(draft, start, pages, kind)
    written = [draft.below(pages) for _ in range(1 + draft.below(2))]
    for page in written:
        _write(draft, draft.plus(start, page * PAGE))
    children: list[Ref] = []
    for _ in range(1 + draft.below(_MOST_CHANGES)):
        start = _change(draft, start, pages, kind, children)
        if children and draft.chance(0.3):
            enter(draft, draft.pick(children))
    if draft.chance(0.3):
        _write(draft, draft.plus(start, draft.pick(written) * PAGE))
    _elsewhere(draft, children)
    for page in (draft.pick(written), draft.below(pages)):
        draft.op("peek", draft.plus(start, page * PAGE), 1 + draft.below(4))


def file_pages(draft: Draft) -> None:
    """Pages of a file under two addresses, bytes in both, up to two changes of the first, and looks from either side."""
    pages = 1 + draft.below(3)
    first = (
        1 + draft.below(3) if draft.chance(0.8) else FILE_PAGES - 1 - draft.below(pages + 1)
    )  # or at the end, or over it
    kind = _Kind(RW if draft.chance(0.8) else READ, draft.pick(_OFTEN_SHARED) | _flag(draft, 0.2), first)
    start = aims.room(draft, pages + 1)  # with room for what follows
    _map(draft, start, pages, kind)
    other = aims.free_room(draft, pages + 1)
    shared = kind._replace(flags=SHARED_FILE) if draft.chance(0.8) else kind._replace(flags=draft.pick(_OFTEN_SHARED))
    _map(draft, other, pages, shared)
    _write(draft, draft.plus(draft.pick((start, other)), draft.below(pages) * PAGE))
    children: list[Ref] = []
    for _ in range(draft.below(_MOST_CHANGES)):
        start = _change(draft, start, pages, kind, children)
        if children and draft.chance(0.3):
            enter(draft, draft.pick(children))
    if draft.chance(0.6):
        _write(draft, draft.plus(draft.pick((start, other)), draft.below(pages) * PAGE))
    _elsewhere(draft, children)
    for place in (start, other, draft.pick((start, other))):
        draft.op("peek", draft.plus(place, draft.below(pages) * PAGE), 1 + draft.below(4))


def _elsewhere(draft: Draft, children: list[Ref]) -> None:
    """Go on in a child, or in the first process, if there is a choice."""
    if children and draft.chance(0.5):
        enter(draft, draft.pick(children))
    elif children and draft.chance(0.6):
        draft.op("as", 1, 0)


def _flag(draft: Draft, share: float) -> int:
    return FLAGGED if draft.chance(share) else 0


def _write(draft: Draft, at: Place) -> None:
    draft.op("poke", at, bytes((1 + draft.below(255),)))


def _change(draft: Draft, start: Place, pages: int, kind: _Kind, children: list[Ref]) -> Place:
    """One change of the pages, which are of a kind, or of their neighbours; where they begin now. A child of it is added to `children`."""
    page = draft.below(pages)
    at = draft.plus(start, page * PAGE)
    how = draft.pick(_CHANGES)
    if how in ("hole", "refill"):
        draft.op("munmap", at, PAGE)
        if how == "refill":
            _neighbour(draft, at, kind, page)
    elif how == "beside":
        _neighbour(draft, draft.plus(start, pages * PAGE), kind, pages)
    elif how == "before":
        _neighbour(draft, draft.plus(start, -PAGE), kind, -1)
    elif how == "bridge":  # what has never been touched is joined with what has
        for skipped in (-2, -1):
            _neighbour(draft, draft.plus(start, skipped * PAGE), kind, skipped)
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
        whole = draft.chance(0.5)
        draft.op("madvise", start if whole else at, (pages if whole else 1) * PAGE, ADVICE["MADV_FREE"])
    else:
        children.append(spawn(draft, "fork"))
    return start


def _neighbour(draft: Draft, at: Place, kind: _Kind, skipped: int) -> None:
    """A page that goes on where the pages of a kind end or begin, so that they may be joined; or nearly so."""
    if draft.chance(0.5):
        _map(draft, at, 1, kind, skipped)
    elif kind.first >= 0 and draft.chance(0.8):
        near = (
            kind._replace(first=max(1, kind.first + draft.pick((1, -1)))),
            kind._replace(flags=draft.pick(_OFTEN_SHARED)),
            kind._replace(fd=_READ_ONLY, flags=FIXED, prot=READ),
            kind._replace(fd=_NO_EXEC),
        )
        _map(draft, at, 1, draft.pick(near), skipped)
    else:
        draft.map(at, 1, draft.chance(0.5))
