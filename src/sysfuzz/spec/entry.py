"""What must become of an instruction that tried to enter the kernel, or faulted.

The decision follows from what hardware saves (the next address; for SYSENTER nothing) and the pages; if the call is
let in, it has the same effect as the op of that name. Of the core's reply only the result of a call that leaves the
address open is looked at. An attempt whose instruction the pages do not let the CPU fetch is none: what was due is the
page fault.
"""

from collections.abc import Mapping

from sysfuzz.program.names import PAGE, RBP, RSP, SIGNAL, SYSARCH
from sysfuzz.program.outcome import NOSYSCALLS, Attempt, Result
from sysfuzz.spec.abi import Request, request
from sysfuzz.spec.calls import call
from sysfuzz.spec.doors import SIZES, Refused, refusal, vsyscall, vsyscall_refusal
from sysfuzz.spec.expect import UNSPECIFIED, Dispatch, Expectation, Signal
from sysfuzz.spec.pages import EXEC, READ, past_end, touchable
from sysfuzz.spec.process import SIGNALS, UNCATCHABLE
from sysfuzz.spec.promise import REFERENCE
from sysfuzz.spec.world import World

ENDS = {"exit": "exit", "lwp_exit": "exit", "exec": "exec"}
GENERAL_PROTECTION = 13
PAGE_FAULT = 14
DESCRIPTORS = range(7)  # a terminal three times, three files, a pipe

# Signal and code by exception vector (Intel SDM vol. 3, table 6-1); "" where the semantics give no code.
FAULTS: Mapping[int, tuple[str, str]] = {
    0: ("SIGFPE", ""),  # divide error
    1: ("SIGTRAP", ""),  # debug: icebp
    3: ("SIGTRAP", ""),  # breakpoint
    4: ("SIGFPE", ""),  # overflow
    6: ("SIGILL", "ILL_ILLOPC"),  # invalid opcode
    11: ("SIGBUS", ""),  # segment not present
    12: ("SIGBUS", ""),  # stack segment
    13: ("SIGSEGV", "SEGV_ACCERR"),  # general protection
    16: ("SIGFPE", ""),  # x87
    17: ("SIGBUS", ""),  # alignment check
    19: ("SIGFPE", ""),  # SIMD
}


