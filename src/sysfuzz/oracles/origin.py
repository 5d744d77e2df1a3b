"""What is out of the ordinary about the place that a kernel entry comes from, in words for its cause.

The ordinary entry is made by the first LWP, in code of the program's own mode, lies wholly in a flagged page or wholly away from all of
them, and its page has been what it is since it was mapped. A check that fails there fails for its gate. One that fails only elsewhere looks
at the wrong bytes, or at the right ones too late; the words say which. The bytes are those that the semantics derive from the saved
address, which with a prefix may be others than the CPU read; attributes are the spec's.
"""

from collections.abc import Callable, Iterator

from sysfuzz.oracles.case import Case
from sysfuzz.program.layout import VSYSCALLS
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import NOSYSCALLS, Attempt, Reply
from sysfuzz.spec.doors import SIZES, forbids, span
from sysfuzz.spec.expect import Dispatch, Signal, State
from sysfuzz.spec.promise import REFERENCE, Promise

_LONGEST = 15  # bytes of an instruction


def family(attempt: Attempt) -> str:
    """The gate; the two call gates are one, since they share all of their code."""
    if attempt.gate:
        return "lcall" if attempt.gate.startswith("lcall") else attempt.gate
    return "vsyscall" if attempt.start in VSYSCALLS else "fault"


def door(case: Case, attempt: Attempt) -> str:
    """What a cause calls the way in.

    Designs with a check of their own have one for all entries that tell where they came from, so that gates do not matter there; those that
    the kernel moves, or that save nothing, are another way.
    """
    if case.promise.name == REFERENCE.name or not attempt.gate:
        return family(attempt)
    moved = attempt.gate == "syscall" and attempt.bits == 32 and case.promise.sysenter == "on"
    return "moved" if moved or attempt.gate == "sysenter" else "entry"


def escaped(
    case: Case, attempt: Attempt, reply: Reply, wanted: Dispatch | Signal, pid: int, states: tuple[State, ...]
) -> bool:
    """Whether a call was let in from where none may come.

    The flag's own promise is judged by where the CPU found the opcode, not by what the core could know, and whatever the instruction is: one
    that is no kernel entry at all must not become one. Other designs speak of entries, and of what they were told about them.
    """
    if not reply.call:
        return False
    if case.promise.name == REFERENCE.name:
        return bool(flagged_pages(attempt, pid, states))
    return isinstance(wanted, Signal) and not wanted.unfetched and family(attempt) != "fault"


def flagged_pages(attempt: Attempt, pid: int, states: tuple[State, ...]) -> list[int]:
    """Numbers of the pages with no-syscalls, by the spec, that hold an opcode byte, as the CPU read them."""
    return [number for number in opcode_pages(attempt) if _is_flagged(number * PAGE, pid, states)]


def opcode_pages(attempt: Attempt) -> list[int]:
    """Numbers of the pages that hold an opcode byte, as the CPU read them."""
    return sorted({at // PAGE for at in _opcode(attempt)})


def circumstances(case: Case, op: int, event: int, call: str) -> list[str]:
    """Words of `kinship.CIRCUMSTANCES` that hold for attempt `event` of the run `op`, which makes `call`.

    sysenter leaves no address behind that could be the wrong one: it has none.
    """
    attempt, pid, states = _attempt(case, op, event)
    if not attempt.gate or attempt.gate == "sysenter":
        return []
    if case.promise.name != REFERENCE.name:
        words = ["base"] if attempt.base else []
        return (
            []
            if door(case, attempt) == "moved"
            else words + _position(case.promise, attempt, _forbidden(case, op, pid, states))
        )
    words = []
    if call == "setcontext":  # the return from a handler, which kernels are tempted to let through
        words.append("setcontext")
    if case.lwp(op) > 1:
        words.append("lwp")
    if case.program.mode == "amd64" and attempt.bits == 32:
        words.append("compat")
    if attempt.base:
        words.append("base")
    if attempt.base + (attempt.pc - SIZES[attempt.gate]) % (1 << attempt.bits) >> attempt.bits:
        words.append("wrap")
    words += _position(case.promise, attempt, _forbidden(case, op, pid, states))
    if _is_stale(case, op, event):
        words.append("stale")
    return words


def _forbidden(case: Case, op: int, pid: int, states: tuple[State, ...]) -> Callable[[int], bool]:
    """Whether no call may come from a linear address, as things stood."""
    promise = case.promise
    lwp = case.lwp(op)
    for state in states:
        if state.pid == pid:
            pages, guard = state.pages, state.guard
            return lambda addr: forbids(promise, pages, guard, lwp, addr)
    return lambda addr: False


def _position(promise: Promise, attempt: Attempt, forbidden: Callable[[int], bool]) -> list[str]:
    """Which bytes are flagged, if it is some of the opcode's, or of those around it."""
    first, size = span(promise, attempt)
    mask = (1 << attempt.bits) - 1
    flags = [forbidden((first + i) & mask) for i in range(size)]
    behind = forbidden((first + size) & mask)
    if all(flags):
        return [] if behind else ["next"]
    if any(flags):
        return ["head" if flags[0] else "tail"]
    if behind:
        return ["next"]
    return ["before"] if any(forbidden((first - i) & mask) for i in range(1, _LONGEST)) else []


def _is_stale(case: Case, op: int, event: int) -> bool:
    """Whether a page of the opcode had another attribute when the same process made an earlier entry from it."""
    attempt, pid, states = _attempt(case, op, event)
    now = {at // PAGE: _is_flagged(at, pid, states) for at in _opcode(attempt)}
    for index, number, who, earlier, _, then in case.attempts():
        if (index, number) >= (op, event):
            return False
        assert earlier.attempt is not None
        if who == pid and earlier.attempt.gate:
            for at in _opcode(earlier.attempt):
                if now.get(at // PAGE, _is_flagged(at, pid, then)) != _is_flagged(at, pid, then):
                    return True
    return False


def _attempt(case: Case, op: int, event: int) -> tuple[Attempt, int, tuple[State, ...]]:
    """Attempt `event` of the run `op`, its process, and the states before it."""
    for index, number, pid, seen, _, states in case.attempts():
        if (index, number) == (op, event):
            assert seen.attempt is not None
            return seen.attempt, pid, states
    raise LookupError(f"op {op} has no attempt {event}")


def _opcode(attempt: Attempt) -> Iterator[int]:
    """Linear addresses of the opcode bytes."""
    mask = (1 << attempt.bits) - 1
    return ((attempt.opcode + i) & mask for i in range(max(attempt.size, 1)))


def _is_flagged(addr: int, pid: int, states: tuple[State, ...]) -> bool:
    for state in states:
        if state.pid == pid:
            page = state.pages.get(addr // PAGE)
            return page is not None and bool(page.attributes & NOSYSCALLS)
    return False
