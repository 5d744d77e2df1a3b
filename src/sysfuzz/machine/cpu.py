"""The machine: an emulated x86 CPU at ring 3 that runs until the kernel is needed, says why, and goes on as the kernel says.

Hooks only write down what happened and stop the emulator; it is dealt with outside, so that exceptions propagate as everywhere and the kernel
may change any map. One machine is made for each mode and vendor, and serves hundreds of thousands of programs: a run starts from a saved
state, a flush of the TLB is the whole cost of a new map. What a stop means is said in `examine`, what the kernel answers to it is decided above.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from unicorn import unicorn_const, x86_const

from sysfuzz.kernel.protocol import Frame
from sysfuzz.machine import descriptors, emulator
from sysfuzz.machine.emulator import Emulator, MachineError
from sysfuzz.machine.examine import Block, CpuState, Examiner
from sysfuzz.machine.memory import GuestMemory
from sysfuzz.machine.mmu import Fill, Mmu
from sysfuzz.program.ir import Mode, Vendor
from sysfuzz.program.layout import LAYOUTS, USER_CODE32, USER_CODE64
from sysfuzz.program.names import PAGE, RAX, REGISTERS, RSP
from sysfuzz.program.outcome import Attempt
from sysfuzz.x86.entries import MAX_INSTRUCTION

# Flags that user code may have as it likes: CF PF AF ZF SF TF DF OF NT AC ID. Interrupts stay enabled, the I/O privilege 0.
_USER_FLAGS = 0x0024_4DD5
_FIXED_FLAGS = 0x0000_0202
_VIRTUAL_8086 = 0x0002_0000

_CR0_SET = 0x33  # PE; MP, ET and NE: x87 errors are exceptions and not interrupts
# OSFXSR and OSXMMEXCPT: SSE as NetBSD sets it up. TSD: RDTSC is #GP, or a program would see the host's time and not run twice alike.
_CR4 = 0x604
_EFER = 0xC000_0080
_EFER_SCE = 1
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
        self._examiner = Examiner(mode, vendor, self._mmu, self._base_of)
        self._default = USER_CODE64 if mode == "amd64" else USER_CODE32
        self._done = LAYOUTS[mode].done
        self._zeros = [0] * len(REGISTERS[mode])
        self._numbers = {name: number for number, name in enumerate(REGISTERS[mode])}
        self._generation = memory.generation
        self._event = ""  # what a hook saw in this run, first one only
        self._vector = 0
        self._entry = 0  # offset of the instruction behind a SYSCALL or SYSENTER event
        self._block = 0
        self._block_size = 0
        self._left = 0  # block budget
        self._pc: int | None = None  # where `go` goes on; None: nowhere
        self._default_segment = self._system.segments[self._default]
        self._cs, self._segment = (
            self._default,
            self._default_segment,
        )  # as the CPU has them loaded, whatever the tables say by now
        self._virtual = False  # user code has got into virtual-8086 mode
        self._attempt: Attempt | None = None
        self._hook()
        self._boot(mode, vendor)

    # -- programs and maps --------------------------------------------------------------------------------------------

    def begin(self, fill: Fill) -> None:
        """A new program starts, whose pages `fill` tells; the memory has been rewound for it."""
        if self.memory.generation != self._generation:
            self._generation = self.memory.generation
            self._emulator.flush_translations()
        self._mmu.fill = fill
        self._pc = None
        self.flush()

    def flush(self) -> None:
        """The map or the process has changed: ask for every page again. `start` and `resume` do it by themselves."""
        if self._mmu.pages:
            self._flush()

    def _flush(self) -> None:
        self._mmu.pages.clear()
        self._mmu.moved = False
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
        self._emulator.reset()
        self._block_size = 0
        values = self._zeros.copy()
        values[RSP] = sp
        for name, value in regs:
            values[self._numbers[name]] = value
        self._emulator.write_registers(values)
        self._cs, self._segment, self._virtual = self._default, self._default_segment, False
        self._left = blocks
        self._pc = pc
        self._attempt = None

    def go(self) -> Stop:
        """Run until the next stop. Raises what the kernel raised while it was asked for a page."""
        pc, self._pc = self._pc, None
        if pc is None:
            raise MachineError("nothing to run: start or resume comes first")
        if self.memory.stale:
            self._forget_stale()
        error = self._run(pc)
        event = self._event
        if event == "limit":
            return _LIMIT
        cpu = self._look()
        block = Block(self._block & cpu.mask, self._block_size)
        if event == "port" or self._virtual:
            attempt = self._examiner.privileged(cpu)
        elif event == "system call":
            attempt = self._examiner.system_call(cpu, self._entry)
        elif event == "interrupt":
            attempt = self._examiner.interrupt(cpu, self._vector, block)
        elif error == emulator.INVALID:
            attempt = self._examiner.invalid(cpu)
        elif error == emulator.REFUSED and self._mmu.refused is not None:
            page, access = self._mmu.refused
            if access != emulator.FETCH:
                attempt = self._examiner.refused(cpu, page, access, self._emulator.refused_address(), block)
            elif cpu.linear(cpu.pc) == self._done:
                return _DONE
            else:
                attempt = self._examiner.refused(cpu, page, access, page, block)
        else:
            raise MachineError(f"the emulator stopped at {cpu.pc:#x} without a reason (error {error})")
        self._attempt = attempt
        return Stop("attempt", attempt)

    def frame(self) -> Frame:
        """The trap frame of the last attempt, for the kernel to change."""
        attempt = self._attempt
        if attempt is None:
            raise MachineError("there is no attempt to make a frame of")
        return Frame(attempt.gate, attempt.pc, self._cs, attempt.flags, list(attempt.regs))

    def resume(self, frame: Frame) -> None:
        """Go back to user mode as `frame` says; `go` continues with what is left of the block budget.

        Flags that user code may not set are ignored. Raises BadSelector, and changes nothing, if CS is not a user code segment.
        """
        segment = self._system.segments.get(frame.cs)
        if segment is None:
            raise BadSelector(f"CS {frame.cs:#x}; there are {', '.join(f'{cs:#x}' for cs in self._system.segments)}")
        self.flush()
        if self._virtual:
            self._emulator.reset()
            self._cs, self._segment, self._virtual = self._default, self._default_segment, False
        elif self._event == "interrupt":
            self._emulator.take_exception()
        if frame.cs != self._cs or segment != self._segment:
            self._load_cs(frame.cs)
        self._block_size = 0
        mask = (1 << segment.bits) - 1
        self._emulator.write_state(frame.regs, frame.flags & _USER_FLAGS | _FIXED_FLAGS)
        self._pc = frame.pc & mask
        self._attempt = None

    @staticmethod
    def mask(attempt: Attempt) -> int:
        """All bits of an offset and of a linear address in the code segment of `attempt`."""
        return (1 << attempt.bits) - 1

    # -- executing ----------------------------------------------------------------------------------------------------

    def _run(self, pc: int) -> int:
        """Execute from `pc` to the next event or error, and return the error.

        A block is translated as a whole before any of it is executed, so a page that cannot be fetched stops the emulator at the start of a
        block that only leads into it. Then the rest of the page before it (`edge` is its end) is done with exits at every byte at which an
        instruction could begin that reaches over the edge, until such an instruction is the first of its block: that fault is true.
        """
        cpu, mmu = self._emulator, self._mmu
        edge = 0
        while True:
            self._event = ""
            if edge:
                cpu.forget(edge - PAGE, edge)
                linear = self._look().linear(pc)
                error = cpu.run_to(pc, range(max(linear + 1, edge - MAX_INSTRUCTION), edge + 1))
            else:
                error = cpu.run(pc)
            if mmu.error is not None:
                raised, mmu.error = mmu.error, None
                raise raised
            if self._event == "port":
                cpu.rewind()
                mmu.closed = False
            if self._event:
                break
            if error == emulator.STOPPED and edge:
                state = self._look()
                if state.linear(state.pc) == edge:
                    cpu.forget(edge - PAGE, edge)
                    edge = 0
            elif error == emulator.REFUSED and mmu.moved:
                self._flush()
            elif error == emulator.REFUSED and (found := self._new_edge(edge)):
                edge = found
            else:
                break
            pc = cpu.pc()
        if edge:
            cpu.forget(edge - PAGE, edge)
        return error

    def _new_edge(self, edge: int) -> int:
        """The page whose fetch was refused, if the PC is not in it and it is not `edge` already; else 0."""
        if self._mmu.refused is None:
            return 0
        page, access = self._mmu.refused
        if access != emulator.FETCH or page == edge:
            return 0
        state = self._look()
        return page if state.linear(state.pc) & -PAGE != page else 0

    def _look(self) -> CpuState:
        """The CPU as it is; also notes which code segment is loaded."""
        *regs, flags, pc, cs = self._emulator.read_registers()
        if flags & _VIRTUAL_8086:
            # Unicorn lets IRET set VM at ring 3, where hardware ignores it. The instruction and the state before it are lost: reported is a
            # #GP where the CPU is now, since what IRET would have found in place of a selector is hardly ever one.
            self._virtual = True
            return CpuState(
                regs, flags & (_USER_FLAGS | _FIXED_FLAGS), cs * 16 + pc, self._system.segments[USER_CODE32]
            )
        segment = self._system.segments[cs]
        self._cs, self._segment = cs, segment
        return CpuState(regs, flags, pc, segment)

    def _base_of(self, register: str) -> int:
        segment = self._system.segments.get(self._emulator.get_register(register) | 3)
        return segment.base if segment is not None else 0

    def _forget_stale(self) -> None:
        """Drop what was translated from bytes that the kernel has written since: found by physical address, whoever maps it now."""
        mmu, memory = self._mmu, self.memory
        mmu.window_open = True
        for paddr, size in memory.stale:
            self._emulator.forget(mmu.window + paddr, mmu.window + paddr + size)
        mmu.window_open = False
        memory.stale.clear()
        self._emulator.flush_tlb()

    def _load_cs(self, selector: int) -> None:
        """Load another user code segment; general registers and flags are lost."""
        here = self._segment
        code, stack = self._system.cross(selector, here.bits)
        pages = frozenset((code & -PAGE, self._system.linear))
        values = self._zeros.copy()
        values[RSP] = stack
        self._emulator.write_state(values, _FIXED_FLAGS)
        self._execute_own(code - here.base & (1 << here.bits) - 1, pages)
        self._cs, self._segment = selector, self._system.segments[selector]

    def _execute_own(self, pc: int, pages: frozenset[int]) -> None:
        """Execute the machine's own code, which ends by going to offset 0 of a user segment: no page of the user's is there."""
        left, self._left = self._left, 10
        self._mmu.crossing = pages
        self._event = ""
        error = self._emulator.run(pc)
        self._mmu.crossing = frozenset()
        self._left = left
        if error != emulator.REFUSED or self._event or self._emulator.pc():
            raise MachineError(f"the way into user mode failed (error {error}, {self._event or 'no event'})")
        self._emulator.flush_tlb()

    # -- hooks --------------------------------------------------------------------------------------------------------

    def _on_block(self, _uc: int, start: int, size: int, _data: int) -> None:
        if self._event:
            return
        self._block, self._block_size = start, size
        self._left -= 1
        if self._left < 0:
            self._event = "limit"
            self._emulator.stop()

    def _on_interrupt(self, _uc: int, vector: int, _data: int) -> None:
        if not self._event:
            self._event, self._vector = "interrupt", vector
        self._emulator.stop()

    def _on_system_call(self, _uc: int, _data: int) -> None:
        if not self._event:
            self._event, self._entry = "system call", self._emulator.pc()
        self._emulator.stop()

    def _on_port(self) -> None:
        """The emulator does not ask for permission and goes on to the end of the block. Let nothing of that reach memory, and come back."""
        if not self._event:
            self._event = "port"
            self._emulator.save()
            self._mmu.closed = True
            self._emulator.flush_tlb()
        self._emulator.stop()

    def _on_in(self, _uc: int, _port: int, _size: int, _data: int) -> int:
        self._on_port()
        return 0

    def _on_out(self, _uc: int, _port: int, _size: int, _value: int, _data: int) -> None:
        self._on_port()

    @staticmethod
    def _on_protected(_uc: int, _access: int, _paddr: int, _size: int, _value: int, _data: int) -> bool:
        return False

    # -- once ---------------------------------------------------------------------------------------------------------

    def _hook(self) -> None:
        hook = self._emulator.hook
        instruction = unicorn_const.UC_HOOK_INSN
        hook(unicorn_const.UC_HOOK_TLB_FILL, emulator.FILL_HOOK(self._mmu.on_miss))
        hook(unicorn_const.UC_HOOK_BLOCK, emulator.BLOCK_HOOK(self._on_block))
        hook(unicorn_const.UC_HOOK_INTR, emulator.INTERRUPT_HOOK(self._on_interrupt))
        hook(instruction, emulator.ENTRY_HOOK(self._on_system_call), x86_const.UC_X86_INS_SYSCALL)
        hook(instruction, emulator.ENTRY_HOOK(self._on_system_call), x86_const.UC_X86_INS_SYSENTER)
        hook(instruction, emulator.IN_HOOK(self._on_in), x86_const.UC_X86_INS_IN)
        hook(instruction, emulator.OUT_HOOK(self._on_out), x86_const.UC_X86_INS_OUT)
        # Never called, since all physical memory is writable. While it exists, Unicorn looks for translations at every store; without it, only
        # at the first store through an address that is not executable, and later ones through such an alias of running code would be lost.
        hook(unicorn_const.UC_HOOK_MEM_WRITE_PROT, emulator.ACCESS_HOOK(self._on_protected))

    def _boot(self, mode: Mode, vendor: Vendor) -> None:
        """Bring the CPU from reset to user mode, and keep that state."""
        cpu, system = self._emulator, self._system
        cpu.set_register("gdtr", (0, system.gdt, descriptors.GDT_LIMIT, 0))
        cpu.set_register("ldtr", (0x38, system.ldt, descriptors.LDT_LIMIT, descriptors.LDT_FLAGS))
        # Without a task state, a far call through a call gate would end this process.
        cpu.set_register("tr", (0x40, system.tss, descriptors.TSS_LIMIT, descriptors.TSS_FLAGS))
        cpu.set_register("cr0", _CR0_SET)
        cpu.set_register("cr4", _CR4)
        if (
            mode == "amd64" or vendor == "amd"
        ):  # without it SYSRET is #UD instead of #GP: so it is on Intel outside long mode
            cpu.set_msr(_EFER, cpu.get_msr(_EFER) | _EFER_SCE)
        cpu.set_register("fpcw", _FPU_CONTROL)
        cpu.set_register("fptag", _FPU_TAGS)
        cpu.set_register("mxcsr", _SSE_CONTROL)
        code, stack = system.enter(self._default, 64 if mode == "amd64" else 32)
        values = self._zeros.copy()
        values[RSP] = stack
        cpu.write_state(values, 0x2)
        self._execute_own(code, frozenset((system.linear,)))
        cpu.write_state(self._zeros, _FIXED_FLAGS)
        cpu.keep_state()
        cpu.find_private_state(lambda address: self._probe(14, address), self._probe)

    def _probe(self, vector: int, rax: int = 0) -> None:
        """Run into an exception of the machine's own making."""
        values = self._zeros.copy()
        values[RAX] = rax
        self._emulator.write_state(values, _FIXED_FLAGS)
        self._mmu.crossing = frozenset((self._system.linear,))
        self._event, self._left = "", 1
        self._emulator.run(self._system.probe(vector))
        self._mmu.crossing = frozenset()
        self._emulator.flush_tlb()
