"""What the OpenBSD designs share: how a call cuts the range that it is given to pages.

OpenBSD sys/uvm/uvm_mmap.c, the macro ALIGN_ADDR and the test behind it in sys_msyscall and sys_mimmutable; remembered, not read. The calls of
mmap's family are NetBSD's here and do not come by.
"""

from sysfuzz.kernel.mman import round_page
from sysfuzz.program.layout import Layout
from sysfuzz.program.names import PAGE


def align(layout: Layout, addr: int, length: int) -> tuple[int, int] | None:
    """Start and size of the pages, or None: the range wraps around, or its last page is the last that there is (EINVAL)."""
    offset = addr % PAGE
    start, size = addr - offset, length + offset
    if size > layout.mask:
        return None
    if size:
        size = round_page(size, layout.mask)
        if not size:
            return None
    return None if start > layout.mask - size else (start, size)
