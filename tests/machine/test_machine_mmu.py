"""The MMU on its own: questions, answers and what is remembered of them."""

import ctypes

import pytest

from sysfuzz.kernel.protocol import Access
from sysfuzz.machine.emulator import FETCH, READ, WRITE
from sysfuzz.machine.library import TlbEntry
from sysfuzz.machine.memory import GuestMemory
from sysfuzz.machine.mmu import Mmu, canonical
from sysfuzz.program.ir import Mode

PAGE = 4096
SYSTEM: dict[Mode, int] = {"amd64": 2**64 - PAGE, "i386": 2**32 - PAGE}
R, W, X = 1, 2, 4


class Kernel:
    """Answers from a dictionary, and remembers the questions."""

    def __init__(self, mode: Mode = "amd64") -> None:
        self.memory = GuestMemory()
        self.mmu = Mmu(mode, self.memory, SYSTEM[mode], 0)
        self.mmu.fill = self.fill
        self.pages: dict[int, tuple[int, int]] = {}
        self.asked: list[tuple[int, Access]] = []

    def fill(self, page: int, access: Access) -> tuple[int, int] | None:
        self.asked.append((page, access))
        return self.pages.get(page)

    def map(self, page: int, prot: int, data: bytes = b"") -> int:
        paddr = self.memory.allocate()
        self.memory.write(paddr, data)
        self.pages[page] = (paddr, prot)
        return paddr

    def miss(self, vaddr: int, access: int) -> tuple[int, int] | None:
        """What the emulator is told."""
        entry = TlbEntry()
        allowed = self.mmu.on_miss(0, vaddr, access, ctypes.pointer(entry), 0)
        return (entry.paddr, entry.perms) if allowed else None


@pytest.mark.parametrize("prot", range(8))
def test_an_answer_counts_for_the_accesses_that_it_allows(prot: int) -> None:
    """Read, write and fetch each need their own bit: what a page table could not express is expressed."""
    for access, bit in ((READ, R), (WRITE, W), (FETCH, X)):
        kernel = Kernel()
        paddr = kernel.map(0x1000, prot)
        expected = (paddr, prot) if prot & bit else None
        assert kernel.miss(0x1000, access) == expected
        if expected is None:
            assert kernel.mmu.refused == (0x1000, access)


def test_answers_are_remembered_until_forgotten() -> None:
    """One question for all accesses that its answer allows; another for one that it does not."""
    kernel = Kernel()
    kernel.map(0x1000, R | X)
    for _ in range(2):
        for access in (READ, FETCH, READ, WRITE):
            kernel.miss(0x1000, access)
        assert kernel.asked == [(0x1000, "read"), (0x1000, "write")]
        kernel.asked.clear()
        kernel.mmu.forget()


def test_pages_that_may_be_executed_are_noted() -> None:
    """Whatever the access was: the emulator will not ask again for a fetch."""
    kernel = Kernel()
    code, data = kernel.map(0x1000, R | X), kernel.map(0x2000, R | W)
    kernel.miss(0x1000, READ)
    kernel.miss(0x2000, READ)
    assert kernel.memory.fetched == {code}
    assert data not in kernel.memory.fetched


def test_an_executable_page_that_moves_is_refused_once() -> None:
    """Until the flush the access is refused; a page of data may move at any time."""
    kernel = Kernel()
    kernel.map(0x1000, R | X)
    kernel.miss(0x1000, FETCH)
    copy = kernel.map(0x1000, R | W | X)
    assert kernel.miss(0x1000, WRITE) is None
    assert kernel.mmu.moved
    kernel.mmu.forget()
    assert kernel.miss(0x1000, WRITE) == (copy, R | W | X)
    assert not kernel.mmu.moved
    kernel.map(0x2000, R)
    kernel.miss(0x2000, READ)
    other = kernel.map(0x2000, R | W)
    assert kernel.miss(0x2000, WRITE) == (other, R | W)


