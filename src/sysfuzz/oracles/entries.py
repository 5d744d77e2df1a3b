"""The oracles of the kernel entry: escape, blocked, frame, dispatch, lock.

All compare what the core did about one attempt with what the spec decides from the CPU's truth. They are one file because they divide one
question among them: whether the call was let in, and whether what came instead, or came of it, is right.
"""

from collections.abc import Iterator

from sysfuzz.oracles.case import GUARD, MARK, Case
from sysfuzz.oracles.origin import circumstances, door, escaped, family, flagged_pages, opcode_pages
from sysfuzz.oracles.verdict import Verdict
from sysfuzz.program.names import PAGE, RAX, RSP
from sysfuzz.program.outcome import Attempt, Delivered, Event, Reply
from sysfuzz.spec.expect import Dispatch, Signal, State

_CHECK_FIELDS = ("attributes", "mapped")
_LONGEST = 7  # bytes of an opcode


def escape(case: Case) -> Iterator[Verdict]:
    """A call reached the dispatcher whose instruction has a byte where none may come from: the promise of every design."""
    for op, number, pid, event, wanted, states in case.attempts():
        attempt, reply = event.attempt, event.reply
        assert attempt is not None and reply is not None and wanted.decision is not None
        if escaped(case, attempt, reply, wanted.decision, pid, states):
            flagged = flagged_pages(attempt, pid, states) or opcode_pages(attempt)
            blamed = case.blame(pid, iter(flagged), op, number, (*_CHECK_FIELDS, MARK, GUARD))
            if attempt.gate == "sysenter":  # it is the process that is refused, not the page
                blamed = blamed or case.mark_blame(pid, op, number)
            cause = blamed or "/".join(("check", door(case, attempt), *circumstances(case, op, number, reply.call)))
            due = wanted.decision.signal if isinstance(wanted.decision, Signal) else "SIGILL"
            yield Verdict("escape", op, due, f"{reply.call} dispatched", cause, number)


def blocked(case: Case) -> Iterator[Verdict]:
    """A call was refused, or dropped, that no byte of a no-syscalls page has to do with: the flag costs a program its function.

    Without this oracle a core that blocks everything would be perfect.
    """
    for op, number, pid, event, wanted, _ in case.attempts():
        attempt, reply = event.attempt, event.reply
        assert attempt is not None and reply is not None
        if isinstance(wanted.decision, Dispatch) and not reply.call:
            blamed = case.blame(pid, _near(attempt), op, number, (*_CHECK_FIELDS, GUARD))
            if attempt.gate == "sysenter":
                blamed = blamed or case.mark_blame(pid, op, number)
            words = circumstances(case, op, number, wanted.decision.call)
            cause = blamed or "/".join(("overblock", door(case, attempt), *words))
            yield Verdict("blocked", op, f"{wanted.decision.call} dispatched", _text(reply), cause, number)


def frame(case: Case) -> Iterator[Verdict]:
    """A signal arrived with the wrong code, address, PC or registers, or not at all: the monitor would emulate something else, or nothing.

    An instruction that could not be fetched at all, and has done something all the same, is one of them: what was due is the page fault.

    For a refused call the monitor needs ILL_ILLTRP, the address of the opcode, the PC there, and every other register untouched. All that
    is wrong with one frame is one verdict. The gates behind the check share what refuses; sysenter, which is refused by its own fault, and
    faults do not. A sysenter that got in instead counts wherever it came from, since nobody records that: it is the hole that lets flagged
    pages out.
    """
    for op, number, pid, event, wanted, states in case.attempts():
        attempt, reply, decision = event.attempt, event.reply, wanted.decision
        assert attempt is not None and reply is not None
        if not isinstance(decision, Signal):
            continue
        if decision.unfetched:
            if not same(event, decision):
                yield _fetched(case, op, number, pid, decision, attempt, reply)
            continue
        where = "" if attempt.gate and attempt.gate != "sysenter" else f"{family(attempt)}/"
        if reply.signal is not None:
            wrong = list(_frame_differences(decision, reply.signal))
            if wrong:
                fields = "-".join(field for field, _, _ in wrong)
                expected = ", ".join(f"{field} {value}" for field, value, _ in wrong)
                actual = ", ".join(f"{field} {value}" for field, _, value in wrong)
                cause = "" if attempt.gate else case.map_blame(pid, op, number)
                if where == "vsyscall/" and "registers" in fields and not _returned(attempt, reply.signal):
                    fields += "/others"
                yield Verdict("sigill-frame", op, expected, actual, cause or f"frame/{where}{fields}", number)
        elif not escaped(case, attempt, reply, decision, pid, states) and not _unmarked_with_reason(
            attempt, pid, states
        ):
            text = f"{decision.signal}/{decision.code}"
            yield Verdict(
                "sigill-frame", op, text, _text(reply), _missing(case, op, number, pid, attempt, reply), number
            )


