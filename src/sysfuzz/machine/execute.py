"""User code on the emulated CPU, from one event to the next.

Hooks only write down the first thing that happened and stop the emulator; what it was is dealt with outside, where exceptions propagate as
everywhere and maps may change. Around that, this file hides what the emulator does unlike a CPU: it translates a block before it executes any
of it, carries on behind IN and OUT, lets IRET leave protected mode, and remembers exceptions that nobody delivers. It knows no kernel.
"""

from unicorn import unicorn_const, x86_const

from sysfuzz.machine import emulator, library
from sysfuzz.machine.descriptors import Segment, SystemPage
from sysfuzz.machine.emulator import Emulator, MachineError
from sysfuzz.machine.examine import Block, CpuState
from sysfuzz.machine.mmu import Mmu
from sysfuzz.program.ir import Mode
from sysfuzz.program.layout import USER_CODE32, USER_CODE64
from sysfuzz.program.names import PAGE, RAX, REGISTERS, RSP
from sysfuzz.x86.entries import MAX_INSTRUCTION, PAGE_FAULT

# Events, as hooks note them.
NOTHING, SYSTEM_CALL, INTERRUPT, PRIVILEGED, LIMIT = "", "system call", "interrupt", "privileged", "limit"

# Flags that user code may have as it likes: CF PF AF ZF SF TF DF OF NT AC ID. Interrupts stay enabled, the I/O privilege 0.
_USER_FLAGS = 0x0024_4DD5
_FIXED_FLAGS = 0x0000_0202
_SINGLE_STEP = 0x0000_0100
_VIRTUAL_8086 = 0x0002_0000

# Exceptions that the emulator remembers, and that would make the next of them a double fault (SDM vol. 3, table 6-4).
_CONTRIBUTORY = (0, 10, 11, 12, 13)

# What 64 bytes of zeros take off the budget. A way through 4 KiB of them takes 2 ms and has nothing to tell.
_SLED_BLOCKS = 4
_OWN_BLOCKS = 10  # budget for the machine's own code, which is one block


