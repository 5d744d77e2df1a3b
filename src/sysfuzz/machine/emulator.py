"""Unicorn behind a thin typed face: the calls that a run makes, straight into the library.

Unicorn's own Python binding builds objects for every register and has no method for a TLB flush; a run here would cost twice as much through it.
So the engine is opened and set up by the binding, and driven through the library's C functions with arrays made once. This file knows the
library, its numbers and its traps, and nothing of programs; nobody else calls it.
"""

import ctypes
from collections.abc import Callable, Sequence
from functools import partial

from unicorn import unicorn_const, x86_const
from unicorn.unicorn_py3.unicorn import Uc, uclib

from sysfuzz.machine.library import U64, Int, Pointer, function
from sysfuzz.program.ir import Mode, Vendor
from sysfuzz.program.names import REGISTERS

# What a run returns.
STOPPED = unicorn_const.UC_ERR_OK
INVALID = unicorn_const.UC_ERR_INSN_INVALID
REFUSED = unicorn_const.UC_ERR_EXCEPTION

# Accesses, as the TLB hook names them.
READ, WRITE, FETCH = unicorn_const.UC_MEM_READ, unicorn_const.UC_MEM_WRITE, unicorn_const.UC_MEM_FETCH

# Models without RDRAND, which is random, and without FSGSBASE, which the kernels in question did not switch on. Unicorn's default has both.
_MODELS: dict[Vendor, int] = {"amd": x86_const.UC_CPU_X86_OPTERON_G3, "intel": x86_const.UC_CPU_X86_WESTMERE}

_WRITE_CONTROL = 1 << 30  # uc_ctl: "write", no argument counted: the library ignores the count
_EVERYWHERE = (1, 0)  # bounds of a hook: begin > end


class MachineError(Exception):
    """The emulator did something that no program may make it do."""


