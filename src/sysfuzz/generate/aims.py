"""Addresses worth naming: room for a new mapping, one address, a range, all taken from the map as it will be.

What is interesting about an address is where it lies in relation to areas and to the ends of the space; that is all this file knows.
"""

from collections.abc import Callable, Mapping

from sysfuzz.generate import weights
from sysfuzz.generate.draft import NO_FD, PRIVATE_ANON, Draft, Place
from sysfuzz.generate.model import Area
from sysfuzz.program.ir import Ref
from sysfuzz.program.layout import MAX_PAGES
from sysfuzz.program.names import PAGE

_IN_PAGE = PAGE - 1
_LOW = (0x10000, 0x10000, 0x10000, 0x20000, 0x40000, 0x100000)  # most corpora use the first: programs then combine well
_LOW_END = 0x2000_0000  # below it are no areas but low ones, in either mode
_TOP_OF_32_BITS = 1 << 32
_MANY_PAGES = 200  # two such mappings pass RLIMIT_AS

# -- room for a mapping --


def _low(draft: Draft, _size: int) -> int:
    return draft.pick(_LOW)


def _beside(draft: Draft, size: int) -> Place:
    areas = draft.areas()
    if not areas:
        return _LOW[0]
    area = draft.pick(areas)
    return draft.forecast.within(area, area.end if draft.chance(0.5) else area.start - size)


def _top_of_32_bits(draft: Draft, size: int) -> int:
    return _TOP_OF_32_BITS - size if draft.mode == "amd64" else _LOW[0]


def _around(draft: Draft, start: int, end: int, size: int) -> int:
    return end if draft.chance(0.5) else start - size


_ROOMS: Mapping[str, Callable[[Draft, int], Place]] = {
    "low": _low,
    "beside": _beside,
    "top of 32 bits": _top_of_32_bits,
    "vm_min": lambda draft, _size: draft.layout.vm_min,
    "vm_max": lambda draft, size: draft.layout.vm_max - size,
    "stack": lambda draft, size: _around(draft, draft.layout.stack, draft.layout.stack_top, size),
    "trampoline": lambda draft, size: _around(draft, draft.layout.trampoline, draft.layout.trampoline + PAGE, size),
}
_ROOM_DECK = weights.deal(weights.ROOMS, _ROOMS)


def room(draft: Draft, pages: int) -> Place:
    """Start of `pages` pages for mappings with MAP_FIXED: free, or (after an op that makes it) only reserved."""
    if draft.chance(weights.RESERVED_ROOM):
        draft.op("mmap", 0, (pages + 2) * PAGE, 0, PRIVATE_ANON, NO_FD, 0)
        return draft.plus(draft.last(), PAGE)
    return free_room(draft, pages)


def free_room(draft: Draft, pages: int) -> Place:
    """Start of `pages` pages where nothing is mapped."""
    size = pages * PAGE
    for _ in range(3):  # the common answers are free at the first try
        at = draft.pick(_ROOM_DECK)(draft, size)
        start = draft.forecast.value(at)
        if draft.forecast.is_free(start, start + size):
            return at
    return behind_everything(draft)


def behind_everything(draft: Draft) -> int:
    """A page behind all low areas, with a gap before it: free for as many pages as a process may have."""
    ends = [area.end for area in draft.forecast.areas if area.end < _LOW_END]
    return max(ends, default=_LOW[0] - 2 * PAGE) + 2 * PAGE


# -- one address --


def some_area(draft: Draft) -> Area:
    """One of the program's own areas if there are any, else the stack or the trampoline."""
    return draft.pick(draft.areas() or draft.forecast.areas or [_nowhere(draft)])


def _nowhere(draft: Draft) -> Area:
    start = behind_everything(draft)
    return Area(start, start + PAGE, 0, False, -1)


