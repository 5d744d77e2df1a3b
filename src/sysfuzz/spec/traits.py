"""Calls that set or ask about what mapped pages are like: mprotect, minherit, madvise, msync, mincore.

None of them maps, unmaps or reaches an attribute. Contents are followed elsewhere, so madvise's FREE and msync are
their checks alone.
"""

from collections.abc import Callable

from sysfuzz.program.names import ADVICE, INHERIT, MSYNC, PAGE
from sysfuzz.spec.expect import Expectation
from sysfuzz.spec.pages import PROT_ALL, WRITE, Page, covered, mapped, rewrite, round_page, touchable
from sysfuzz.spec.world import World

INHERITANCES = frozenset(INHERIT.values()) - {INHERIT["MAP_INHERIT_DONATE_COPY"]}
ADVICE_KEPT = frozenset(ADVICE[name] for name in ("MADV_NORMAL", "MADV_RANDOM", "MADV_SEQUENTIAL"))


def mprotect(world: World, addr: int, length: int, prot: int) -> Expectation:
    """mprotect(2)."""
    span = world.span(addr, length)
    if span is None:
        return "EINVAL"
    prot &= PROT_ALL
    space = world.space
    pages = space.pages
    numbers = mapped(pages, span)
    wire = space.wire_future and prot != 0
    more = 0
    for number in numbers:
        page = pages[number]
        if prot & ~page.maxprot:
            return "EACCES"
        if wire and page.prot == 0 and page.wired == 0:
            more += 1
    if more and world.too_much_wired(more):
        return "ENOMEM"

    def protected(page: Page) -> Page:
        wired = 1 if wire and page.prot == 0 and page.wired == 0 else page.wired
        return Page(prot, page.maxprot, page.inherit, page.advice, wired, page.attributes, page.backing)

    _change(world, numbers, protected)
    return 0


def minherit(world: World, addr: int, length: int, inherit: int) -> Expectation:
    """minherit(2)."""
    span = world.span(addr, length)
    if span is None or inherit not in INHERITANCES:
        return "EINVAL"
    _change(world, mapped(world.space.pages, span), lambda page: page._replace(inherit=inherit))
    return 0


def madvise(world: World, addr: int, length: int, advice: int) -> Expectation:
    """madvise(2)."""
    span = world.span(addr, length)
    if span is None:
        return "EINVAL"
    pages = world.space.pages
    if advice in ADVICE_KEPT:
        _change(world, mapped(pages, span), lambda page: page._replace(advice=advice))
        return 0
    if advice == ADVICE["MADV_WILLNEED"]:
        return 0
    if advice not in (ADVICE["MADV_DONTNEED"], ADVICE["MADV_FREE"]):
        return "EINVAL"
    if span.start not in pages or not covered(pages, span):
        return "EFAULT"
    if advice == ADVICE["MADV_FREE"] and any(pages[number].wired for number in span):
        return "EBUSY"
    return 0


def msync(world: World, addr: int, length: int, flags: int) -> Expectation:
    """msync(2). Size 0 means the mapping at addr: all of it is wired or none, so the page at addr stands for it."""
    both = MSYNC["MS_ASYNC"] | MSYNC["MS_SYNC"]
    if flags == 0 or flags & ~sum(MSYNC.values()) or flags & both == both:
        return "EINVAL"
    span = world.span(addr, length)
    if span is None:
        return "EINVAL"
    pages = world.space.pages
    if not span:
        if span.start not in pages:
            return "EINVAL"
        span = range(span.start, span.start + 1)
    if not covered(pages, span):
        return "EFAULT"
    if flags & MSYNC["MS_INVALIDATE"] and any(pages[number].wired for number in span):
        return "EBUSY"
    return 0


def mincore(world: World, addr: int, length: int, vec: int) -> Expectation:
    """mincore(2)."""
    size = round_page(length, world.mask)
    if addr % PAGE or (addr + size) & world.mask <= addr:
        return "EINVAL"
    span = range(addr // PAGE, (addr + size) // PAGE)
    pages = world.space.pages
    if not touchable(pages, vec, len(span), WRITE):
        return "EFAULT"
    return 0 if covered(pages, span) else "ENOMEM"


def _change(world: World, numbers: list[int], change: Callable[[Page], Page]) -> None:
    if numbers:
        space = world.space
        space.pages = rewrite(space.pages, numbers, change)
