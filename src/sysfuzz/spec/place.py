"""Where a mapping may go when the caller leaves it open: the one choice that the semantics give to a core.

Any place that is free, in bounds and aligned is right. The place that the core took is adopted if it is one of those;
if not, it is enough to know whether there was any. How a core searches is of no interest here.
"""

from sysfuzz.program.names import MAP, PAGE
from sysfuzz.spec.expect import Anywhere
from sysfuzz.spec.pages import Pages
from sysfuzz.spec.world import World

ALIGN_SHIFT = 24  # MAP_ALIGNED(n) is n << 24
ALIGN_MASK = 0xFF << ALIGN_SHIFT
FIXED = MAP["MAP_FIXED"]
WIDEST = 64  # MAP_ALIGNED(n) with n from here on is no power of two that any address has


def alignment(world: World, flags: int, addr: int) -> int | str:
    """The alignment in bytes that `flags` ask for (PAGE if none), or an errno; `addr` counts if FIXED is set."""
    shift = (flags & ALIGN_MASK) >> ALIGN_SHIFT
    if shift == 0:
        return PAGE
    if shift >= WIDEST or 1 << shift < PAGE:
        return "EINVAL"
    if 1 << shift >= world.layout.vm_max:
        return "ENOMEM"
    if flags & FIXED and addr % (1 << shift):
        return "EINVAL"
    return 1 << shift


def is_free(world: World, start: int, size: int) -> bool:
    """Whether [start, start + size), whole pages, is in bounds and unmapped."""
    if start < world.layout.vm_min or start + size > world.layout.vm_max:
        return False
    pages = world.space.pages
    return not any(number in pages for number in range(start // PAGE, (start + size) // PAGE))


def choose(world: World, size: int, align: int, pageoff: int = 0) -> int | str | Anywhere:
    """Address of a place for `size` > 0 bytes: the core's if it is legal, ENOMEM if there is none, else Anywhere."""
    if isinstance(world.answer, int):
        start = world.answer - pageoff
        if start % align == 0 and is_free(world, start, size):
            return start
    return Anywhere(size, align, pageoff) if _has_room(world, size, align) else "ENOMEM"


def _has_room(world: World, size: int, align: int) -> bool:
    pages = world.space.pages
    start = _round_up(world.layout.vm_min, align)
    while start + size <= world.layout.vm_max:
        highest = _highest(pages, range(start // PAGE, (start + size) // PAGE))
        if highest is None:
            return True
        start = _round_up((highest + 1) * PAGE, align)
    return False


def _highest(pages: Pages, span: range) -> int | None:
    return max((number for number in pages if number in span), default=None)


def _round_up(addr: int, align: int) -> int:
    return -(-addr // align) * align
