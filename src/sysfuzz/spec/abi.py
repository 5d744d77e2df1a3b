"""How code asks for a call: the system call numbers, and where the arguments of each lie.

Reads an attempt's registers and stack, nothing else. Arguments that are ints in the C prototype are the low 32 bits
of their word, a descriptor being signed; which those are is said by the kinds of `program.ir.CALLS`.
"""

import struct
from collections.abc import Mapping
from typing import NamedTuple

from sysfuzz.program.ir import CALLS, Kind, Mode
from sysfuzz.program.names import R8, R9, R10, RAX, RDI, RDX, RSI
from sysfuzz.program.outcome import Attempt

PAD = "pad"  # a word that nobody reads: mmap's, which aligned its offset on some machines
WIDE = frozenset((Kind.ADDR, Kind.SIZE, Kind.OFFSET))  # kinds that use all of a word
INT = 0xFFFF_FFFF


class Syscall(NamedTuple):
    """One system call: its name at an entry, the row of CALLS that it is ("" if none), its arguments' kinds."""

    name: str
    call: str
    kinds: tuple[str, ...]


class Request(NamedTuple):
    """What an entry asks for: `syscall` is None for an unassigned number, `args` None if they cannot be read."""

    name: str
    syscall: Syscall | None
    args: tuple[int, ...] | None


def _same(call: str, name: str = "") -> Syscall:
    return Syscall(name or call, call, tuple(param.kind for param in CALLS[call]))


_MMAP = (Kind.ADDR, Kind.SIZE, Kind.PROT, Kind.MAP, Kind.FD, PAD, Kind.OFFSET)

# Numbers of NetBSD's sys/kern/syscalls.master.
SYSCALLS: Mapping[int, Syscall] = {
    1: _same("exit"),
    2: _same("fork"),
    3: Syscall("read", "", (Kind.FD, Kind.ADDR, Kind.SIZE)),
    4: Syscall("write", "", (Kind.FD, Kind.ADDR, Kind.SIZE)),
    20: Syscall("getpid", "", ()),
    59: _same("exec", "execve"),
    66: _same("vfork"),
    73: _same("munmap"),
    74: _same("mprotect"),
    75: _same("madvise"),
    78: _same("mincore"),
    165: Syscall("sysarch", "", (Kind.SYSARCH, Kind.ADDR)),  # takes a pointer to slot and base
    197: Syscall("mmap", "mmap", _MMAP),
    203: _same("mlock"),
    204: _same("munlock"),
    242: _same("mlockall"),
    243: _same("munlockall"),
    273: _same("minherit"),
    277: _same("msync"),
    282: _same("vfork"),
    308: Syscall("setcontext", "", (Kind.ADDR,)),
    309: _same("lwp_create", "_lwp_create"),
    310: _same("lwp_exit", "_lwp_exit"),
    311: Syscall("_lwp_self", "", ()),
    340: Syscall("sigaction", "", (Kind.SIGNAL, Kind.ADDR)),  # takes a pointer where the op takes the handler
    411: _same("mremap"),
}
# Calls of single designs, with the numbers of their systems.
OWN: Mapping[int, Syscall] = {
    37: _same("msyscall"),
    157: _same("sud"),
    159: _same("mimmutable"),
    317: _same("seccomp"),
    511: Syscall("syscallemu", "syscallemu", (Kind.ADDR, Kind.ADDR)),
}
# Calls that make the call whose number is their first argument. OpenBSD 7.5, whose pins are by number, has removed them.
INDIRECT = {0: "syscall", 198: "__syscall"}
WITHOUT_INDIRECT = "pinsyscalls"
NUMBERS = 512  # a number is taken modulo this

# Decoders of a whole number of stack words, by that number; an attempt carries at most 64 bytes.
QWORDS = [struct.Struct(f"<{count}Q") for count in range(9)]
DWORDS = [struct.Struct(f"<{count}I") for count in range(17)]


def request(mode: Mode, attempt: Attempt, own: frozenset[str] = frozenset()) -> Request:
    """What the entry `attempt` asks for on a design with the calls `own` beside the usual; an indirect call is taken to its target, once,
    where there are any."""
    number = attempt.regs[RAX] % NUMBERS
    skip = 0
    if number in INDIRECT and WITHOUT_INDIRECT not in own:
        name = INDIRECT[number]
        skip = 2 if name == "__syscall" and mode == "i386" else 1
        words = _words(mode, attempt)
        if len(words) < skip:
            return Request(name, None, None)
        number = words[0] % NUMBERS
    syscall = SYSCALLS.get(number)
    if syscall is None and own:
        syscall = OWN.get(number)
        if syscall is not None and syscall.call not in own:
            syscall = None
    if syscall is None:
        return Request(f"#{number}", None, ())
    name, _, kinds = syscall
    if not kinds:
        return Request(name, syscall, ())
    return Request(name, syscall, _arguments(mode, kinds, _words(mode, attempt)[skip:]))


def _words(mode: Mode, attempt: Attempt) -> tuple[int, ...]:
    """The argument words that can be read: amd64 has six in registers; what is on the stack lies behind them."""
    stack, regs = attempt.stack, attempt.regs
    if mode == "i386":
        return DWORDS[len(stack) // 4].unpack_from(stack)
    words = QWORDS[len(stack) // 8].unpack_from(stack)
    return (regs[RDI], regs[RSI], regs[RDX], regs[R10], regs[R8], regs[R9], *words)


def _arguments(mode: Mode, kinds: tuple[str, ...], words: tuple[int, ...]) -> tuple[int, ...] | None:
    args = []
    at = 0
    for kind in kinds:
        if at >= len(words):
            return None
        word = words[at]
        at += 1
        if kind in WIDE:
            args.append(word)
        elif kind == Kind.FD:
            args.append((word & INT ^ 1 << 31) - (1 << 31))
        elif kind != PAD:
            args.append(word & INT)
        if kind == Kind.OFFSET and mode == "i386":
            if at >= len(words):
                return None
            args[-1] |= words[at] << 32
            at += 1
    return tuple(args)
