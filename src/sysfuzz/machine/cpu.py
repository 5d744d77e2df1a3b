"""The machine: an emulated x86 CPU at ring 3 that runs until the kernel is needed, says why, and goes on as the kernel says.

One is made for each mode and vendor and serves hundreds of thousands of programs: a run starts from a saved state, and a flush of the TLB is
the whole cost of a new map. How code is executed is the business of `execute`, what a stop means that of `examine`; what the kernel answers is
decided above.

Where it differs from hardware, as far as is known:

* INS writes zeros to its destination before its #GP is seen.
* An IRET that asks for virtual-8086 mode is #GP where it led to; hardware would ignore VM. The vector registers are lost.
* LOCK is accepted before instructions that do not take it; before kernel entries it is not.
* A far return or IRET to an address that is not canonical faults there and not at itself. To 32-bit code above 4 GiB, which is #GP, it is a
  page fault there, or goes on there if a page is mapped.
* SSE errors are never raised, a reserved bit in MXCSR is no fault.
* RDTSC is #GP and RDRAND #UD: nothing may tell one run from the next.
* 32-bit IDIV of -2^63 by -1 kills this process (SIGFPE), where hardware raises #DE: the emulator divides on the host.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sysfuzz.kernel.protocol import Frame
from sysfuzz.machine import descriptors, emulator, execute
from sysfuzz.machine.emulator import Emulator, MachineError
from sysfuzz.machine.examine import CpuState, Examiner
from sysfuzz.machine.execute import Executor
from sysfuzz.machine.memory import GuestMemory
from sysfuzz.machine.mmu import Fill, Mmu
from sysfuzz.program.ir import Mode, Vendor
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import RAX, REGISTERS, RSP
from sysfuzz.program.outcome import Attempt

_CR0_SET = 0x33  # PE; MP, ET and NE: x87 errors are exceptions and not interrupts
_CR4 = 0x604  # OSFXSR and OSXMMEXCPT: SSE as NetBSD sets it up; TSD: RDTSC is #GP
_EFER = 0xC000_0080
_SCE, _LONG_MODE = 0x1, 0x500
_FPU_CONTROL, _FPU_TAGS, _SSE_CONTROL = 0x37F, 0xFFFF, 0x1F80  # as NetBSD starts a process: all masked, registers empty


class BadSelector(ValueError):
    """A frame to resume names a code segment that is none of user mode's: the kernel's own return would fault."""


class Stop(NamedTuple):
    """Why a run stopped: "attempt" (the kernel is needed), "done" (it returned), "limit" (its block budget is used up)."""

    kind: str
    attempt: Attempt | None = None


_DONE, _LIMIT = Stop("done"), Stop("limit")


class Machine:
    """One CPU. Order of calls: begin, then for each run start, go, and after each attempt frame, resume, go."""

    def __init__(self, mode: Mode, vendor: Vendor, memory: GuestMemory) -> None:
        """`memory` serves this machine alone and reserves page 0 for it."""
        self.memory = memory
        self._system = descriptors.SystemPage(mode, memory.buffer, 0)
        self._mmu = Mmu(mode, memory, self._system.linear, 0)
        self._emulator = Emulator(mode, vendor, memory.host, memory.size)
        self._executor = Executor(mode, self._emulator, self._mmu, self._system)
        self._examiner = Examiner(mode, vendor, self._mmu, self._executor.base_of)
        self._done = LAYOUTS[mode].done
        self._zeros = [0] * len(REGISTERS[mode])
        self._numbers = {name: number for number, name in enumerate(REGISTERS[mode])}
        self._generation = memory.generation
        self._pc: int | None = None  # where `go` goes on; None: nowhere
        self._attempt: Attempt | None = None
        self._boot(mode, vendor)

    def _boot(self, mode: Mode, vendor: Vendor) -> None:
        """Bring the CPU from reset to user mode."""
        cpu, system = self._emulator, self._system
        cpu.set_register("gdtr", (0, system.gdt, descriptors.GDT_LIMIT, 0))
        cpu.set_register("ldtr", (descriptors.LDT_SELECTOR, system.ldt, descriptors.LDT_LIMIT, descriptors.LDT_FLAGS))
        # Without a task state, a far call through a call gate would end this process.
        cpu.set_register("tr", (descriptors.TSS_SELECTOR, system.tss, descriptors.TSS_LIMIT, descriptors.TSS_FLAGS))
        cpu.set_register("cr0", _CR0_SET)
        cpu.set_register("cr4", _CR4)
        # SYSRET at ring 3 is #GP where it exists, and #UD on Intel outside long mode.
        if mode == "amd64":
            cpu.set_register("msr", (_EFER, _SCE | _LONG_MODE))
        elif vendor == "amd":
            cpu.set_register("msr", (_EFER, _SCE))
        cpu.set_register("fpcw", _FPU_CONTROL)
        cpu.set_register("fptag", _FPU_TAGS)
        cpu.set_register("mxcsr", _SSE_CONTROL)
        self._executor.enter_user_mode()

    # -- programs and maps --------------------------------------------------------------------------------------------

    def begin(self, fill: Fill) -> None:
        """A new program starts, whose pages `fill` tells; the memory has been rewound for it."""
        if self.memory.generation != self._generation:
            self._generation = self.memory.generation
            self._emulator.flush_translations()
        self._mmu.fill = fill
        self._pc = self._attempt = None
        self.flush()

    def flush(self) -> None:
        """The map or the process has changed: ask for every page again. `start` and `resume` do it by themselves."""
        if self._mmu.pages:
            self._mmu.forget()
            self._emulator.flush_tlb()

    def set_segments(self, segments: Sequence[tuple[int, int]]) -> None:
        """The local table holds exactly these code segments, (slot, base): 32-bit, 4 GiB, for user mode."""
        self._system.set_segments(segments)

    # -- runs ---------------------------------------------------------------------------------------------------------

    def start(self, pc: int, sp: int, regs: Iterable[tuple[str, int]], blocks: int) -> None:
        """Set up a run from offset `pc` of the default code segment.

        All of the CPU is as in a new process but for SP and `regs` (name, value). The run may enter `blocks` basic blocks; every iteration
        of a repeated string instruction is one.
        """
        self.flush()
        values = self._zeros.copy()
        values[RSP] = sp
        for name, value in regs:
            values[self._numbers[name]] = value
        self._executor.reset(values)
        self._executor.left = blocks
        self._pc = pc
        self._attempt = None

    def go(self) -> Stop:
        """Run until the next stop. Raises what the kernel raised while it was asked for a page."""
        pc, self._pc = self._pc, None
        if pc is None:
            raise MachineError("nothing to run: start or resume comes first")
        executor = self._executor
        if self.memory.stale:
            executor.forget(self.memory.stale)
            self.memory.stale.clear()
        zeros = executor.stuck_in_zeros(pc)
        if zeros is not None:
            attempt: Attempt | None = self._examiner.data_refused(zeros, zeros.regs[RAX] & zeros.mask)
        else:
            error = executor.run(pc)
            if executor.event == execute.LIMIT:
                return _LIMIT
            attempt = self._examine(executor.look(), error)
        if attempt is None:
            return _DONE
        self._attempt = attempt
        return Stop("attempt", attempt)

    def _examine(self, cpu: CpuState, error: int) -> Attempt | None:
        """What the last run came to; None if it returned to DONE."""
        executor, examiner = self._executor, self._examiner
        event = executor.event
        if event == execute.SYSTEM_CALL:
            return examiner.system_call(cpu, executor.entry)
        if event == execute.INTERRUPT:
            return examiner.interrupt(cpu, executor.vector, executor.block(cpu.mask))
        if event == execute.PRIVILEGED:
            return examiner.privileged(cpu)
        if error == emulator.INVALID:
            return examiner.invalid(cpu)
        if error == emulator.REFUSED:
            page, access = self._mmu.refused
            if access != emulator.FETCH:
                return examiner.data_refused(cpu, self._emulator.refused_address())
            if cpu.linear(cpu.pc) == self._done:
                return None
            return examiner.fetch_refused(cpu, page, executor.block(cpu.mask))
        raise MachineError(f"the emulator stopped at {cpu.pc:#x} without a reason (error {error})")

    def frame(self) -> Frame:
        """The trap frame of the last attempt, for the kernel to change."""
        attempt = self._attempt
        if attempt is None:
            raise MachineError("there is no attempt to make a frame of")
        return Frame(attempt.gate, attempt.pc, self._executor.cs, attempt.flags, list(attempt.regs))

    def resume(self, frame: Frame) -> None:
        """Go back to user mode as `frame` says; `go` continues with what is left of the block budget.

        Flags that user code may not set are ignored. Raises BadSelector, and changes nothing, if CS is not a user code segment.
        """
        segment = self._system.segments.get(frame.cs)
        if segment is None:
            raise BadSelector(f"CS {frame.cs:#x}; there are {', '.join(f'{cs:#x}' for cs in self._system.segments)}")
        self.flush()
        self._executor.load(frame.cs, segment, frame.regs, frame.flags)
        self._pc = frame.pc & (1 << segment.bits) - 1
        self._attempt = None

    @staticmethod
    def mask(attempt: Attempt) -> int:
        """All bits of an offset and of a linear address in the code segment of `attempt`."""
        return (1 << attempt.bits) - 1
