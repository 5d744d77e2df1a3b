"""System calls by number, for code that is allowed to make them: names, arguments, and where they are found.

Numbers are those of NetBSD's syscalls.master; a number is taken modulo 512 (SYS_NSYSENT) as its syscall handlers do. This file finds
number, name and arguments, and puts the answer where user code finds it; what the call does is the same function that the ops of a program
use. `decode`, `answer` and `dispatch` are for every core: they know registers and the stack, and nothing of how a kernel keeps its processes.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import Frame
from sysfuzz.kernel.usermem import UserMemory
from sysfuzz.program.ir import Mode
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import ERRNO, R8, R9, R10, RAX, RCX, RDI, RDX, RSI, RSP
from sysfuzz.program.outcome import Reply


class Syscall(NamedTuple):
    """A call's name and the C types of its arguments: w a word, i an int, s a signed int, p padding, o a 64-bit offset."""

    name: str
    types: str = ""


NUMBERS = 512

SYSCALLS: Mapping[int, Syscall] = {
    1: Syscall("exit", "i"),
    2: Syscall("fork"),
    3: Syscall("read", "sww"),
    4: Syscall("write", "sww"),
    20: Syscall("getpid"),
    59: Syscall("execve"),
    66: Syscall("vfork"),
    73: Syscall("munmap", "ww"),
    74: Syscall("mprotect", "wwi"),
    75: Syscall("madvise", "wwi"),
    78: Syscall("mincore", "www"),
    165: Syscall("sysarch", "iw"),
    197: Syscall("mmap", "wwiispo"),
    203: Syscall("mlock", "ww"),
    204: Syscall("munlock", "ww"),
    242: Syscall("mlockall", "i"),
    243: Syscall("munlockall"),
    273: Syscall("minherit", "wwi"),
    277: Syscall("msync", "wwi"),
    282: Syscall("vfork"),
    308: Syscall("setcontext", "w"),
    309: Syscall("_lwp_create"),
    310: Syscall("_lwp_exit"),
    311: Syscall("_lwp_self"),
    340: Syscall("sigaction", "iw"),
    411: Syscall("mremap", "wwwwi"),
}
# Calls that take the number of another one from their first argument: their names, and the words of that argument on i386.
INDIRECT: Mapping[int, tuple[str, int]] = {0: ("syscall", 1), 198: ("__syscall", 2)}

# From an address and a number of bytes: what is there if user code may read it all, else None.
Copyin = Callable[[int, int], bytes | None]

_CARRY = 1  # the flag by which user code sees that a call has failed
_AMD64_ARGUMENTS = (RDI, RSI, RDX, R10, R8, R9)


class Request(NamedTuple):
    """A call that code has made: `args` is None if they could not be read."""

    name: str  # "#N" for a number without a call
    args: tuple[int, ...] | None


class _Words:
    """The argument words of one entry: registers first (amd64), then the stack above the return address."""

    def __init__(self, mode: Mode, copyin: Copyin, regs: list[int], sp: int) -> None:
        self._registers = [regs[r] for r in _AMD64_ARGUMENTS] if mode == "amd64" else []
        self._copyin = copyin
        self._size = LAYOUTS[mode].bits // 8
        self._mask = LAYOUTS[mode].mask
        self._stack = sp + self._size

    def read(self, first: int, count: int) -> list[int] | None:
        """`count` words from number `first`, or None if the stack cannot be read."""
        words = self._registers[first : first + count]
        missing = count - len(words)
        if missing:
            skipped = max(0, first - len(self._registers))
            addr = (self._stack + skipped * self._size) & self._mask
            data = self._copyin(addr, missing * self._size)
            if data is None:
                return None
            words += [int.from_bytes(data[at : at + self._size], "little") for at in range(0, len(data), self._size)]
        return words


def decode(
    mode: Mode,
    regs: list[int],
    gate: str,
    copyin: Copyin,
    numbers: Mapping[int, Syscall] = SYSCALLS,
    indirect: Mapping[int, tuple[str, int]] = INDIRECT,
) -> Request:
    """Which of the calls `numbers` the registers of an entry by `gate` ask for, with the arguments that its types say.

    The number is in RAX; arguments are in registers (amd64), then on the stack. SYSENTER saves no stack pointer: user code passes it in (R|E)CX.
    """
    words = _Words(mode, copyin, regs, regs[RCX if gate == "sysenter" else RSP])
    number = regs[RAX] % NUMBERS
    first = 0
    if number in indirect:
        name, wide = indirect[number]
        first = wide if mode == "i386" else 1
        inner = words.read(0, first)
        if inner is None:
            return Request(name, None)
        number = inner[0] % NUMBERS
    call = numbers.get(number)
    if call is None:
        return Request(f"#{number}", ())
    return Request(call.name, _arguments(mode, call.types, words, first))


def answer(mode: Mode, frame: Frame, result: int | str) -> None:
    """Put the result of a call where user code finds it: a number in RAX, or that of an errno with the carry flag set."""
    if isinstance(result, str):
        frame.regs[RAX] = ERRNO[result]
        frame.flags |= _CARRY
    else:
        frame.regs[RAX] = result & LAYOUTS[mode].mask
        frame.flags &= ~_CARRY


def dispatch(mode: Mode, frame: Frame, copyin: Copyin, call: Callable[[str, tuple[int, ...]], int | str]) -> Reply:
    """Do the call that an entry asks for by `call(name, args)`, which answers with a number or the name of an errno.

    For calls that return to the code that made them: exit, exec and setcontext do not.
    """
    name, args = decode(mode, frame.regs, frame.gate, copyin)
    result = "EFAULT" if args is None else call(name, args)
    answer(mode, frame, result)
    return Reply(name, args or (), result)


def request(
    mode: Mode,
    memory: UserMemory,
    process: Process,
    regs: list[int],
    gate: str,
    numbers: Mapping[int, Syscall] = SYSCALLS,
    indirect: Mapping[int, tuple[str, int]] = INDIRECT,
) -> Request:
    """What code of a process of the built-in kernel asks for; see `decode`."""
    return decode(mode, regs, gate, partial(memory.copyin, process), numbers, indirect)


def _arguments(mode: Mode, types: str, words: _Words, first: int) -> tuple[int, ...] | None:
    wide_offset = mode == "i386" and "o" in types
    values = words.read(first, len(types) + wide_offset) if types else []
    if values is None:
        return None
    if wide_offset:
        high = values.pop()
        values[-1] |= high << 32
    args = []
    for kind, value in zip(types, values, strict=True):
        if kind == "i":
            args.append(value & 0xFFFF_FFFF)
        elif kind == "s":
            args.append((value & 0xFFFF_FFFF ^ 0x8000_0000) - 0x8000_0000)
        elif kind != "p":
            args.append(value)
    return tuple(args)
