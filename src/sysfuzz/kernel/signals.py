"""Signals: which one an exception makes, the frame that a handler gets, and the way back by setcontext.

The frame's layout is this kernel's own, in words of the mode's width. A ucontext is (blocked signals as a mask, CS, PC, flags, general
registers in register-number order); a siginfo is (signal, code number, address). amd64 hands the handler its arguments in RDI, RSI, RDX, i386 on
the stack; both find the trampoline as return address, which calls setcontext. Delivery decides nothing about entries.
"""

import struct

from sysfuzz.kernel.process import Process
from sysfuzz.kernel.protocol import Frame
from sysfuzz.kernel.usermem import UserMemory
from sysfuzz.program.ir import Mode
from sysfuzz.program.layout import LAYOUTS, USER_CODE32, USER_CODE64
from sysfuzz.program.names import RDI, RDX, RSI, RSP, SIGNAL
from sysfuzz.program.outcome import Delivered, Reply

# Exception vector -> signal and code (NetBSD sys/arch/amd64/amd64/trap.c); page faults and #GP are decided where the map is known.
BY_VECTOR = {
    0: ("SIGFPE", "FPE_INTDIV"),
    1: ("SIGTRAP", "TRAP_TRACE"),
    3: ("SIGTRAP", "TRAP_BRKPT"),
    4: ("SIGFPE", "FPE_INTOVF"),
    5: ("SIGFPE", "FPE_FLTSUB"),
    6: ("SIGILL", "ILL_ILLOPC"),
    7: ("SIGFPE", "FPE_FLTINV"),
    11: ("SIGBUS", "BUS_ADRERR"),
    12: ("SIGBUS", "BUS_ADRERR"),
    13: ("SIGSEGV", "SEGV_ACCERR"),
    16: ("SIGFPE", "FPE_FLTINV"),
    17: ("SIGBUS", "BUS_ADRALN"),
    19: ("SIGFPE", "FPE_FLTINV"),
}

# Numbers of the codes (sys/siginfo.h).
CODES = {
    "ILL_ILLOPC": 1, "ILL_ILLTRP": 4,
    "FPE_INTDIV": 1, "FPE_INTOVF": 2, "FPE_FLTINV": 7, "FPE_FLTSUB": 8,
    "SEGV_MAPERR": 1, "SEGV_ACCERR": 2,
    "BUS_ADRALN": 1, "BUS_ADRERR": 2,
    "TRAP_BRKPT": 1, "TRAP_TRACE": 2,
    "SYS_SECCOMP": 1, "SYS_USER_DISPATCH": 2,
}  # fmt: skip

# amd64: mov rdi, rsp; mov eax, 308; syscall.  i386: mov eax, [esp+8]; push eax; push 0; mov eax, 308; int 0x80.
TRAMPOLINE: dict[Mode, bytes] = {
    "amd64": bytes.fromhex("4889e7 b834010000 0f05"),
    "i386": bytes.fromhex("8b442408 50 6a00 b834010000 cd80"),
}

_RED_ZONE = 128  # below RSP, amd64 code may keep data (System V ABI, amd64 supplement, 3.2.2)
_FLAGS_USER = 0xCD5  # the arithmetic flags and DF: what setcontext may change
_FLAGS_FIXED = 0x202  # bit 1 and IF


_FORMATS: dict[Mode, struct.Struct] = {
    "amd64": struct.Struct("<20Q"),
    "i386": struct.Struct("<12I"),
}


def deliver(
    mode: Mode,
    process: Process,
    lwp: int,
    memory: UserMemory,
    frame: Frame,
    signal: str,
    code: str,
    addr: int,
) -> Delivered:
    """Send `signal` to the LWP whose context is `frame`; if a handler takes it, `frame` becomes the handler's first instruction.

    The signal ends the run (`handled` is False) if there is no handler, if it is masked, or if the stack cannot take the frame.
    """
    number = SIGNAL[signal]
    pc, regs = frame.pc, tuple(frame.regs)
    handler = process.handlers.get(number, 0)
    mask = process.lwps[lwp]
    handled = False
    if handler and number not in mask:
        handled = _push(
            mode,
            process,
            memory,
            frame,
            number,
            CODES[code],
            addr,
            sum(1 << n for n in mask),
        )
    if handled:
        process.lwps[lwp] = mask | {number}
        frame.pc = handler
        frame.cs = USER_CODE64 if mode == "amd64" else USER_CODE32
        frame.flags &= ~0x400  # handlers start with the direction flag clear (System V ABI)
    return Delivered(signal, code, addr, pc, regs, handled)


def unhandled(frame: Frame, signal: str, code: str, addr: int) -> Reply:
    """Send `signal` to an LWP that has no handler for it: the run ends. All that a core needs that knows of no sigaction."""
    return Reply(signal=Delivered(signal, code, addr, frame.pc, tuple(frame.regs), handled=False))


def _push(
    mode: Mode,
    process: Process,
    memory: UserMemory,
    frame: Frame,
    number: int,
    code: int,
    addr: int,
    mask: int,
) -> bool:
    """Write the signal frame below the stack pointer and load the handler's arguments."""
    layout = LAYOUTS[mode]
    context = _FORMATS[mode].pack(mask & layout.mask, frame.cs, frame.pc & layout.mask, frame.flags, *frame.regs)
    sp = frame.regs[RSP]
    if mode == "amd64":
        info = struct.pack("<3Q", number, code, addr & layout.mask)
        top = (sp - _RED_ZONE - len(context) - len(info)) & layout.mask & ~15
        image = context + info
        sp = (top - 8) & layout.mask
        image = struct.pack("<Q", layout.trampoline) + image
        arguments = {RDI: number, RSI: top + len(context), RDX: top}
    else:
        info = struct.pack("<3I", number, code, addr & layout.mask)
        top = (sp - len(context) - len(info)) & layout.mask & ~15
        sp = (top - 16) & layout.mask
        image = (
            struct.pack(
                "<4I",
                layout.trampoline,
                number,
                (top + len(context)) & layout.mask,
                top,
            )
            + context
            + info
        )
        arguments = {}
    if not memory.copyout(process, sp, image):
        return False
    for register, value in arguments.items():
        frame.regs[register] = value & layout.mask
    frame.regs[RSP] = sp
    return True


def setcontext(mode: Mode, process: Process, lwp: int, memory: UserMemory, frame: Frame, addr: int) -> str | None:
    """Make `frame` what the ucontext at `addr` says; an errno name if it cannot be read (EFAULT) or names no user code segment (EINVAL)."""
    layout = LAYOUTS[mode]
    form = _FORMATS[mode]
    data = memory.copyin(process, addr, form.size)
    if data is None:
        return "EFAULT"
    mask, cs, pc, flags, *regs = form.unpack(data)
    if not _is_user_code(mode, process, cs):
        return "EINVAL"
    process.lwps[lwp] = {number for number in range(1, layout.bits) if mask >> number & 1}
    frame.cs, frame.pc, frame.regs[:] = cs, pc, regs
    frame.flags = flags & _FLAGS_USER | _FLAGS_FIXED
    return None


def _is_user_code(mode: Mode, process: Process, cs: int) -> bool:
    if cs == USER_CODE32 or (cs == USER_CODE64 and mode == "amd64"):
        return True
    return cs & 7 == 7 and cs >> 3 in process.segments
