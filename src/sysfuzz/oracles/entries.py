"""The oracles of the kernel entry: escape, blocked, frame, lock.

All four compare what the core did about one attempt with what the spec decides from the CPU's truth. They are one file because they divide
one question among them: no attempt is reported by two of them.
"""

from collections.abc import Iterator

from sysfuzz.oracles.case import MARK, Case
from sysfuzz.oracles.verdict import Verdict
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import NOSYSCALLS, Attempt, Delivered, Event
from sysfuzz.spec.expect import Dispatch, Signal, State

_CHECK_FIELDS = ("attributes", "mapped")


def _pages(attempt: Attempt) -> Iterator[int]:
    """Numbers of the pages that hold an opcode byte, as the CPU read them."""
    mask = (1 << attempt.bits) - 1
    return iter(sorted({(attempt.opcode + i & mask) // PAGE for i in range(attempt.size)}))


def _flagged(attempt: Attempt, pid: int, states: tuple[State, ...]) -> list[int]:
    """Those of them that carry no-syscalls, by the spec."""
    for state in states:
        if state.pid == pid:
            found = []
            for number in _pages(attempt):
                page = state.pages.get(number)
                if page is not None and page.attributes & NOSYSCALLS:
                    found.append(number)
            return found
    return []


def escape(case: Case) -> Iterator[Verdict]:
    """A call whose instruction has a byte in a no-syscalls page reached the dispatcher.

    This is the promise of the flag itself, so it is judged by where the CPU found the opcode, not by what the core could know. A marked
    process that gets in by sysenter, from wherever, breaks it too, since nobody records the origin of a sysenter: that is the process flag's
    fault. A far call through memory that is shorter than seven bytes, just behind a flagged page, is none: its bytes are elsewhere.
    """
    for op, number, pid, event, wanted, states in case.attempts():
        attempt, reply = event.attempt, event.reply
        assert attempt is not None and reply is not None
        if not attempt.gate or not reply.call:
            continue
        flagged = _flagged(attempt, pid, states)
        if flagged:
            cause = case.blame(pid, iter(flagged), op, number, (*_CHECK_FIELDS, MARK)) or f"check/{_family(attempt)}"
            yield Verdict("escape", op, "SIGILL", f"{reply.call} dispatched", cause, number)
        elif attempt.gate == "sysenter" and isinstance(wanted.decision, Signal) and _any_attribute(pid, states):
            cause = case.blame(pid, iter(()), op, number, (MARK,)) or "check/sysenter"
            yield Verdict("process-flag", op, "SIGILL", f"{reply.call} dispatched", cause, number)


def blocked(case: Case) -> Iterator[Verdict]:
    """A call was refused that no byte of a no-syscalls page has to do with: the flag costs a program its function.

    Without this oracle a core that blocks everything would be perfect.
    """
    for op, number, pid, event, wanted, _ in case.attempts():
        attempt, reply = event.attempt, event.reply
        assert attempt is not None and reply is not None
        if attempt.gate and isinstance(wanted.decision, Dispatch) and reply.signal is not None:
            pages = iter(range((attempt.opcode - 7) // PAGE, (attempt.opcode + 7) // PAGE + 1))
            cause = case.blame(pid, pages, op, number, _CHECK_FIELDS) or f"overblock/{_family(attempt)}"
            yield Verdict(
                "blocked",
                op,
                f"{wanted.decision.call} dispatched",
                _text(reply.signal),
                cause,
                number,
            )


def frame(case: Case) -> Iterator[Verdict]:
    """A signal arrived with the wrong code, address, PC or registers: the monitor would emulate something else, or go on elsewhere.

    For a refused call the monitor needs ILL_ILLTRP, the address of the opcode, the PC there, and every other register untouched.
    """
    for op, number, _, event, wanted, _ in case.attempts():
        attempt, reply, decision = event.attempt, event.reply, wanted.decision
        assert attempt is not None and reply is not None
        if not isinstance(decision, Signal) or reply.signal is None:
            continue
        for field, expected, actual in _frame_differences(decision, reply.signal):
            where = _family(attempt) if attempt.gate else "fault"
            yield Verdict(
                "sigill-frame",
                op,
                f"{field} {expected}",
                f"{field} {actual}",
                f"frame/{where}/{field}",
                number,
            )


def _frame_differences(wanted: Signal, actual: Delivered) -> Iterator[tuple[str, str, str]]:
    if wanted.signal and wanted.signal != actual.signal:
        yield "signal", wanted.signal, actual.signal
        return  # code and address belong to the signal
    if wanted.code and wanted.code != actual.code:
        yield "code", wanted.code, actual.code
    if wanted.addr is not None and wanted.addr != actual.addr:
        yield "addr", f"{wanted.addr:#x}", f"{actual.addr:#x}"
    if wanted.pc != actual.pc:
        yield "pc", f"{wanted.pc:#x}", f"{actual.pc:#x}"
    if wanted.regs != actual.regs:
        yield "registers", _registers(wanted.regs), _registers(actual.regs)
    if wanted.handled is False and actual.handled:
        yield "handler", "none", "entered"


def lock(case: Case) -> Iterator[Verdict]:
    """A process without a flagged mapping paid for the check: the process flag is there so that it does not.

    The cost is the reason for the process flag, as its author says: the detection takes a lock and walks the map.
    """
    for op, number, _, event, wanted, _ in case.attempts():
        attempt, reply = event.attempt, event.reply
        assert attempt is not None and reply is not None
        if attempt.gate and reply.locked and not wanted.marked:
            yield Verdict(
                "lock",
                op,
                "no map lock at entry",
                "map lock taken",
                f"lock/{_family(attempt)}",
                number,
            )


def _family(attempt: Attempt) -> str:
    """The gate; the two call gates are one, since they share all of their code."""
    return "lcall" if attempt.gate.startswith("lcall") else attempt.gate


def _any_attribute(pid: int, states: tuple[State, ...]) -> bool:
    return any(state.pid == pid and any(page.attributes for page in state.pages.values()) for state in states)


def _text(signal: Delivered) -> str:
    return f"{signal.signal}/{signal.code}"


def _registers(regs: tuple[int, ...]) -> str:
    return " ".join(f"{value:#x}" for value in regs)


def same(event: Event, decision: Dispatch | Signal) -> bool:
    """Whether the core did just what the spec decides."""
    reply = event.reply
    if reply is None:
        return False
    if isinstance(decision, Dispatch):
        return reply.call == decision.call and reply.ends == decision.ends
    return reply.signal is not None and next(_frame_differences(decision, reply.signal), None) is None