def _in_area(draft: Draft) -> Place:
    area = some_area(draft)
    page = area.start + draft.below((area.end - area.start) // PAGE) * PAGE
    return draft.forecast.within(area, page if draft.chance(0.7) else page + draft.below(PAGE))


def _at_start(draft: Draft) -> Place:
    area = some_area(draft)
    return draft.forecast.within(area, area.start + draft.pick((0, 0, 0, 1, -1, -2)))


def _at_end(draft: Draft) -> Place:
    area = some_area(draft)
    return draft.forecast.within(area, area.end + draft.pick((0, 0, -1, -2, 1)))


def _last_page(draft: Draft) -> Place:
    area = some_area(draft)
    return draft.forecast.within(area, area.end - PAGE)


def _gap(draft: Draft) -> Place:
    area = some_area(draft)
    return draft.forecast.within(area, area.end + PAGE if draft.chance(0.5) else area.start - PAGE)


def site(draft: Draft) -> Place:
    """Where code was poked, mostly its start; without any, in an area."""
    sites = draft.forecast.sites
    if not sites:
        return _in_area(draft)
    addr, length = draft.pick(sites)
    return draft.forecast.name(addr if draft.chance(0.7) else addr + draft.below(length))


def _result(draft: Draft) -> Place:
    count = len(draft.forecast.results)
    if not count:
        return _in_area(draft)
    return Ref(draft.below(count), draft.pick((0, 0, PAGE, draft.mask)))


def _end_of_space(draft: Draft) -> int:
    layout = draft.layout
    ends = (
        0,
        layout.vm_min,
        layout.vm_min - PAGE,
        layout.vm_max - PAGE,
        layout.vm_max,
        draft.mask,
        draft.mask & ~_IN_PAGE,
        (_TOP_OF_32_BITS - PAGE) & draft.mask,
        _TOP_OF_32_BITS & draft.mask,
    )
    return draft.pick(ends)


def _born_page(draft: Draft) -> int:
    layout = draft.layout
    return draft.pick((layout.trampoline, layout.stack, layout.stack_top - PAGE))


_AIMS: Mapping[str, Callable[[Draft], Place]] = {
    "in an area": _in_area,
    "at its start": _at_start,
    "at its end": _at_end,
    "its last page": _last_page,
    "beside it": _gap,
    "at a site": site,
    "result": _result,
    "ends of space": _end_of_space,
    "born page": _born_page,
}
_AIM_DECK = weights.deal(weights.AIMS, _AIMS)


def aim(draft: Draft) -> Place:
    """An address by weight."""
    return draft.pick(_AIM_DECK)(draft)


def aim_page(draft: Draft) -> Place:
    """The start of a page in, at the end of, or beside an area."""
    area = some_area(draft)
    pages = (area.end - area.start) // PAGE
    return draft.forecast.within(area, area.start + (draft.below(pages + 2) - 1) * PAGE)


# -- a size, a range --


def _pages(draft: Draft) -> int:
    return PAGE * (2 + draft.below(3))


_SIZES: Mapping[str, Callable[[Draft], int]] = {
    "page": lambda _draft: PAGE,
    "pages": _pages,
    "part of a page": lambda draft: 1 + draft.below(PAGE),
    "page and a byte": lambda _draft: PAGE + 1,
    "zero": lambda _draft: 0,
    "end of a page": lambda draft: draft.pick((PAGE - 1, 2 * PAGE - 1)),
    "end of 32 bits": lambda draft: (_TOP_OF_32_BITS + draft.pick((-PAGE, -1, 0, 1))) & draft.mask,
    "many": lambda draft: PAGE * draft.pick((_MANY_PAGES, MAX_PAGES, MAX_PAGES + 1)),
    "huge": lambda draft: draft.pick((draft.layout.vm_max, (draft.mask >> 1) + 1)),
    "wrap": lambda draft: draft.mask + 1 - draft.pick((1, PAGE - 1, PAGE, 2 * PAGE, 0x10000)),
}
_SIZE_DECK = weights.deal(weights.SIZES, _SIZES)


def size(draft: Draft) -> int:
    """A length in bytes by weight, 0 to 2^width - 1."""
    return draft.pick(_SIZE_DECK)(draft)


def _middle(_draft: Draft, start: int, end: int) -> tuple[int, int]:
    return (start + PAGE, end - PAGE) if end - start > 2 * PAGE else (start, end)


def _one_byte(draft: Draft, start: int, end: int) -> tuple[int, int]:
    start += draft.below(end - start)
    return start, start + 1


_SPANS: Mapping[str, Callable[[Draft, int, int], tuple[int, int]]] = {
    "whole": lambda _draft, start, end: (start, end),
    "first page": lambda _draft, start, end: (start, start + PAGE),
    "last page": lambda _draft, start, end: (end - PAGE, end),
    "middle": _middle,
    "one byte": _one_byte,
    "nothing": lambda _draft, start, _end: (start, start),
    "over the end": lambda _draft, start, end: (end - PAGE, end + PAGE),
    "over the start": lambda _draft, start, end: (start - PAGE, start + PAGE),
    "odd size": lambda draft, start, end: (start, start + size(draft)),
}
_SPAN_DECK = weights.deal(weights.SPANS, _SPANS)


def span(draft: Draft) -> tuple[Place, int]:
    """(address, length) of a range in or over an area."""
    area = some_area(draft)
    start, end = draft.pick(_SPAN_DECK)(draft, area.start, area.end)
    return draft.forecast.within(area, start), end - start
