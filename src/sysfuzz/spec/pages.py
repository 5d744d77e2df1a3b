"""The truth about memory: a dictionary from page number to an immutable page.

There are no intervals and no entries, so nothing can be clipped, merged or forgotten: what a call does to a range it
does to each page of it. A dictionary is never changed once made; a call that changes something makes a new one, so
that a snapshot is a reference. This file knows neither processes nor calls.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from sysfuzz.program.layout import FILE_PAGES, LAYOUTS, STACK_PAGES, Layout
from sysfuzz.program.names import ADVICE, INHERIT, PAGE, PROT

READ, WRITE, EXEC = PROT["PROT_READ"], PROT["PROT_WRITE"], PROT["PROT_EXEC"]
PROT_ALL = READ | WRITE | EXEC
ANON = -1  # backing of a page that belongs to no file


class Page(NamedTuple):
    """One page of an address space. All fields but the last are those of `outcome.Region`, in its order."""

    prot: int
    maxprot: int
    inherit: int
    advice: int
    wired: int  # wired count
    attributes: int  # bit mask; bit 0 is no-syscalls
    backing: int = ANON  # which page of its file this is, or ANON


Pages = Mapping[int, Page]  # page number (linear address / PAGE) -> page


def _born(layout: Layout) -> Pages:
    default = (PROT_ALL, INHERIT["MAP_INHERIT_COPY"], ADVICE["MADV_NORMAL"], 0, 0)
    stack = layout.stack // PAGE
    pages = {layout.trampoline // PAGE: Page(READ | EXEC, *default)}
    pages.update(dict.fromkeys(range(stack, stack + STACK_PAGES), Page(READ | WRITE, *default)))
    return pages


# The pages of a process after boot or exec, by mode: the signal trampoline and the stack.
BORN: Mapping[str, Pages] = {mode: _born(layout) for mode, layout in LAYOUTS.items()}


def round_page(length: int, mask: int) -> int:
    """Smallest multiple of PAGE not below `length`, modulo the address width: a length near the top becomes 0."""
    return (length + PAGE - 1) & -PAGE & mask


def mapped(pages: Pages, span: range) -> list[int]:
    """Numbers of the mapped pages within `span`, in no particular order."""
    if len(span) <= len(pages):
        return [number for number in span if number in pages]
    return [number for number in pages if number in span]  # a range may be the whole address space


def covered(pages: Pages, span: range) -> bool:
    """Whether `span` has no hole; stops at the first, so its length does not matter."""
    return all(number in pages for number in span)


def rewrite(pages: Pages, numbers: Iterable[int], change: Callable[[Page], Page]) -> Pages:
    """`pages` with `change` applied to each page of `numbers`, all of which are mapped."""
    changed = dict(pages)
    before = after = None
    for number in numbers:
        page = pages[number]
        if page is not before:  # neighbours mostly share one value: change it once
            before, after = page, change(page)
        assert after is not None
        changed[number] = after
    return changed


def without(pages: Pages, span: range) -> Pages:
    """`pages` with everything in `span` unmapped."""
    return {number: page for number, page in pages.items() if number not in span}


def past_end(page: Page) -> bool:
    """Whether the page lies past the end of its file: touching it is SIGBUS."""
    return page.backing >= FILE_PAGES


def touchable(pages: Pages, addr: int, count: int, prot: int) -> bool:
    """Whether each of `count` bytes from `addr` lies in a page that has every bit of `prot` and memory behind it."""
    for number in range(addr // PAGE, (addr + count - 1) // PAGE + 1):
        page = pages.get(number)
        if page is None or page.prot & prot != prot or past_end(page):
            return False
    return True


def wired_count(pages: Pages) -> int:
    """Number of wired pages, however often each is wired."""
    return sum(1 for page in pages.values() if page.wired)
