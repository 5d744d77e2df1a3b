"""mmap and munmap: how pages come and go.

The rows of mmap's list are checked in its order, each in the function named for it; nothing changes before the last
one has passed. Where an open address ends up is `place.py`'s business.
"""

from sysfuzz.program.layout import MAX_PAGES
from sysfuzz.program.names import ADVICE, INHERIT, MAP, PAGE
from sysfuzz.program.outcome import NOSYSCALLS, STACK
from sysfuzz.spec.expect import Anywhere, Expectation
from sysfuzz.spec.pages import EXEC, PROT_ALL, WRITE, Page, mapped, round_page, without
from sysfuzz.spec.place import ALIGN_MASK, FIXED, alignment, choose
from sysfuzz.spec.world import World

SHARED, PRIVATE, COPY = MAP["MAP_SHARED"], MAP["MAP_PRIVATE"], MAP["MAP_COPY"]
ANONYMOUS, WIRED = MAP["MAP_ANON"], MAP["MAP_WIRED"]
INHERIT_SHARE, INHERIT_COPY = INHERIT["MAP_INHERIT_SHARE"], INHERIT["MAP_INHERIT_COPY"]
NORMAL = ADVICE["MADV_NORMAL"]
KNOWN = sum(MAP.values()) | ALIGN_MASK  # the values are single bits
ATTRIBUTE = MAP["MAP_NOSYSCALLS"]
MAP_STACK = MAP["MAP_STACK"]
UNSUPPORTED_WITH_ATTRIBUTE = MAP["MAP_INHERIT"] | MAP["MAP_RENAME"]

TERMINALS = (0, 1, 2)
FILE, READONLY_FILE, NOEXEC_FILE, PIPE = 3, 4, 5, 6
OFFSET_LIMIT = 1 << 63  # first value that is no offset, off_t being a signed 64-bit number


def mmap(world: World, addr: int, length: int, prot: int, flags: int, fd: int, offset: int) -> Expectation:
    """mmap(2); `fd` is -1 or not negative, `offset` the 64 bits as passed."""
    prot &= PROT_ALL
    promise = world.promise
    attributes = 0
    if flags & ~(KNOWN if promise.has_attribute else KNOWN & ~ATTRIBUTE):
        if not promise.ignores_flags:
            return "EINVAL"
    elif flags & ATTRIBUTE:
        if flags & UNSUPPORTED_WITH_ATTRIBUTE:
            return "EOPNOTSUPP"
        attributes = NOSYSCALLS
    if promise.has_stacks and flags & MAP_STACK:
        attributes |= STACK
    if flags & SHARED and flags & (PRIVATE | COPY):
        return "EINVAL"
    pageoff = offset % PAGE
    offset -= pageoff
    size = round_page(length + pageoff, world.mask)
    if flags & FIXED:
        addr -= pageoff
        error = _fixed_error(world, addr, size)
        if error:
            return error
    if flags & ANONYMOUS:
        if fd != -1:
            return "EINVAL"
        maxprot = PROT_ALL
    else:
        error = _file_error(fd, prot, flags, offset, size)
        if error:
            return error
        maxprot = _file_maxprot(fd, flags)
    if size == 0:
        return _nothing(world, addr, flags, pageoff)
    align = alignment(world, flags, addr)
    if isinstance(align, str):
        return align

    space = world.space
    count = size // PAGE
    replaced = mapped(space.pages, range(addr // PAGE, addr // PAGE + count)) if flags & FIXED else []
    if len(space.pages) - len(replaced) + count > MAX_PAGES:
        return "ENOMEM"
    wire = prot != 0 and (flags & WIRED != 0 or space.wire_future)
    if wire and world.too_much_wired(count - sum(1 for number in replaced if space.pages[number].wired)):
        return "ENOMEM"
    start = addr if flags & FIXED else choose(world, size, align, pageoff)
    if not isinstance(start, int):
        return start

    page = Page(prot, maxprot, INHERIT_SHARE if flags & SHARED else INHERIT_COPY, NORMAL, int(wire), attributes)
    first = start // PAGE
    pages = dict(space.pages)
    if flags & ANONYMOUS:
        pages.update(dict.fromkeys(range(first, first + count), page))
    else:
        pages.update((first + i, page._replace(backing=offset // PAGE + i)) for i in range(count))
    space.pages = pages
    if attributes & NOSYSCALLS:
        world.mark()
    return start + pageoff


def _fixed_error(world: World, addr: int, size: int) -> str:
    """Row 4: why [addr, addr + size) cannot be asked for, or ""; `addr` may be negative by the page offset."""
    end = (addr + size) & world.mask
    if addr % PAGE or addr < world.layout.vm_min:
        return "EINVAL"
    if end > world.layout.vm_max:
        return "EFBIG"
    return "EOVERFLOW" if end < addr else ""


def _file_error(fd: int, prot: int, flags: int, offset: int, size: int) -> str:
    """Row 5: why the descriptor cannot be mapped so, or ""; `offset` is page-aligned."""
    if fd in TERMINALS or fd == PIPE:
        return "ENODEV"
    if fd not in (FILE, READONLY_FILE, NOEXEC_FILE):
        return "EBADF"
    if offset >= OFFSET_LIMIT:
        return "EINVAL"
    if offset + size >= OFFSET_LIMIT:
        return "EOVERFLOW"
    return "EACCES" if prot & ~_file_maxprot(fd, flags) else ""


def _file_maxprot(fd: int, flags: int) -> int:
    if fd == NOEXEC_FILE:
        return PROT_ALL & ~EXEC
    if fd == READONLY_FILE and flags & SHARED:
        return PROT_ALL & ~WRITE
    return PROT_ALL


def _nothing(world: World, addr: int, flags: int, pageoff: int) -> Expectation:
    """Row 6: a mapping of no size succeeds and maps nothing; without FIXED any page-aligned address is right."""
    if flags & FIXED:
        return addr + pageoff
    answer = world.answer
    if isinstance(answer, int) and 0 <= answer <= world.mask and answer % PAGE == pageoff:
        return answer
    return Anywhere(0, PAGE, pageoff)


def munmap(world: World, addr: int, length: int) -> Expectation:
    """munmap(2)."""
    if round_page(length + addr % PAGE, world.mask) == 0:
        return 0
    span = world.span(addr, length)
    if span is None:
        return "EINVAL"
    space = world.space
    if mapped(space.pages, span):
        space.pages = without(space.pages, span)
    return 0