class Executor:
    """Runs user code on one emulator. Between runs, the attributes tell what the last one came to."""

    def __init__(self, mode: Mode, cpu: Emulator, mmu: Mmu, system: SystemPage) -> None:
        self.event = NOTHING  # what a hook saw, the first one only
        self.vector = 0  # of an INTERRUPT
        self.entry = 0  # of a SYSTEM_CALL: offset where the instruction begins
        self.left = 0  # block budget
        self._cpu = cpu
        self._mmu = mmu
        self._system = system
        self._zeros = [0] * len(REGISTERS[mode])
        self._default = USER_CODE64 if mode == "amd64" else USER_CODE32
        self._default_segment = system.segments[self._default]
        # As the CPU has them loaded, whatever the tables say by now.
        self.cs, self._segment = self._default, self._default_segment
        self._virtual = False  # in virtual-8086 mode
        self._seen: CpuState | None = None  # what the end of the last run has looked at already
        self._block = 0
        self._block_size = 0
        self._hook()

    # -- setting the CPU ----------------------------------------------------------------------------------------------

    def reset(self, regs: list[int]) -> None:
        """Make all of the CPU as it was kept, in the default code segment, but for the general registers."""
        self._cpu.reset()
        self._cpu.write_registers(regs)
        self.cs, self._segment, self._virtual = self._default, self._default_segment, False

    def load(self, cs: int, segment: Segment, regs: list[int], flags: int) -> None:
        """Make code segment, general registers and flags these, and keep all else. Flags that are not the user's are ignored."""
        if self._virtual:
            self.reset(self._zeros)
        elif self.event == INTERRUPT and self.vector in _CONTRIBUTORY:
            self._cpu.take_exception()
        if cs != self.cs or segment != self._segment:
            self._cross(cs, segment)
        self._cpu.write_state(regs, flags & _USER_FLAGS | _FIXED_FLAGS)

    def _cross(self, cs: int, segment: Segment) -> None:
        """Load another user code segment; general registers and flags are lost."""
        here = self._segment
        code, stack = self._system.cross(cs, here.bits)
        self._own(code - here.base & (1 << here.bits) - 1, frozenset((code & -PAGE, self._system.linear)), RSP, stack)
        self.cs, self._segment = cs, segment

    def look(self) -> CpuState:
        """The CPU as it is; after a run, its caller's to change."""
        seen, self._seen = self._seen, None
        if seen is not None:
            return seen
        values = self._cpu.read_registers()
        regs, (flags, pc, cs) = values[:-3], values[-3:]
        if flags & _VIRTUAL_8086:
            # Unicorn lets IRET set VM at ring 3, where hardware ignores it. The instruction and the state before it are lost: reported is a
            # #GP where the CPU is now, since what IRET would have found in place of a selector is hardly ever one.
            self._virtual, self.event = True, PRIVILEGED
            flags &= _USER_FLAGS | _FIXED_FLAGS
            return CpuState(regs, flags, cs * 16 + pc, self._system.segments[USER_CODE32])
        segment = self._system.segments[cs]
        self.cs, self._segment = cs, segment
        return CpuState(regs, flags, pc, segment)

    def block(self, mask: int) -> Block:
        """The block that the CPU entered last."""
        return Block(self._block & mask, self._block_size)

    def base_of(self, register: str) -> int:
        """Base of the segment that a segment register ("ds") names."""
        segment = self._system.segments.get(self._cpu.get_register(register) | 3)
        return segment.base if segment is not None else 0

    # -- running ------------------------------------------------------------------------------------------------------

    def run(self, pc: int) -> int:
        """Execute from offset `pc` until there is an event or an error (returned); raises what the kernel raised when asked for a page.

        A block is translated as a whole before any of it is executed, so a page that cannot be fetched stops the emulator at the start of a
        block that only leads into it. Then the rest of the page before it (`edge` is its end) is done with exits at every byte at which an
        instruction could begin that reaches over the edge, until such an instruction is the first of its block: that fault is true.

        Memory is full of zeros, each two an instruction that mostly faults, and a block of them takes 0.6 ms to translate: where code seems to
        run into them, it is stopped when it has come that far, and goes on by 64 bytes at a time.
        """
        cpu, mmu = self._cpu, self._mmu
        edge = 0
        zeros = mmu.zeros_behind(self._linear(pc), self._segment.bits)
        while True:
            self.event = NOTHING
            self._seen = None
            if edge:
                cpu.forget(edge - PAGE, edge)
                linear = self.look().linear(pc)
                error = cpu.run_to(pc, range(max(linear + 1, edge - MAX_INSTRUCTION), edge + 1))
            elif zeros:
                error = cpu.run_to(pc, (zeros, zeros + 1))
            else:
                error = cpu.run(pc)
            if self.event == PRIVILEGED:
                cpu.rewind()
                mmu.closed = False
            if mmu.error is not None:
                raised, mmu.error = mmu.error, None
                raise raised
            if self.event:
                break
            if error == emulator.STOPPED and edge:
                state = self.look()
                if state.linear(state.pc) == edge:
                    edge = 0
            elif error == emulator.STOPPED and zeros:
                state = self.look()
                here = state.linear(state.pc)
                cpu.forget(here & -PAGE, (here & -PAGE) + PAGE)
                self.left -= _SLED_BLOCKS - 1
                zeros = mmu.zeros_behind(here, state.bits)
            elif error == emulator.REFUSED and mmu.moved:
                mmu.forget()
                cpu.flush_tlb()
            elif error == emulator.REFUSED and (found := self._new_edge(edge)):
                edge = found
            else:
                break
            pc = cpu.pc()
        return error

    def stuck_in_zeros(self, pc: int) -> CpuState | None:
        """The CPU at offset `pc`, if the instruction there is `add [rax], al` and faults; None if it has to be run to know.

        Two zeros are that instruction, and memory is full of zeros: the emulator would translate hundreds of them, 0.4 ms, to execute none.
        Every sixth program of a campaign gets there. Nothing is changed but the block budget.
        """
        segment, mmu = self._segment, self._mmu
        linear = pc & (1 << segment.bits) - 1
        if self.left < 1 or self._system.has_local() or not mmu.zeros_at(linear):
            return None  # with local segments, DS may have a base
        state = self.look()
        if state.flags & _SINGLE_STEP or mmu.allows_change(state.regs[RAX] & state.mask):
            return None
        self.left -= 1
        self.event = NOTHING
        state.pc = pc
        return state

    def _linear(self, pc: int) -> int:
        """Linear address of offset `pc` in the code segment that is loaded."""
        segment = self._segment
        return pc + segment.base & (1 << segment.bits) - 1

    def _new_edge(self, edge: int) -> int:
        """The page whose fetch was refused, if the PC is in the page before it and it is not `edge` already; else 0."""
        page, access = self._mmu.refused
        if access != emulator.FETCH or page == edge:
            return 0
        state = self.look()
        if state.linear(state.pc) & -PAGE == page - PAGE:
            return page
        self._seen = state
        return 0

    def forget(self, written: list[tuple[int, int]]) -> None:
        """Drop what was translated from bytes that were written since: by physical address, whoever maps it now."""
        window = self._mmu.window
        self._mmu.window_open = True
        for paddr, size in written:
            self._cpu.forget(window + paddr, window + paddr + size)
        self._mmu.window_open = False
        self._cpu.flush_tlb()

    # -- the machine's own code ---------------------------------------------------------------------------------------

    def enter_user_mode(self) -> None:
        """From reset, once the tables are loaded: go to ring 3 and keep that state."""
        bits = self._default_segment.bits
        code, stack = self._system.enter(self._default, bits)
        self._own(code, frozenset((self._system.linear,)), RSP, stack)
        self._cpu.write_state(self._zeros, _FIXED_FLAGS)
        self._cpu.keep_state()
        self._cpu.find_private_state(lambda address: self._probe(PAGE_FAULT, address), self._probe)

    def _own(self, pc: int, pages: frozenset[int], register: int, value: int) -> None:
        """Execute code of the system page that leads to offset 0 of a user segment, where there is no page now."""
        error = self._execute(pc, pages, register, value)
        if error != emulator.REFUSED or self.event or self._cpu.pc():
            raise MachineError(f"the way into user mode failed (error {error}, event {self.event!r})")

    def _probe(self, vector: int, rax: int = 0) -> None:
        """Run into an exception of the machine's own making."""
        self._execute(self._system.probe(vector), frozenset((self._system.linear,)), RAX, rax)

    def _execute(self, pc: int, pages: frozenset[int], register: int, value: int) -> int:
        """Execute code of the system page, seen at the linear `pages` and nothing else, with one register set and all others 0."""
        regs = self._zeros.copy()
        regs[register] = value
        self._cpu.write_state(regs, _FIXED_FLAGS)
        left, self.left = self.left, _OWN_BLOCKS
        self.event = NOTHING
        self._mmu.crossing = pages
        error = self._cpu.run(pc)
        self._mmu.crossing = frozenset()
        self.left = left
        self._cpu.flush_tlb()
        return error

    # -- hooks --------------------------------------------------------------------------------------------------------

    def _hook(self) -> None:
        hook, instruction = self._cpu.hook, unicorn_const.UC_HOOK_INSN
        hook(unicorn_const.UC_HOOK_TLB_FILL, library.FILL_HOOK(self._mmu.on_miss))
        hook(unicorn_const.UC_HOOK_BLOCK, library.BLOCK_HOOK(self._on_block))
        hook(unicorn_const.UC_HOOK_INTR, library.INTERRUPT_HOOK(self._on_interrupt))
        hook(instruction, library.ENTRY_HOOK(self._on_system_call), x86_const.UC_X86_INS_SYSCALL)
        hook(instruction, library.ENTRY_HOOK(self._on_system_call), x86_const.UC_X86_INS_SYSENTER)
        hook(instruction, library.IN_HOOK(self._on_in), x86_const.UC_X86_INS_IN)
        hook(instruction, library.OUT_HOOK(self._on_out), x86_const.UC_X86_INS_OUT)
        # Never called, since all physical memory is writable. While it exists, Unicorn looks for translations at every store; without it, only
        # at the first store through an address that is not executable, and later ones through such an alias of running code would be lost.
        hook(unicorn_const.UC_HOOK_MEM_WRITE_PROT, library.ACCESS_HOOK(self._on_protected))

    def _on_block(self, _uc: int, start: int, size: int, _data: None) -> None:
        if self.event:
            return
        self._block, self._block_size = start, size
        self.left -= 1
        if self.left < 0:
            self.event = LIMIT
            self._cpu.stop()

    def _on_interrupt(self, _uc: int, vector: int, _data: None) -> None:
        if not self.event:
            self.event, self.vector = INTERRUPT, vector
        self._cpu.stop()

    def _on_system_call(self, _uc: int, _data: None) -> None:
        if not self.event:
            self.event, self.entry = SYSTEM_CALL, self._cpu.pc()
        self._cpu.stop()

    def _on_port(self) -> None:
        """The emulator does not ask for permission and goes on to the end of the block. Let nothing of that reach memory, and come back."""
        if not self.event:
            self.event = PRIVILEGED
            self._cpu.save()
            self._mmu.closed = True
            self._cpu.flush_tlb()
        self._cpu.stop()

    def _on_in(self, _uc: int, _port: int, _size: int, _data: None) -> int:
        self._on_port()
        return 0

    def _on_out(self, _uc: int, _port: int, _size: int, _value: int, _data: None) -> None:
        self._on_port()

    @staticmethod
    def _on_protected(_uc: int, _access: int, _paddr: int, _size: int, _value: int, _data: None) -> bool:
        return False