def test_what_the_kernel_is_not_asked() -> None:
    """Addresses that are none, the page of DONE, the CPU's own page; other addresses of the kernel's half it is."""
    kernel = Kernel()
    for page in (0x8000_0000_0000, 0xFFFF_7FFF_FFFF_F000, 0x7F80_0000_0000, SYSTEM["amd64"]):
        kernel.map(page, R | W | X)
        assert kernel.miss(page, FETCH) is None
    assert kernel.asked == []
    assert kernel.miss(SYSTEM["amd64"], READ) == (0, R)
    kernel.miss(0xFFFF_8000_0000_0000, READ)
    assert kernel.asked == [(0xFFFF_8000_0000_0000, "read")]


def test_an_exception_is_kept() -> None:
    """The access is refused, and the exception waits to be raised outside."""
    kernel = Kernel()
    error = RuntimeError("panic")

    def fill(page: int, access: Access) -> tuple[int, int] | None:
        raise error

    kernel.mmu.fill = fill
    assert kernel.miss(0x1000, READ) is None
    assert kernel.mmu.error is error


def test_a_closed_mmu_refuses_everything() -> None:
    """Nothing is asked and nothing given."""
    kernel = Kernel()
    kernel.map(0x1000, R)
    kernel.mmu.closed = True
    assert kernel.miss(0x1000, READ) is None
    assert kernel.asked == []


def test_looking_at_code_asks_nothing() -> None:
    """Code is read where it is known to be executable, over page ends, and cut where it is not."""
    kernel = Kernel()
    for number in range(4):
        kernel.map(0x1000 * (number + 1), R | X if number != 2 else R, bytes((number,)) * PAGE)
    assert kernel.mmu.code(0x1FFE, 4, 2**64 - 1) == b""
    kernel.miss(0x1000, FETCH)
    assert kernel.mmu.code(0x1FFE, 4, 2**64 - 1) == b"\0\0"
    kernel.miss(0x2000, FETCH)
    kernel.miss(0x3000, READ)
    kernel.asked.clear()
    assert kernel.mmu.code(0x1FFE, 4, 2**64 - 1) == b"\0\0\1\1"
    assert kernel.mmu.code(0x1FFE, 2 * PAGE, 2**64 - 1) == b"\0\0" + b"\1" * PAGE
    assert kernel.asked == []


def test_looking_at_data_asks() -> None:
    """Data is read as an access of the program would be, so never from the CPU's own page at the end of the address space."""
    kernel = Kernel("i386")
    kernel.map(0x1000, W, b"no")
    kernel.map(0x2000, R, b"yes")
    assert kernel.mmu.data(0x1000, 2, 2**32 - 1) == b""
    assert kernel.mmu.data(0x2000, 3, 2**32 - 1) == b"yes"
    assert kernel.mmu.data(0x2FFF, 3, 2**32 - 1) == b"\0"
    assert kernel.asked == [(0x1000, "read"), (0x2000, "read"), (0x3000, "read")]
    kernel.map(0, R, b"low")
    assert kernel.mmu.data(2**32 - 1, 4, 2**32 - 1) == b""


def test_carries_are_taken_off_in_32_bits() -> None:
    """The emulator reports base + offset beyond 4 GiB; the kernel hears of the linear address."""
    kernel = Kernel("i386")
    paddr = kernel.map(0x5000, R | X)
    assert kernel.miss(0x1_0000_5000, FETCH) == (paddr, R | X)
    assert kernel.asked == [(0x5000, "exec")]


@pytest.mark.parametrize(
    ("linear", "expected"),
    [
        (0, True),
        (0x7FFF_FFFF_FFFF, True),
        (0x8000_0000_0000, False),
        (0xFFFF_7FFF_FFFF_FFFF, False),
        (0xFFFF_8000_0000_0000, True),
        (2**64 - 1, True),
    ],
)
def test_canonical(linear: int, expected: bool) -> None:
    """48 bits, sign-extended (AMD64 APM vol. 1, 2.1.1)."""
    assert canonical(linear) is expected
