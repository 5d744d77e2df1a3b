"""Whether a core has the methods of the protocol, and whether each answers in the right form where the answer is known at boot.

Every method is asked once or twice of cores that have just booted, in both modes; what a core must do beyond that is a matter of programs.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sysfuzz.kernel.protocol import Boot, Core, Frame, KernelPanic
from sysfuzz.machine.memory import GuestMemory
from sysfuzz.program.ir import CALLS, MODES, Mode
from sysfuzz.program.layout import LAYOUTS, STACK_HEADROOM, USER_CODE32, USER_CODE64
from sysfuzz.program.names import ERRNO, PAGE, RAX, REGISTERS, RSP
from sysfuzz.targets.answers import (
    expect,
    expect_page,
    expect_reply,
    expect_segments,
    expect_truth,
    expect_views,
    expect_words,
)
from sysfuzz.targets.conformance import NO_CALLS

_GETPID = 20
_PAGE_FAULT = 14
_FLAGS = 0x202  # interrupts are on, as in every user's flags


class Method(NamedTuple):
    """One method, and what is wrong with it: "" if nothing is."""

    signature: str
    wants: str
    wrong: str = ""


class _Wrong(Exception):
    """An answer in the right form that cannot be right."""


_Check = Callable[[Core, Mode], None]


def methods(boot: Boot, unsupported: frozenset[str] = frozenset()) -> list[Method]:
    """What each method makes of the questions. `unsupported` are the calls that the core says it does not have."""
    found = []
    for name, (signature, wants, check) in _METHODS.items():
        told = ""
        for mode in MODES:
            try:
                core = boot(mode, GuestMemory())
            except (Exception, SystemExit) as error:
                return [Method("boot(mode, memory)", "a core, in both modes", f"{mode}: raised {_said(error)}")]
            told = told or _ask(core, mode, name, check)
        found.append(Method(signature, wants, told))
    if unsupported:
        told = next(_answered(boot(MODES[0], GuestMemory()), unsupported), "")
        found.append(Method("unsupported", "names of calls that answer ENOSYS", told))
    return found


def _ask(core: Core, mode: Mode, name: str, check: _Check) -> str:
    """What is wrong with a method, "" if nothing is."""
    if not callable(getattr(core, name, None)):
        return "missing"
    try:
        check(core, mode)
    except (KernelPanic, _Wrong) as error:
        return str(error)
    except (Exception, SystemExit) as error:
        return f"raised {_said(error)}"
    return ""


def _said(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _answered(core: Core, unsupported: frozenset[str]) -> Iterator[str]:
    """Calls that are said not to be there, and yet answer otherwise."""
    for name in CALLS:
        if name in unsupported - NO_CALLS:
            try:
                answer: object = core.call(1, 1, name, (0,) * len(CALLS[name]))
            except (Exception, SystemExit) as error:
                yield f"{name} raised {_said(error)}"
                continue
            if answer != "ENOSYS":
                yield f"{name} answered {answer!r}"


def _must(answer: object, wanted: object) -> None:
    if answer != wanted:
        raise _Wrong(f"answered {answer!r}, expected {wanted!r}")


def _frame(mode: Mode, gate: str, pc: int) -> Frame:
    regs = [0] * len(REGISTERS[mode])
    regs[RAX], regs[RSP] = _GETPID, LAYOUTS[mode].stack_top - STACK_HEADROOM
    return Frame(gate, pc, USER_CODE64 if mode == "amd64" else USER_CODE32, _FLAGS, regs)


def _call(core: Core, mode: Mode) -> None:
    answer = core.call(1, 1, "munmap", (2 * PAGE, PAGE))
    expect((int, str), answer, "call")
    if isinstance(answer, str) and answer not in ERRNO:
        raise _Wrong(f"answered {answer!r}, which names no errno; there are {', '.join(ERRNO)}")


def _enter(core: Core, mode: Mode) -> None:
    frame = _frame(mode, "int80", 2 * PAGE)
    reply = core.enter(1, 1, frame)
    expect_reply(reply, frame, len(REGISTERS[mode]), "enter")
    if reply.signal is not None or reply.call != "getpid":
        raise _Wrong(f"of getpid from a page without attributes became {reply.signal or reply.call!r}")
    _must(frame.regs[RAX], 1)


def _fault(core: Core, mode: Mode) -> None:
    frame = _frame(mode, "", 2 * PAGE)
    reply = core.fault(1, 1, frame, _PAGE_FAULT, 2 * PAGE)
    expect_reply(reply, frame, len(REGISTERS[mode]), "fault")
    if reply.signal is None:
        raise _Wrong("of a page fault was answered with no signal")
    _must(reply.signal.signal, "SIGSEGV")


def _fill(core: Core, mode: Mode) -> None:
    page = expect_page(core.fill(1, LAYOUTS[mode].stack, "write"), GuestMemory().size)
    if page is None:
        raise _Wrong("answered None for the stack, which is mapped to be read and written")
    _must(page[1] & 3, 3)
    _must(core.fill(1, 2 * PAGE, "read"), None)


def _poke(core: Core, mode: Mode) -> None:
    _must(core.poke(1, LAYOUTS[mode].trampoline, b"\xc3"), 0)
    _must(core.poke(1, 2 * PAGE, b"\xc3"), "EFAULT")


def _peek(core: Core, mode: Mode) -> None:
    _must(core.peek(1, LAYOUTS[mode].stack, 2), b"\0\0")
    _must(core.peek(1, 2 * PAGE, 2), "EFAULT")


def _alive(core: Core, mode: Mode) -> None:
    for pid, lwp, wanted in ((1, 1, 1), (1, 0, 1), (1, 2, 0), (2, 0, 0)):
        _must(core.alive(pid, lwp), wanted)


def _sysenter_enabled(core: Core, mode: Mode) -> None:
    expect_truth(core.sysenter_enabled(1), "sysenter_enabled")


def _segments(core: Core, mode: Mode) -> None:
    _must(expect_segments(core.segments(1)), ())


def _views(core: Core, mode: Mode) -> None:
    views = core.views()
    expect_views(views, ())
    _must([view.pid for view in views], [1])
    layout = LAYOUTS[mode]
    for what, addr in (("stack", layout.stack), ("trampoline", layout.trampoline)):
        if not any(region.start <= addr < region.end for region in views[0].regions):
            raise _Wrong(f"shows no region with the {what}, {addr:#x}")


def _transitions(core: Core, mode: Mode) -> None:
    expect_words(core.transitions())


def _check(core: Core, mode: Mode) -> None:
    _must(core.check(), "")


# By name: how it is called, what it returns, and the check.
_METHODS: dict[str, tuple[str, str, _Check]] = {
    "call": ("call(pid, lwp, name, args)", "a number, or the name of an errno", _call),
    "enter": ("enter(pid, lwp, frame)", "a Reply, and a frame that can be resumed", _enter),
    "fault": ("fault(pid, lwp, frame, vector, addr)", "a Reply with a signal", _fault),
    "fill": ("fill(pid, vaddr, access)", "(physical address, PROT_ bits) of a page of the memory, or None", _fill),
    "poke": ("poke(pid, addr, data)", "0, or EFAULT", _poke),
    "peek": ("peek(pid, addr, count)", "bytes, or EFAULT", _peek),
    "alive": ("alive(pid, lwp)", "the number of an LWP, or 0", _alive),
    "sysenter_enabled": ("sysenter_enabled(pid)", "a truth value", _sysenter_enabled),
    "segments": ("segments(pid)", "a tuple of (slot, base), () at boot", _segments),
    "views": ("views()", "a tuple of View, of process 1 with stack and trampoline at boot", _views),
    "transitions": ("transitions()", "a tuple of words", _transitions),
    "check": ("check()", '"", or what is wrong', _check),
}
