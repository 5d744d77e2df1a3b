"""What a test case is: a frozen value of CPU mode, vendor, initial registers and ops.

`CALLS` is the one table of what can be called and with which kinds of arguments; text, wire form, generation and mutation are
driven by it, so that a new call is a new row. `Program.validate` states every limit. This file knows how a program looks, not what it does.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from sysfuzz.program.names import REGISTERS

Mode = Literal["amd64", "i386"]
Vendor = Literal["amd", "intel"]

MODES: tuple[Mode, ...] = ("amd64", "i386")
VENDORS: tuple[Vendor, ...] = ("amd", "intel")

# The wire form of a program must fit 4 KiB (libFuzzer's default maximum): 40 ops of at most 6 arguments of at most 11 bytes,
# 16 registers of at most 10 bytes and the code make at most 3,907 bytes.
MAX_OPS = 40
MAX_CODE = 1024  # bytes of all pokes together
MAX_POKE = 255  # bytes of one
MAX_PEEK = 64
# Block budget of a run that names none. Code that loops over a system call costs some 100 us a turn, so that the budget is what bounds the time
# of one execution: 200 blocks took up to 10 ms. What needs more says `blocks=`.
DEFAULT_BLOCKS = 40
MAX_BLOCKS = 4096


class Kind:
    """Kinds of parameters: what a value means to those who print, generate or mutate it."""

    ADDR: Final = "addr"  # a linear address
    SIZE: Final = "size"  # a length in bytes
    PROT: Final = "prot"
    MAP: Final = "map"  # mmap's flags
    REMAP: Final = "remap"  # mremap's flags (the MAP_ names)
    FD: Final = "fd"  # a descriptor: -1 .. 2^31 - 1
    OFFSET: Final = "offset"  # a file offset, 64 bits wide in both modes
    ADVICE: Final = "advice"
    INHERIT: Final = "inherit"
    MSYNC: Final = "msync"
    MLOCKALL: Final = "mlockall"
    SIGNAL: Final = "signal"
    SYSARCH: Final = "sysarch"
    DISPATCH: Final = "dispatch"  # prctl's modes of system call user dispatch
    NUMBER: Final = "number"  # a small decimal: pid, lwp, slot, status
    COUNT: Final = "count"  # bytes to peek: 1 .. MAX_PEEK
    BLOCKS: Final = "blocks"  # block budget; 0: the default
    LWP: Final = "lwp"  # optional keyword of as(): 0 is the lowest alive
    HEX: Final = "hex"  # bytes


class Param(NamedTuple):
    """One parameter: its name in the manual, its kind, and the keyword under which it may be left out ("" if it may not)."""

    name: str
    kind: str
    keyword: str = ""


def _params(*pairs: str) -> tuple[Param, ...]:
    return tuple(Param(*pair.split(":")) for pair in pairs)


CALLS: Mapping[str, tuple[Param, ...]] = {
    "mmap": _params("addr:addr", "len:size", "prot:prot", "flags:map", "fd:fd", "offset:offset"),
    "munmap": _params("addr:addr", "len:size"),
    "mprotect": _params("addr:addr", "len:size", "prot:prot"),
    "mremap": _params("old:addr", "oldlen:size", "new:addr", "newlen:size", "flags:remap"),
    "minherit": _params("addr:addr", "len:size", "inherit:inherit"),
    "madvise": _params("addr:addr", "len:size", "advice:advice"),
    "mlock": _params("addr:addr", "len:size"),
    "munlock": _params("addr:addr", "len:size"),
    "mlockall": _params("flags:mlockall"),
    "munlockall": (),
    "msync": _params("addr:addr", "len:size", "flags:msync"),
    "mincore": _params("addr:addr", "len:size", "vec:addr"),
    "fork": (),
    "vfork": (),
    "exec": (),
    "exit": _params("status:number"),
    "lwp_create": (),
    "lwp_exit": (),
    "as": _params("pid:number", "lwp:lwp:lwp"),
    "sigaction": _params("signal:signal", "handler:addr"),
    "sysarch": _params("op:sysarch", "slot:number", "base:addr"),
    "poke": _params("addr:addr", "bytes:hex"),
    "peek": _params("addr:addr", "n:count"),
    "run": _params("addr:addr", "blocks:blocks:blocks"),
    # What single designs have; on others the answer is ENOSYS.
    "spawn": (),
    "ktrace": _params("on:number"),
    "ptrace": _params("on:number"),
    "syscallemu": _params("start:addr", "end:addr", "preempt:number:preempt"),
    "msyscall": _params("addr:addr", "len:size"),
    "mimmutable": _params("addr:addr", "len:size"),
    "pinsyscalls": _params("base:addr", "len:size", "pins:addr", "npins:number"),
    "sud": _params("mode:dispatch", "offset:addr", "len:size", "selector:addr"),
    "seccomp": _params("start:addr", "end:addr"),
}
# The calls of single designs.
SPECIAL: Final = ("spawn", "ktrace", "ptrace", "syscallemu", "msyscall", "mimmutable", "pinsyscalls", "sud", "seccomp")


# Makes a value of a NamedTuple from the tuple of its fields. Calling the class does the same, but by a function written in Python: 0.38 us
# against 0.16. For what a campaign makes millions of.
make: Final = tuple.__new__


class Ref(NamedTuple):
    """The result of op number `op` plus `offset` (modulo the address width): text form `rN` or `rN+0x1000`."""

    op: int
    offset: int = 0


# A number, the result of an earlier op, or code. NamedTuples, here and in outcome.py, because a campaign makes millions of them and they
# cost a third of a frozen dataclass.
Arg = int | Ref | bytes


class Op(NamedTuple):
    """One step: a key of CALLS and one argument for each of its parameters (optional ones are 0 when left out)."""

    call: str
    args: tuple[Arg, ...] = ()


class ProgramError(ValueError):
    """A program breaks a limit or rule of this file; the message says which and what is supported."""


class Program(NamedTuple):
    """One test case. `regs` holds (name, value) of the non-zero registers in the order of `names.REGISTERS`."""

    mode: Mode = "amd64"
    vendor: Vendor = "amd"
    regs: tuple[tuple[str, int], ...] = ()
    ops: tuple[Op, ...] = ()

    def validate(self) -> "Program":
        """Return self if every rule holds; raise ProgramError at the first that does not."""
        if self.mode not in MODES:
            raise ProgramError(f"unknown mode {self.mode!r}; supported: {', '.join(MODES)}")
        if self.vendor not in VENDORS:
            raise ProgramError(f"unknown vendor {self.vendor!r}; supported: {', '.join(VENDORS)}")
        self._validate_registers()
        if len(self.ops) > MAX_OPS:
            raise ProgramError(f"{len(self.ops)} ops; at most {MAX_OPS} are supported")
        code = 0
        for index, op in enumerate(self.ops):
            code += _validate_op(op, index, self.mode)
        if code > MAX_CODE:
            raise ProgramError(f"{code} bytes of code in all pokes; at most {MAX_CODE} are supported")
        return self

    def _validate_registers(self) -> None:
        known = REGISTERS[self.mode]
        order = []
        for name, value in self.regs:
            if name not in known or name in ("rsp", "esp"):
                usable = ", ".join(r for r in known if r not in ("rsp", "esp"))
                raise ProgramError(f"unknown register {name!r} in mode {self.mode}; supported: {usable}")
            if not 0 < value < 1 << width(self.mode):
                raise ProgramError(f"register {name} = {value:#x}; supported: 1 to {(1 << width(self.mode)) - 1:#x}")
            order.append(known.index(name))
        if order != sorted(set(order)):
            raise ProgramError("registers are given once each, in the order of their numbers")


def width(mode: Mode) -> int:
    """Bits of an address and of a register in `mode`."""
    return 64 if mode == "amd64" else 32


def int_range(kind: str, mode: Mode) -> tuple[int, int]:
    """Lowest and highest literal that an argument of `kind` (any but HEX) may be."""
    if kind == Kind.FD:
        return -1, (1 << 31) - 1
    if kind == Kind.COUNT:
        return 1, MAX_PEEK
    if kind == Kind.BLOCKS:
        return 0, MAX_BLOCKS
    if kind == Kind.OFFSET:
        return 0, (1 << 64) - 1
    if kind in (Kind.ADDR, Kind.SIZE):
        return 0, (1 << width(mode)) - 1
    return 0, (1 << 32) - 1  # ints of the C prototypes


def takes_ref(kind: str) -> bool:
    """Whether a parameter of `kind` may be the result of an earlier op."""
    return kind in (Kind.ADDR, Kind.SIZE, Kind.NUMBER)


def _validate_op(op: Op, index: int, mode: Mode) -> int:
    """Check one op; return the number of its code bytes."""
    params = CALLS.get(op.call)
    if params is None:
        raise ProgramError(f"op {index}: unknown call {op.call!r}; supported: {', '.join(CALLS)}")
    if len(op.args) != len(params):
        raise ProgramError(f"op {index}: {op.call} takes {len(params)} arguments, not {len(op.args)}")
    code = 0
    for param, arg in zip(params, op.args, strict=True):
        where = f"op {index}: {op.call}'s {param.name}"
        if param.kind == Kind.HEX:
            if not isinstance(arg, bytes) or not 1 <= len(arg) <= MAX_POKE:
                raise ProgramError(f"{where}: 1 to {MAX_POKE} bytes are supported")
            code += len(arg)
        elif isinstance(arg, Ref):
            if not takes_ref(param.kind):
                raise ProgramError(f"{where}: the result of an op is not supported here")
            if not 0 <= arg.op < index:
                raise ProgramError(f"{where}: r{arg.op} is not an earlier op")
            if not 0 <= arg.offset < 1 << width(mode):
                raise ProgramError(f"{where}: offset {arg.offset:#x} is too wide for mode {mode}")
        elif isinstance(arg, bytes):
            raise ProgramError(f"{where}: a number is needed")
        else:
            low, high = int_range(param.kind, mode)
            if not low <= arg <= high:
                raise ProgramError(f"{where}: {arg:#x} is out of range; supported: {low:#x} to {high:#x}")
    return code
