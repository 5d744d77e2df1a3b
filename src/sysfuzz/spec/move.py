"""mremap: shrink, grow in place, or move.

What decides between them is checked in the order of the semantics; a page that moves or is grown keeps every trait,
attributes among them, but its wiring.
"""

from sysfuzz.program.layout import MAX_PAGES
from sysfuzz.program.names import PAGE
from sysfuzz.spec.expect import Expectation
from sysfuzz.spec.pages import ANON, Page, Pages, covered, mapped, round_page, without
from sysfuzz.spec.place import ALIGN_MASK, FIXED, alignment, choose, is_free
from sysfuzz.spec.world import World


def mremap(world: World, old: int, oldlen: int, new: int, newlen: int, flags: int) -> Expectation:
    """mremap(2); an address `new` without FIXED is a hint and never an error."""
    oldsize, newsize = round_page(oldlen, world.mask), round_page(newlen, world.mask)
    error = _argument_error(world, old, oldsize, new, newsize, flags)
    if error:
        return error
    align = alignment(world, flags, new)
    if isinstance(align, str):
        return align

    space = world.space
    fixed = bool(flags & FIXED)
    source = range(old // PAGE, (old + oldsize) // PAGE)
    oldcount, newcount = len(source), newsize // PAGE
    stays = (not fixed or new == old) and old % align == 0
    if stays and newcount <= oldcount:
        tail = source[newcount:]
        if mapped(space.pages, tail):
            space.pages = without(space.pages, tail)
        return old
    if not covered(space.pages, source):
        return "EINVAL"
    if len(space.pages) - oldcount + newcount > MAX_PAGES:
        return "ENOMEM"
    if stays:
        if is_free(world, old + oldsize, newsize - oldsize):
            space.pages = dict(space.pages) | _grown(space.pages[source[-1]], source.stop, newcount - oldcount)
            return old
        if fixed:
            return "ENOMEM"
    if fixed:
        start: Expectation = new if is_free(world, new, newsize) else "ENOMEM"
    else:
        start = choose(world, newsize, align)
    if isinstance(start, int):
        space.pages = _moved(space.pages, source, start // PAGE, newcount)
    return start


def _argument_error(world: World, old: int, oldsize: int, new: int, newsize: int, flags: int) -> str:
    if flags & ~(FIXED | ALIGN_MASK):
        return "EINVAL"
    if old % PAGE or (flags & FIXED and new % PAGE):
        return "EINVAL"
    if oldsize == 0 or newsize == 0:
        return "EINVAL"
    # Unlike a CPU's, this sum does not wrap: what would have wrapped is past vm_max as well.
    if old < world.layout.vm_min or old + oldsize > world.layout.vm_max:
        return "EINVAL"
    return ""


def _moved(pages: Pages, source: range, first: int, count: int) -> Pages:
    """`pages` with those of `source` taken away and `count` pages like them from page `first` on."""
    moved = dict(without(pages, source))
    for i, number in enumerate(source[:count]):
        moved[first + i] = pages[number]._replace(wired=0)
    if count > len(source):
        moved.update(_grown(pages[source[-1]], first + len(source), count - len(source)))
    return moved


def _grown(last: Page, first: int, count: int) -> dict[int, Page]:
    """`count` pages from page `first` on that continue the page `last`."""
    page = last._replace(wired=0)
    if page.backing == ANON:
        return dict.fromkeys(range(first, first + count), page)
    return {first + i: page._replace(backing=page.backing + 1 + i) for i in range(count)}
