"""Calls that wire pages: mlock, munlock, mlockall, munlockall.

Locks nest (a count for each page) and one munlock undoes all. Where else pages become wired, by mmap and mprotect, is
said there.
"""

from sysfuzz.program.names import MLOCKALL
from sysfuzz.spec.expect import Expectation
from sysfuzz.spec.pages import Page, covered, rewrite
from sysfuzz.spec.world import World

CURRENT, FUTURE = MLOCKALL["MCL_CURRENT"], MLOCKALL["MCL_FUTURE"]


def mlock(world: World, addr: int, length: int) -> Expectation:
    """mlock(2). Pages that are wired already count again against the limits."""
    span = world.span(addr, length)
    if span is None:
        return "EINVAL"
    if world.too_much_wired(len(span)):
        return "EAGAIN"
    pages = world.space.pages
    if span.start not in pages:
        return "ENOMEM"
    if not covered(pages, span) or any(pages[number].prot == 0 for number in span):
        return "EINVAL"
    if span:
        world.space.pages = rewrite(pages, span, _once_more)
    return 0


def munlock(world: World, addr: int, length: int) -> Expectation:
    """munlock(2)."""
    span = world.span(addr, length)
    if span is None:
        return "EINVAL"
    pages = world.space.pages
    if span.start not in pages:
        return "ENOMEM"
    if not covered(pages, span) or any(pages[number].wired == 0 for number in span):
        return "EINVAL"
    if span:
        world.space.pages = rewrite(pages, span, _unwired)
    return 0


def mlockall(world: World, flags: int) -> Expectation:
    """mlockall(2)."""
    if flags == 0 or flags & ~(CURRENT | FUTURE):
        return "EINVAL"
    space = world.space
    if flags & CURRENT:
        usable = [number for number, page in space.pages.items() if page.prot]
        if world.too_much_wired(sum(1 for number in usable if space.pages[number].wired == 0)):
            return "ENOMEM"
        space.pages = rewrite(space.pages, usable, _once_more)
    if flags & FUTURE:
        space.wire_future = True
    return 0


def munlockall(world: World) -> Expectation:
    """munlockall(2)."""
    space = world.space
    space.wire_future = False
    wired = [number for number, page in space.pages.items() if page.wired]
    if wired:
        space.pages = rewrite(space.pages, wired, _unwired)
    return 0


def _once_more(page: Page) -> Page:
    return page._replace(wired=page.wired + 1)


def _unwired(page: Page) -> Page:
    return page._replace(wired=0)