def _fetched(case: Case, op: int, event: int, pid: int, decision: Signal, attempt: Attempt, reply: Reply) -> Verdict:
    """The CPU was given a page to execute that it must not have."""
    wall = {"SEGV_MAPERR": "unmapped", "SEGV_ACCERR": "protection"}.get(decision.code, "end")
    cause = case.map_blame(pid, op, event) or f"fetch/{wall}"
    expected = f"{_signal_text(decision)}, no instruction fetched at {decision.addr:#x}"
    actual = f"{family(attempt)} at {attempt.start:#x}: {_text(reply)}"
    return Verdict("sigill-frame", op, expected, actual, cause, event)


def _signal_text(decision: Signal) -> str:
    return f"{decision.signal}/{decision.code}" if decision.code else decision.signal


def _missing(case: Case, op: int, event: int, pid: int, attempt: Attempt, reply: Reply) -> str:
    """Cause of a signal that did not come: a check that let the call in, or an answer that was none."""
    if attempt.gate == "sysenter":
        blamed = case.mark_blame(pid, op, event)
    else:
        blamed = case.blame(pid, _near(attempt), op, event, (*_CHECK_FIELDS, MARK, GUARD))
    if reply.call and attempt.gate:
        return blamed or "/".join(("check", door(case, attempt), *circumstances(case, op, event, reply.call)))
    return blamed or ("frame/missing" if attempt.gate else "frame/fault/missing")


def dispatch(case: Case) -> Iterator[Verdict]:
    """A call was let in, rightly, and became another one: with another name or other arguments, or its LWP goes on where it must not."""
    for op, number, _, event, wanted, _ in case.attempts():
        attempt, reply, decision = event.attempt, event.reply, wanted.decision
        assert attempt is not None and reply is not None
        if isinstance(decision, Dispatch) and reply.call and not _same_call(decision, reply):
            expected, actual = _call_text(decision.call, decision.args), _call_text(reply.call, reply.args)
            yield Verdict("dispatch", op, expected, actual, f"dispatch/{decision.call}", number)


def _same_call(decision: Dispatch, reply: Reply) -> bool:
    return (
        decision.call == reply.call
        and decision.ends == reply.ends
        and (decision.args is None or decision.args == reply.args)
    )


def _unmarked_with_reason(attempt: Attempt, pid: int, states: tuple[State, ...]) -> bool:
    """Whether a sysenter got in because the core has unmarked a process without attributes: the mark may end when its reason does."""
    return attempt.gate == "sysenter" and not _any_attribute(pid, states)


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


def _returned(attempt: Attempt, signal: Delivered) -> bool:
    """Whether the registers are those behind a return from the call, which gives RAX its number."""
    regs = attempt.regs
    behind = regs[RSP] + 8 & (1 << attempt.bits) - 1
    return (signal.regs[:RAX], *signal.regs[RAX + 1 :]) == (regs[:RAX], *regs[RAX + 1 : RSP], behind, *regs[RSP + 1 :])


def lock(case: Case) -> Iterator[Verdict]:
    """A process without a flagged mapping paid for the check: the process flag is there so that it does not.

    The cost is the reason for the process flag, as its author says: the detection takes a lock and walks the map.
    """
    for op, number, pid, event, wanted, _ in case.attempts():
        attempt, reply = event.attempt, event.reply
        assert attempt is not None and reply is not None
        if attempt.gate and reply.locked and not wanted.marked:
            cause = case.mark_blame(pid, op, number) or f"lock/{door(case, attempt)}"
            yield Verdict("lock", op, "no map lock at entry", "map lock taken", cause, number)


def _near(attempt: Attempt) -> Iterator[int]:
    """Numbers of all pages from which a core may take the opcode to come, which it sees less of than the CPU."""
    return iter(range((attempt.opcode - _LONGEST) // PAGE, (attempt.opcode + _LONGEST) // PAGE + 1))


def _any_attribute(pid: int, states: tuple[State, ...]) -> bool:
    return any(state.pid == pid and any(page.attributes for page in state.pages.values()) for state in states)


def _text(reply: Reply) -> str:
    if reply.signal is not None:
        return f"{reply.signal.signal}/{reply.signal.code}"
    return f"{reply.call} dispatched" if reply.call else "nothing"


def _call_text(call: str, args: tuple[int, ...] | None) -> str:
    return f"{call}({', '.join(f'{arg:#x}' for arg in args or ())})"


def _registers(regs: tuple[int, ...]) -> str:
    return " ".join(f"{value:#x}" for value in regs)


def same(event: Event, decision: Dispatch | Signal) -> bool:
    """Whether the core did just what the spec decides."""
    reply = event.reply
    if reply is None:
        return False
    if isinstance(decision, Dispatch):
        return reply.signal is None and _same_call(decision, reply)
    return (
        reply.signal is not None and not reply.call and next(_frame_differences(decision, reply.signal), None) is None
    )
