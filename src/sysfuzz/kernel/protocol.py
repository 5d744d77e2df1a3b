"""What a core is: the dozen methods through which a target drives the kernel under test.

The built-in core implements this protocol, and so does a core of the user's own. A core knows nothing of the emulator: it is told what
hardware saves at an entry (`Frame`) and answers page by page what is mapped (`fill`). Physical memory is a `memory.Memory`. A core need not
derive from `Core`; one that does has the answers of a kernel with one process and one LWP, no more segments, no SYSENTER and nothing to tell.
"""

from typing import Literal, Protocol

from sysfuzz.program.ir import Mode
from sysfuzz.program.outcome import Reply, Result, View

Access = Literal["read", "write", "exec"]


class Frame:
    """The trap frame: what hardware saved, and the registers. The core changes it to say how the LWP goes on."""

    __slots__ = ("cs", "flags", "gate", "pc", "regs")

    def __init__(self, gate: str, pc: int, cs: int, flags: int, regs: list[int]) -> None:
        self.gate = gate  # "syscall", "int80", "lcall7", "lcall27", "sysenter"; "" for a fault
        self.pc = pc  # next instruction (gates, traps) or this one (faults), relative to CS; 0 for sysenter
        self.cs = cs  # selector
        self.flags = flags
        self.regs = regs  # general registers in register-number order, 16 (amd64) or 8 (i386)


class KernelPanic(Exception):
    """The core gave up on purpose; the argument is the message."""


class Core(Protocol):
    """One booted kernel with process 1, LWP 1. Any exception out of a method but KernelPanic counts as a panic as well."""

    def call(self, pid: int, lwp: int, name: str, args: tuple[int, ...]) -> Result:
        """Do op `name` (a key of program.ir.CALLS but as, poke, peek, run) in process `pid`; a value, or an errno name."""

    def enter(self, pid: int, lwp: int, frame: Frame) -> Reply:
        """A kernel entry through `frame.gate`: block it with SIGILL, or dispatch the call; `frame` says how to go on."""

    def fault(self, pid: int, lwp: int, frame: Frame, vector: int, addr: int | None) -> Reply:
        """An exception: deliver its signal. `addr` is the data or code address of a page fault (CR2), None for other vectors."""

    def fill(self, pid: int, vaddr: int, access: Access) -> tuple[int, int] | None:
        """Physical address and PROT_ bits of the page at `vaddr` (page-aligned), or None: a fault. May allocate or copy a page."""

    def poke(self, pid: int, addr: int, data: bytes) -> Result:
        """Write as a loader would, whatever the protection: 0, or EFAULT and nothing written."""

    def peek(self, pid: int, addr: int, count: int) -> Result:
        """Read whatever the protection: the bytes, or EFAULT."""

    def alive(self, pid: int, lwp: int) -> int:
        """The LWP that `lwp` means (0: the lowest alive) in process `pid`, or 0 if there is none."""
        return int(pid == 1 and lwp in (0, 1))

    def sysenter_enabled(self, pid: int) -> bool:
        """Whether SYSENTER_CS is set while `pid` runs; if not, the instruction raises #GP."""
        return False

    def segments(self, pid: int) -> tuple[tuple[int, int], ...]:
        """(slot, base) of the code segments in the process's local descriptor table."""
        return ()

    def views(self) -> tuple[View, ...]:
        """All live processes by pid, with their maps as the core sees them."""

    def transitions(self) -> tuple[str, ...]:
        """What the maps did since the last time this was asked: static words, in order; () if the core does not say."""
        return ()

    def check(self) -> str:
        """The core's own consistency check: "" or what is wrong."""
        return ""


class Boot(Protocol):
    """Makes a core: what `module:attribute` on the command line names."""

    def __call__(self, mode: Mode, memory: "Memory") -> Core:
        """Boot a kernel for programs of `mode` that keeps its pages in `memory`."""


class Memory(Protocol):
    """Guest-physical memory: what a core may do with it."""

    def allocate(self) -> int:
        """Physical address of a fresh page that holds zeros."""

    def read(self, paddr: int, count: int) -> bytes:
        """Bytes at a physical address (not across the page's end)."""

    def write(self, paddr: int, data: bytes) -> None:
        """Write at a physical address (not across the page's end)."""
