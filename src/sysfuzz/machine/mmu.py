"""The MMU: answers the CPU's TLB misses with what the kernel under test says, and remembers the answers until the next flush.

The kernel's map is the only map. Here its answers are checked against the access, turned into what the emulator wants, and kept so that code
and stack can be looked at without asking twice. A refusal is remembered, not judged: what fault it is, is for others to say.
"""

import ctypes
from collections.abc import Callable

from sysfuzz.kernel.protocol import Access
from sysfuzz.machine.emulator import FETCH, READ, WRITE
from sysfuzz.machine.library import TlbEntry
from sysfuzz.machine.memory import GuestMemory
from sysfuzz.program.ir import Mode
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE, PROT
from sysfuzz.x86 import decode
from sysfuzz.x86.entries import MAX_INSTRUCTION

# The kernel's answer to a TLB miss at a page-aligned linear address: physical page and PROT_ bits, or None.
Fill = Callable[[int, Access], tuple[int, int] | None]

_ACCESS: dict[int, tuple[Access, int]] = {
    READ: ("read", PROT["PROT_READ"]),
    WRITE: ("write", PROT["PROT_WRITE"]),
    FETCH: ("exec", PROT["PROT_EXEC"]),
}
_READ, _WRITE, _EXEC = PROT["PROT_READ"], PROT["PROT_WRITE"], PROT["PROT_EXEC"]
_ALL = _READ | _WRITE | _EXEC

_MANY_ZEROS = bytes(24)  # more than operands have in a row
_SLED = 64  # bytes of zeros that are executed at a time

_MASK32 = 0xFFFF_FFFF
# 64-bit addresses have 48 bits, sign-extended (AMD64 APM vol. 1, 2.1.1); those between these two are not canonical.
_CANONICAL_LOW = 0x0000_8000_0000_0000
_CANONICAL_HIGH = 0xFFFF_8000_0000_0000

# Linear addresses at which the whole of physical memory can be opened for the machine itself: above the user's, below the system page.
_WINDOW: dict[Mode, int] = {"amd64": _CANONICAL_HIGH, "i386": 0xC000_0000}


def canonical(linear: int) -> bool:
    """Whether the CPU takes `linear` for an address at all; in 32 bits all are."""
    return not _CANONICAL_LOW <= linear < _CANONICAL_HIGH


def _nothing(_page: int, _access: Access) -> None:
    return None


