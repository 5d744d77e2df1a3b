"""Guest-physical memory: one anonymous arena that the kernel under test and the emulated CPU both work on.

Pages are handed out in order and none twice in a generation, because translated code is cached by physical page: within a generation a page
number means one page for ever. When a program starts and the rest of the arena might not be enough for it, the next generation begins, and
the CPU must drop every translation once; spread over the programs of a generation that costs nothing. Knows no virtual address and no emulator.
"""

import ctypes
import mmap

from sysfuzz.program.names import PAGE

ARENA = 16 << 20
# Pages of one program: 8 processes at RLIMIT_AS (256 pages each). A fixed number, not what happens to be left, so that a program that
# needs more fails in the same way wherever it starts.
PROGRAM_PAGES = 2048

_ZEROS = bytes(PAGE)


class ArenaExhausted(Exception):
    """One program wanted more than PROGRAM_PAGES pages."""


class GuestMemory:
    """Implements kernel.protocol.Memory; see there for the contract of allocate, read and write."""

    def __init__(self, size: int = ARENA, reserved: int = 1) -> None:
        """An arena of `size` bytes whose first `reserved` pages are never handed out."""
        if size % PAGE or size // PAGE < reserved + PROGRAM_PAGES:
            raise ValueError(f"an arena is whole pages, at least {reserved + PROGRAM_PAGES} of them")
        self.size = size
        self.buffer = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.host = ctypes.addressof(ctypes.c_char.from_buffer(self.buffer))  # where the arena lies in this process
        self.generation = 0
        self.fetched: set[int] = set()  # pages that the CPU may have translated, in this generation
        self.stale: list[
            tuple[int, int]
        ] = []  # (physical address, size) of writes to such pages, for the CPU to take note of
        self._first = reserved * PAGE
        self._next = self._first
        self._end = self._first + PROGRAM_PAGES * PAGE

    def rewind(self) -> None:
        """A program starts: it may allocate PROGRAM_PAGES pages. May begin a new generation."""
        self._end = self._next + PROGRAM_PAGES * PAGE
        if self._end > self.size:
            self.generation += 1
            self.fetched.clear()
            self.stale.clear()
            self._next = self._first
            self._end = self._first + PROGRAM_PAGES * PAGE

    def allocate(self) -> int:
        """Physical address of a fresh page that holds zeros. Raises ArenaExhausted."""
        paddr = self._next
        if paddr == self._end:
            raise ArenaExhausted(f"a program may use {PROGRAM_PAGES} pages of physical memory")
        self._next = paddr + PAGE
        if self.generation:
            self.buffer[paddr : paddr + PAGE] = _ZEROS
        return paddr

    def read(self, paddr: int, count: int) -> bytes:
        """Bytes at a physical address (not across the page's end)."""
        return self.buffer[paddr : paddr + count]

    def write(self, paddr: int, data: bytes) -> None:
        """Write at a physical address (not across the page's end). Raises ValueError: the next page is another mapping's."""
        if paddr % PAGE + len(data) > PAGE:
            raise ValueError(f"{len(data)} bytes at {paddr:#x} cross the end of the page")
        self.buffer[paddr : paddr + len(data)] = data
        if paddr & -PAGE in self.fetched:
            self.stale.append((paddr, len(data)))