class Emulator:
    """One Unicorn engine in virtual TLB mode over `size` bytes of physical memory that lie at address `host` of this process."""

    def __init__(self, mode: Mode, vendor: Vendor, host: int, size: int) -> None:
        amd64 = mode == "amd64"
        self._uc = Uc(unicorn_const.UC_ARCH_X86, unicorn_const.UC_MODE_64 if amd64 else unicorn_const.UC_MODE_32)
        self._uc.ctl_set_cpu_model(_MODELS[vendor])
        self._uc.ctl_set_tlb_mode(unicorn_const.UC_TLB_VIRTUAL)
        self._uc.mem_map_ptr(0, size, unicorn_const.UC_PROT_ALL, host)
        handle: ctypes.c_void_p | None = self._uc._uch
        assert handle is not None
        self._handle = handle
        self._callbacks: list[object] = []  # the library holds no references
        self._context = self._uc.context_save()
        self._scratch = self._uc.context_save()

        names = (*REGISTERS[mode], "eflags", "rip" if amd64 else "eip", "cs")
        numbers = [getattr(x86_const, f"UC_X86_REG_{name.upper()}") for name in names]
        count = self._count = len(REGISTERS[mode])
        self._pc_number = numbers[count + 1]
        # General registers, flags, PC, CS. A read fills as many bytes as the register has; the others stay zero.
        self._values = (U64 * len(numbers))()
        ids = (Int * len(numbers))(*numbers)
        base = ctypes.addressof(self._values)
        places = (Pointer * len(numbers))(*(base + 8 * index for index in range(len(numbers))))
        self._one = U64()
        self._as_list: Callable[[], list[int]] = memoryview(self._values).cast("B").cast("Q").tolist

        batch = (Pointer, Pointer, Pointer, Int)
        one = (Pointer, Int, Pointer)
        self._start = partial(function("uc_emu_start", Pointer, U64, U64, U64, ctypes.c_size_t), handle)
        self.stop: Callable[[], int] = partial(function("uc_emu_stop", Pointer), handle)
        self._read = partial(function("uc_reg_read_batch", *batch), handle, ids, places, len(numbers))
        self._write = partial(function("uc_reg_write_batch", *batch), handle, ids, places)
        self._read_one = partial(function("uc_reg_read", *one), handle, self._pc_number, ctypes.byref(self._one))
        two = (Pointer, Pointer)
        save, restore = function("uc_context_save", *two), function("uc_context_restore", *two)
        self.reset: Callable[[], int] = partial(restore, handle, self._context.context)
        self._keep = partial(save, handle, self._scratch.context)
        self._back = partial(restore, handle, self._scratch.context)
        self.flush_tlb: Callable[[], int] = self._control(unicorn_const.UC_CTL_TLB_FLUSH)
        self.flush_translations: Callable[[], int] = self._control(unicorn_const.UC_CTL_TB_FLUSH)
        self._forget = self._control(unicorn_const.UC_CTL_TB_REMOVE_CACHE, U64, U64)
        self._use_exits = self._control(unicorn_const.UC_CTL_UC_USE_EXITS, Int)
        self._set_exits = self._control(unicorn_const.UC_CTL_UC_EXITS, Pointer, ctypes.c_size_t)
        self._refused_at = U64()
        self._in_flight = ctypes.c_int32()

    def _control(self, request: int, *arguments: type) -> Callable[..., int]:
        return partial(function("uc_ctl", Pointer, Int, *arguments), self._handle, request | _WRITE_CONTROL)

    # -- set-up -------------------------------------------------------------------------------------------------------

    def hook(self, kind: int, callback: object, *instruction: int) -> None:
        """Register a hook for all addresses; a hook of kind INSN names its instruction."""
        self._callbacks.append(callback)
        error = uclib.uc_hook_add(
            self._handle,
            ctypes.byref(ctypes.c_size_t()),
            Int(kind),
            callback,
            None,
            *map(U64, _EVERYWHERE),
            *map(Int, instruction),
        )
        if error:
            raise MachineError(f"hook {kind} refused: {uclib.uc_strerror(error).decode()}")

    def set_register(self, name: str, value: object) -> None:
        """Write any register by the binding's name and in the binding's form (tables and model-specific registers are tuples)."""
        self._uc.reg_write(getattr(x86_const, f"UC_X86_REG_{name.upper()}"), value)

    def get_register(self, name: str) -> int:
        """Read a register that a run does not read every time."""
        return int(self._uc.reg_read(getattr(x86_const, f"UC_X86_REG_{name.upper()}")))

    def keep_state(self) -> None:
        """Make the CPU's state of now the one that `reset` restores."""
        self._uc.context_update(self._context)

    # -- a run --------------------------------------------------------------------------------------------------------

    def run(self, pc: int) -> int:
        """Execute from offset `pc` until something stops it; STOPPED, INVALID, REFUSED or another error number.

        There is no address to stop at: with one, the library drops a translation after every run, and asks for the page before that address.
        """
        return self._start(pc, 0, 0, 0)

    def run_to(self, pc: int, exits: Sequence[int]) -> int:
        """The same, but stop (STOPPED) before executing at any of the linear addresses `exits`; `pc` may not be one.

        What was translated before does not know the exits, and an exit that was jumped to stays one: both must be forgotten first. Blocks that
        run into an exit are dropped by the library.
        """
        self._use_exits(1)
        self._set_exits((U64 * len(exits))(*exits), len(exits))
        try:
            return self._start(pc, 0, 0, 0)
        finally:
            self._use_exits(0)

    def forget(self, start: int, end: int) -> None:
        """Drop translations of code at linear addresses [start, end), which must be executable when this is called."""
        self._forget(start, end)

    def read_registers(self) -> list[int]:
        """General registers, flags, PC, CS selector."""
        self._read()
        return self._as_list()

    def write_registers(self, regs: list[int]) -> None:
        """Write the general registers."""
        self._values[: self._count] = regs  # type: ignore[assignment]  # typeshed wants c_uint64 in the list, too
        self._write(self._count)

    def write_state(self, regs: list[int], flags: int) -> None:
        """Write the general registers and the flags."""
        count = self._count
        self._values[:count] = regs  # type: ignore[assignment]  # as above
        self._values[count] = flags
        self._write(count + 1)

    def pc(self) -> int:
        """The PC, also inside a hook."""
        self._read_one()
        return self._one.value

    def save(self) -> None:
        """Remember the whole CPU, also inside a hook, for `rewind`."""
        self._keep()

    def rewind(self) -> None:
        """Go back to what `save` remembered."""
        self._back()

    # -- what the library keeps to itself -----------------------------------------------------------------------------

    def refused_address(self) -> int:
        """Linear address of the access that was refused last; the TLB hook is told no more than its page."""
        return self._refused_at.value

    def take_exception(self) -> None:
        """Say that the exception of the last run has been dealt with.

        The CPU notes that one is in flight, and a second one while the first is delivered would be a double fault; here none is ever delivered.
        """
        self.save()
        self._in_flight.value = -1
        self.rewind()

    def find_private_state(self, refuse: Callable[[int], None], fault: Callable[[int], None]) -> None:
        """Find the two fields that no function of the library reads or writes: the address of a refused access, the exception in flight.

        `refuse` makes the CPU run into a refused access to the address given, `fault` raise the exception given, 13 or 0, from the kept state.
        Both fields show themselves by what they hold then. Raises MachineError if they do not.
        """
        engine = self._handle.value
        context = self._scratch.context.value
        assert engine is not None
        words = (U64 * 512).from_address(engine)  # the structure's jump buffers alone are larger than these 4 KiB
        refused = _Search(words)  # type: ignore[arg-type]  # reading one gives an int
        for address in (0x5A5A_1238, 0x1234_5678, 0x0077_7770):
            refuse(address)
            refused.keep(address)
        numbers = (ctypes.c_int32 * (uclib.uc_context_size(self._handle) // 4)).from_address(context)
        flight = _Search(numbers)
        for vector in (13, 0):
            self.reset()
            self.save()
            flight.keep(-1)
            fault(vector)
            self.save()
            flight.keep(vector)
        self._refused_at = U64.from_address(engine + 8 * refused.place())
        self._in_flight = ctypes.c_int32.from_address(context + 4 * flight.place())


class _Search:
    """Places in an array whose value has been as expected every time so far."""

    def __init__(self, values: Sequence[int]) -> None:
        self._values = values
        self._places = set(range(len(values)))

    def keep(self, expected: int) -> None:
        self._places = {place for place in self._places if self._values[place] == expected}

    def place(self) -> int:
        """The one that is left."""
        if len(self._places) != 1:
            raise MachineError("this release of Unicorn keeps its state differently; 2.1.4 is supported")
        return self._places.pop()
