"""A board: a machine whose map is a dictionary, in place of a kernel."""

from sysfuzz.kernel.protocol import Access
from sysfuzz.machine.cpu import Machine, Stop
from sysfuzz.machine.memory import GuestMemory
from sysfuzz.program.ir import Mode, Vendor
from sysfuzz.program.layout import LAYOUTS, STACK_HEADROOM, STACK_PAGES
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import Attempt

CODE = 0x10000
DATA = 0x40000
R, W, X = 1, 2, 4


class Board:
    """A machine and a map: linear page -> (physical page, protection)."""

    def __init__(self, mode: Mode, vendor: Vendor) -> None:
        self.mode = mode
        self.layout = LAYOUTS[mode]
        self.memory = GuestMemory()
        self.machine = Machine(mode, vendor, self.memory)
        self.pages: dict[int, tuple[int, int]] = {}
        self.asked: list[tuple[int, Access]] = []
        self.sp = self.layout.stack_top - STACK_HEADROOM

    def clear(self) -> "Board":
        """A new program, with a stack only."""
        self.memory.rewind()
        self.pages = {}
        self.asked = []
        self.machine.begin(self.fill)
        self.machine.set_segments(())
        self.map(self.layout.stack, R | W, pages=STACK_PAGES)
        self.put(self.sp, self.layout.done.to_bytes(self.layout.bits // 8, "little"))
        return self

    def fill(self, page: int, access: Access) -> tuple[int, int] | None:
        self.asked.append((page, access))
        return self.pages.get(page)

    def map(self, addr: int, prot: int, code: bytes = b"", pages: int = 1) -> None:
        """Fresh pages from the page of `addr` on; `code` at `addr`."""
        first = addr & -PAGE
        for index in range(pages):
            self.pages[first + index * PAGE] = (self.memory.allocate(), prot)
        self.put(addr, code)

    def alias(self, addr: int, other: int, prot: int) -> None:
        """The page at `addr` once more, at `other`."""
        self.pages[other] = (self.pages[addr][0], prot)

    def protect(self, addr: int, prot: int) -> None:
        self.pages[addr] = (self.pages[addr][0], prot)

    def put(self, addr: int, data: bytes) -> None:
        for index, byte in enumerate(data):
            paddr, _ = self.pages[addr + index & -PAGE]
            self.memory.write(paddr + (addr + index) % PAGE, bytes((byte,)))

    def get(self, addr: int, count: int) -> bytes:
        return b"".join(self.memory.read(self.pages[at & -PAGE][0] + at % PAGE, 1) for at in range(addr, addr + count))

    def start(self, pc: int = CODE, blocks: int = 200, sp: int | None = None, **regs: int) -> Stop:
        self.machine.start(pc, self.sp if sp is None else sp, regs.items(), blocks)
        return self.machine.go()

    def run(self, code: bytes | str, prot: int = R | X, **regs: int) -> Stop:
        """A new program: `code` alone on a page of `prot`."""
        self.clear()
        self.map(CODE, prot, code if isinstance(code, bytes) else bytes.fromhex(code))
        return self.start(**regs)

    def resume(self) -> Stop:
        """Go on behind the entry or trap as if the kernel had done nothing."""
        self.machine.resume(self.machine.frame())
        return self.machine.go()


def attempt(stop: Stop) -> Attempt:
    """The attempt of a stop that must have one."""
    assert stop.kind == "attempt", stop
    assert stop.attempt is not None
    return stop.attempt