class Mmu:
    """Answers for one CPU. `system` maps linear pages to the physical page that holds the CPU's tables."""

    def __init__(self, mode: Mode, memory: GuestMemory, system: int, system_paddr: int) -> None:
        self.window = _WINDOW[mode]
        self.fill: Fill = _nothing
        # Answers since the last flush: linear page -> physical page, PROT_ bits.
        self.pages: dict[int, tuple[int, int]] = {}
        self.refused = (0, 0)  # page and access (emulator's number) of the last refusal
        self.moved = False  # refused because an executable page is another page now: to be tried again after a flush
        self.error: BaseException | None = None  # what was raised in the hook, by the kernel mostly
        self.closed = False  # everything is refused
        self.crossing: frozenset[int] = (
            frozenset()
        )  # where the system page is while the machine executes there; else empty
        self.window_open = False
        self._memory = memory
        self._fetched = memory.fetched
        self._system = system
        self._system_paddr = system_paddr
        self._done = LAYOUTS[mode].done & -PAGE
        self._truncate = mode == "i386"  # Unicorn reports base + offset without the carry taken off

    def forget(self) -> None:
        """All answers are void."""
        self.pages.clear()
        self.moved = False

    def on_miss(self, _uc: int, vaddr: int, access: int, entry: "ctypes._Pointer[TlbEntry]", _data: None) -> bool:
        """The TLB hook. An exception is kept, since none may pass through the emulator."""
        try:
            if self._truncate:
                vaddr &= _MASK32
            answer = None if self.closed else self._answer(vaddr, *_ACCESS[access])
            if answer is None:
                self.refused = vaddr, access
                return False
            filled = entry.contents
            filled.paddr, filled.perms = answer
            return True
        except BaseException as error:
            self.error = error
            return False

    def _answer(self, page: int, access: Access, needed: int) -> tuple[int, int] | None:
        """The answer for a page, if it allows the access."""
        answer = self.pages.get(page)
        if answer is None or not answer[1] & needed:
            answer = self._ask(page, access)
            if answer is None or not answer[1] & needed:
                return None
        return answer

    def _ask(self, page: int, access: Access) -> tuple[int, int] | None:
        """The answer for a page. The kernel has no say about DONE, the CPU's own page, and addresses that are none."""
        if page >= self._system or self.crossing or self.window_open:
            return self._own(page)
        if page == self._done or not canonical(page):
            return None
        answer = self.fill(page, access)
        if answer is None:
            return None
        paddr, prot = answer
        known = self.pages.get(page)
        if known is not None and known[0] != paddr and known[1] & _EXEC:
            # Copy on write under running code: translations made from the old page would go on being used until a flush.
            self.moved = True
            return None
        if prot & _EXEC:
            self._fetched.add(paddr)
        self.pages[page] = answer
        return answer

    def _own(self, page: int) -> tuple[int, int] | None:
        """The pages that the machine maps for itself."""
        if page in self.crossing:
            return self._system_paddr, _ALL
        if page == self._system:
            return self._system_paddr, _READ
        if self.window_open and self.window <= page < self.window + self._memory.size:
            return page - self.window, _READ | _EXEC
        return None

    def zeros_at(self, linear: int) -> bool:
        """Whether code at `linear` begins with two zeros, in one page that can be executed; the kernel may be asked."""
        page = linear & -PAGE
        answer = self._answer(page, "exec", _EXEC)
        return answer is not None and self._memory.read(answer[0] + linear - page, 2) == b"\0\0"

    def zeros_behind(self, linear: int, bits: int) -> int:
        """If code at `linear` runs into zeros on its page: the first of two addresses among them, one of which begins an instruction. Else 0.

        It is a guess, for those who would rather not go there unprepared. Always on the same page: for an address to stop at the emulator asks
        for its page, when the run is over, and a refusal of that would be taken for the run's.
        """
        page = linear & -PAGE
        answer = self._answer(page, "exec", _EXEC)
        if answer is None:
            return 0
        here, end = answer[0] + linear - page, answer[0] + PAGE
        zeros = self._memory.buffer.find(_MANY_ZEROS, here, end)
        if zeros < 0:
            return 0
        if zeros == here:
            stop = zeros + _SLED
        elif decode.runs_off(self._memory.buffer[here:zeros], bits):
            stop = zeros + MAX_INSTRUCTION
        else:
            return 0
        return stop - here + linear if stop < end - 1 else 0

    def allows_change(self, linear: int) -> bool:
        """Whether the byte at `linear` can be read and written; the kernel may be asked."""
        answer = self._answer(linear & -PAGE, "write", _WRITE)
        return answer is not None and bool(answer[1] & _READ)

    def code(self, linear: int, count: int, mask: int) -> bytes:
        """Up to `count` bytes of code from `linear` on, cut at the first page that is not known to be executable."""
        return self._bytes(linear, count, mask, _EXEC, "exec", ask=False)

    def data(self, linear: int, count: int, mask: int) -> bytes:
        """Up to `count` bytes from `linear` on, cut at the first page that cannot be read; the kernel may be asked."""
        return self._bytes(linear, count, mask, _READ, "read", ask=True)

    def _bytes(self, linear: int, count: int, mask: int, needed: int, access: Access, *, ask: bool) -> bytes:
        parts = b""
        while True:
            page = linear & -PAGE
            if page >= self._system:
                return parts  # the CPU's own page is no memory of the program's
            answer = self._answer(page, access, needed) if ask else self.pages.get(page)
            if answer is None or not answer[1] & needed:
                return parts
            offset = linear - page
            size = PAGE - offset
            if count <= size:
                return parts + self._memory.read(answer[0] + offset, count)
            parts += self._memory.read(answer[0] + offset, size)
            count -= size
            linear = linear + size & mask