def decide(world: World, attempt: Attempt, answer: Result) -> Dispatch | Signal:
    """Decide about `attempt` of the running LWP, which is alive, and do the call if it is let in.

    `answer` is what the core returned from the call, if it made one. SYSENTER is judged by the mark alone: whether
    the CPU refused it (vector 13) or let it in is the core's doing, and right only if a marked process was refused
    and another was not.
    """
    refused = _first_unfetchable(world, attempt)
    if refused is not None:
        return _unfetched(world, attempt, refused)
    if not attempt.gate:
        return _vsyscall(world, attempt) or _fault(world, attempt)
    if world.promise.name != REFERENCE.name:
        return _own_door(world, attempt) or _dispatch(world, attempt, answer)
    if attempt.gate == "sysenter":
        if world.process.marked:
            return _blocked(world, attempt, attempt.opcode, (attempt.opcode - attempt.base) & _mask(attempt))
        return _dispatch(world, attempt, answer)
    size = SIZES[attempt.gate]
    mask = _mask(attempt)
    offset = (attempt.pc - size) & mask
    origin = offset if attempt.bits == 64 else (attempt.base + offset) & mask
    pages = world.space.pages
    for i in range(size):
        page = pages.get(((origin + i) & mask) // PAGE)
        if page is not None and page.attributes & NOSYSCALLS:
            return _blocked(world, attempt, origin, offset)
    return _dispatch(world, attempt, answer)


def _first_unfetchable(world: World, attempt: Attempt) -> int | None:
    """Linear address of the instruction's first byte that cannot be fetched; None if all can, or the attempt says so itself.

    Looked at are the bytes that the CPU has surely fetched: all of an entry, the prefixes of a fault, and the first.
    """
    mask = _mask(attempt)
    start = attempt.start
    count = (attempt.opcode - start & mask) + (attempt.size if attempt.gate else 0) or 1
    pages = world.space.pages
    page = pages.get(start // PAGE)
    if page is not None and page.prot & EXEC and not past_end(page) and start % PAGE + count <= PAGE:
        return None  # nearly always
    for i in range(count):
        at = start + i & mask
        page = pages.get(at // PAGE)
        if page is None or not page.prot & EXEC or past_end(page):
            return None if attempt.data == at or _elsewhere(world, attempt) else at
    return None


def _elsewhere(world: World, attempt: Attempt) -> bool:
    """Whether the CPU may not have been at `start`.

    A #GP is also what comes of an address that is none, and of an IRET that has led to anywhere. A far return to 32-bit
    code above 4 GiB, which by rights is one, goes on there if there is a page, and `start` is the low half.
    """
    if not attempt.gate and attempt.vector == GENERAL_PROTECTION:
        return True
    if attempt.bits == world.layout.bits:
        return False
    if attempt.data is not None and attempt.data > _mask(attempt):
        return True
    low, number = _mask(attempt) // PAGE, attempt.start // PAGE
    return any(n > low and n & low == number and page.prot & EXEC for n, page in world.space.pages.items())


def _own_door(world: World, attempt: Attempt) -> Signal | None:
    """The signal that is due on a design other than the flag's."""
    if attempt.gate == "sysenter" and world.promise.sysenter == "off":
        return _fault(world, attempt)
    refused = refusal(world, attempt)
    return None if refused is None else _refused(world, attempt, refused)


def _refused(world: World, attempt: Attempt, refused: Refused) -> Signal:
    due = _signal(world, attempt, refused.signal, refused.code, refused.addr, refused.pc)
    if attempt.gate == "sysenter":  # the stack pointer is lost, and by convention EBP has it
        regs = attempt.regs
        due = due._replace(regs=(*regs[:RSP], regs[RBP], *regs[RSP + 1 :]))
    return due._replace(handled=False) if refused.forced else due


def _vsyscall(world: World, attempt: Attempt) -> Dispatch | Signal | None:
    """What becomes of a jump to the vsyscall page, whose calls have no effect on the model; None: it is any fault."""
    name = vsyscall(world, attempt)
    if not name or not touchable(world.space.pages, attempt.regs[RSP], world.layout.bits // 8, READ):
        return None
    refused = vsyscall_refusal(world, attempt)
    return Dispatch(name, None, 0, "") if refused is None else _refused(world, attempt, refused)


def _mask(attempt: Attempt) -> int:
    return (1 << attempt.bits) - 1


def _blocked(world: World, attempt: Attempt, origin: int, pc: int) -> Signal:
    return _signal(world, attempt, "SIGILL", "ILL_ILLTRP", origin, pc)


def _fault(world: World, attempt: Attempt) -> Signal:
    """An exception. Past a file's end it is SIGBUS whatever the protection: nothing says which access it was."""
    if attempt.vector != PAGE_FAULT or attempt.data is None:
        signal, code = FAULTS.get(attempt.vector, ("", ""))
        return _signal(world, attempt, signal, code, None, attempt.pc)
    signal, code = _page_fault(world, attempt.data)
    return _signal(world, attempt, signal, code, attempt.data, attempt.pc)


def _unfetched(world: World, attempt: Attempt, at: int) -> Signal:
    signal, code = _page_fault(world, at)
    pc = attempt.start - attempt.base & _mask(attempt)
    return _signal(world, attempt, signal, code, at, pc)._replace(unfetched=True)


def _page_fault(world: World, at: int) -> tuple[str, str]:
    """Signal and code of an access to the linear address `at` that was refused."""
    page = world.space.pages.get(at // PAGE)
    if page is None:
        return "SIGSEGV", "SEGV_MAPERR"
    return ("SIGBUS", "") if past_end(page) else ("SIGSEGV", "SEGV_ACCERR")


def _signal(world: World, attempt: Attempt, signal: str, code: str, addr: int | None, pc: int) -> Signal:
    handled = False if signal and SIGNAL[signal] not in world.process.handled else None
    return Signal(signal, code, addr, pc, attempt.regs, handled)


def _dispatch(world: World, attempt: Attempt, answer: Result) -> Dispatch:
    asked = request(world.mode, attempt, world.promise.calls)
    if asked.args is None:
        return Dispatch(asked.name, None, "EFAULT", "")
    if asked.syscall is None:
        return Dispatch(asked.name, None, "ENOSYS", "")
    name = asked.syscall.call
    if {asked.name, name} & world.promise.without:
        return Dispatch(asked.name, asked.args or None, "ENOSYS", "")
    if not name:
        return Dispatch(asked.name, None, _without_op(world, asked, asked.args), "")
    world.answer = answer
    result = call(world, name, asked.args)
    return Dispatch(asked.name, asked.args or None, result, ENDS.get(name, ""))


def _without_op(world: World, asked: Request, args: tuple[int, ...]) -> Expectation:
    """Calls that code can make and no op is: they leave the map alone."""
    if asked.name == "getpid":
        return world.pid
    if asked.name == "_lwp_self":
        return world.lwp
    if asked.name == "sigaction":
        return _sigaction(world, *args)
    if asked.name == "sysarch":
        return _sysarch(world, *args)
    if asked.name in ("read", "write"):
        return 0 if args[0] in DESCRIPTORS else "EBADF"
    return UNSPECIFIED


def _sysarch(world: World, op: int, pointer: int) -> Expectation:
    """sysarch with slot and base in memory, whose contents are not modelled: the slot, or EINVAL for a wrong one."""
    if world.mode != "i386" or not world.promise.has_segments or op != SYSARCH["I386_SET_LDT"]:
        return "EINVAL"
    return UNSPECIFIED if touchable(world.space.pages, pointer, 8, READ) else "EFAULT"


def _sigaction(world: World, signal: int, pointer: int) -> Expectation:
    """sigaction with its structure in memory, whose contents are not modelled: afterwards there may be a handler."""
    if not touchable(world.space.pages, pointer, world.layout.bits // 8, READ):
        return "EFAULT"
    if signal not in SIGNALS or signal in UNCATCHABLE:
        return "EINVAL"
    process = world.process
    process.handled = process.handled | {signal}
    return 0
