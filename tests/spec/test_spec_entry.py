"""Decisions about entries: blocked or let in, by which bytes, with which signal; and faults."""

import pytest

from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import Attempt, Event
from sysfuzz.spec import UNSPECIFIED, Dispatch, Signal

P = PAGE
R, W, X = 1, 2, 4
RW, RX = R | W, R | X
ANON_FIXED, PRIVATE, FIXED, NOSYS = 0x1012, 0x2, 0x10, 0x10000
S, E = 0x10000, 0x12000  # the no-syscall region [S, E)
MODES = ["amd64", "i386"]
CODE = LAYOUTS["amd64"].trampoline  # code that every process has


def fixed(addr, pages, prot=RX, flags=0):
    """A fixed anonymous private mapping."""
    return ("mmap", addr, pages * P, prot, ANON_FIXED | flags, -1, 0)


# One unflagged page, two flagged ones, one unflagged.
REGION = [fixed(S - P, 1), fixed(S, 2, RX, NOSYS), fixed(E, 1)]


@pytest.fixture
def decide(play):
    """The events expected of one run after some calls."""

    def run(setup, *events, mode="amd64"):
        expected = play(*setup, ("run", S, 0), mode=mode, events={len(setup): events})
        return expected.steps[-1].events

    return run


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("gate", ["syscall", "int80"])
@pytest.mark.parametrize(
    ("addr", "blocked"),
    [(S - 2, False), (S - 1, True), (S, True), (S + P - 1, True), (E - 2, True), (E - 1, True), (E, False)],
)
def test_two_byte_entries_at_the_boundaries(decide, enter, mode, gate, addr, blocked):
    """Any byte in the region blocks; ending at its start, or starting at its end, does not."""
    event = enter(addr, mode=mode, gate=gate)
    (got,) = decide(REGION, event, mode=mode)
    if blocked:
        assert got.decision == Signal("SIGILL", "ILL_ILLTRP", addr, addr, event.attempt.regs, False)
    else:
        assert got.decision == Dispatch("getpid", None, 1, "")
    assert got.marked


@pytest.mark.parametrize("gate", ["lcall7", "lcall27"])
@pytest.mark.parametrize(
    ("addr", "blocked"),
    [(S - 8, False), (S - 7, False), (S - 6, True), (S - 1, True), (S, True), (E - 7, True), (E - 1, True), (E, False)],
)
def test_seven_byte_entries_at_the_boundaries(decide, enter, gate, addr, blocked):
    """A call gate's instruction is seven bytes long, each of which counts."""
    event = enter(addr, mode="i386", gate=gate)
    (got,) = decide(REGION, event, mode="i386")
    assert isinstance(got.decision, Signal) == blocked
    if blocked:
        assert (got.decision.addr, got.decision.pc, got.decision.code) == (addr, addr, "ILL_ILLTRP")


def test_the_origin_is_what_hardware_saves(decide, enter):
    """An lcall with a short operand is taken to be seven bytes long all the same: the core cannot see it."""
    event = enter(E + 1, mode="i386", gate="lcall7", size=5, pc=E + 6)
    (got,) = decide(REGION, event, mode="i386")
    assert (got.decision.addr, got.decision.pc) == (E - 1, E - 1)


def test_prefixes_do_not_count(decide, enter):
    """A prefix in the region before an opcode behind it blocks nothing, and the report is of the opcode."""
    (got,) = decide(REGION, enter(E, start=E - 3))
    assert isinstance(got.decision, Dispatch)
    (got,) = decide(REGION, enter(S, start=S - 2))
    assert got.decision.addr == S


@pytest.mark.parametrize(
    ("base", "pc", "linear", "offset"),
    [
        (0x8000, S - 0x8000 + 2, S, S - 0x8000),
        (0xFFFF_F000, S + 0x1002, S, S + 0x1000),  # the sum wraps
        (S + 1, 1, S, 0xFFFF_FFFF),  # the offset wraps
    ],
)
def test_segment_bases(decide, enter, base, pc, linear, offset):
    """The linear address is base plus offset modulo 2^32; the frame's PC is the offset."""
    (got,) = decide(REGION, enter(linear, mode="i386", gate="int80", base=base, pc=pc), mode="i386")
    assert (got.decision.addr, got.decision.pc) == (linear, offset)
    (got,) = decide(REGION, enter(S, mode="i386", gate="int80", base=0x100, pc=E - 0x100 + 2), mode="i386")
    assert isinstance(got.decision, Dispatch)


def test_64_bit_code_has_no_base(decide, enter):
    """In a 64-bit segment the offset is the address; 32-bit code of an amd64 process has 32-bit addresses."""
    (got,) = decide(REGION, enter(S, base=0x5000))
    assert got.decision.addr == S
    (got,) = decide(REGION, enter(S, bits=32, base=0x1000, pc=S - 0x1000 + 2))
    assert (got.decision.addr, got.decision.pc) == (S, S - 0x1000)


def test_bytes_wrap_like_addresses(decide, enter):
    """An entry whose saved address is at the start of page 0 is looked for at the top of the address space: nothing is blocked."""
    event = enter(E, mode="i386", gate="int80", pc=1)
    (got,) = decide(REGION, event, mode="i386")
    assert isinstance(got.decision, Dispatch)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("vector", [13, -1])
def test_sysenter_is_judged_by_the_mark(decide, enter, mode, vector):
    """In a marked process it must be refused wherever it lies, elsewhere let in, whatever the CPU did."""
    event = enter(E + 2, mode=mode, gate="sysenter", start=E, vector=vector)
    (got,) = decide(REGION, event, mode=mode)
    assert got.decision == Signal("SIGILL", "ILL_ILLTRP", E + 2, E + 2, event.attempt.regs, False)
    (got,) = decide([fixed(S, 3)], event, mode=mode)
    assert got.decision == Dispatch("getpid", None, 1, "")
    assert not got.marked
    (got,) = decide([fixed(E, 1)], event._replace(attempt=event.attempt._replace(base=0x3000, bits=32)), mode=mode)
    assert isinstance(got.decision, Dispatch)
    (got,) = decide(REGION, event._replace(attempt=event.attempt._replace(base=0x3000, bits=32)), mode=mode)
    assert (got.decision.addr, got.decision.pc) == (E + 2, E + 2 - 0x3000)


def test_blocked_calls_have_no_effect(decide, enter):
    """A blocked call is not done; the same call from outside is."""
    call = (74, (S, P, R))  # mprotect
    inside, outside = decide(REGION, enter(S, *call), enter(E, *call))
    assert isinstance(inside.decision, Signal)
    assert inside.states[0].pages[S // P].prot == RX
    assert outside.decision == Dispatch("mprotect", (S, P, R), 0, "")
    assert outside.states[0].pages[S // P].prot == R


def test_a_run_follows_its_own_calls(decide, enter):
    """Code that flags, unmaps or moves its own pages is judged by the map as it then is."""
    flag = enter(S, 197, (S, P, RX, ANON_FIXED | NOSYS, 0xFFFF_FFFF, 0, 0), saw=S)
    move = enter(E, 411, (S, P, E + P, P, FIXED), saw=E + P)
    got = decide(
        [fixed(S, 1), fixed(E, 1)], enter(S), flag, enter(S + 2), enter(E), move, enter(E + P), enter(S), enter(E - 1)
    )
    codes = [event.decision.code if isinstance(event.decision, Signal) else "" for event in got]
    assert codes == ["", "", "ILL_ILLTRP", "", "", "ILL_ILLTRP", "SEGV_MAPERR", "SEGV_MAPERR"]
    assert [event.marked for event in got] == [False, False, True, True, True, True, True, True]


def test_an_open_mmap_in_a_run_is_adopted(decide, enter):
    """The place that the core took for a call of the run is taken over."""
    call = (197, (0, P, RX, 0x1000 | NOSYS, 0xFFFF_FFFF, 0, 0))
    mapped, inside = decide([fixed(E, 1)], enter(E, *call, saw=S), enter(S))
    assert mapped.decision.result == S
    assert isinstance(inside.decision, Signal)


@pytest.mark.parametrize(
    ("number", "args", "wanted"),
    [
        (5, (), Dispatch("#5", None, "ENOSYS", "")),
        (0, (5,), Dispatch("#5", None, "ENOSYS", "")),
        (311, (), Dispatch("_lwp_self", None, 1, "")),
        (3, (0, S, 1), Dispatch("read", None, 0, "")),
        (4, (6, S, 1), Dispatch("write", None, 0, "")),
        (3, (7, S, 1), Dispatch("read", None, "EBADF", "")),
        (4, (0xFFFF_FFFF, S, 1), Dispatch("write", None, "EBADF", "")),
        (4, (0xFFFF_FFFF_0000_0001, S, 1), Dispatch("write", None, 0, "")),
        (165, (1, LAYOUTS["amd64"].stack), Dispatch("sysarch", None, "EINVAL", "")),
        (165, (1, 0), Dispatch("sysarch", None, "EINVAL", "")),
        (308, (0,), Dispatch("setcontext", None, UNSPECIFIED, "")),
        (2, (), Dispatch("fork", None, 2, "")),
        (282, (), Dispatch("vfork", None, 2, "")),
        (309, (), Dispatch("_lwp_create", None, 2, "")),
        (1, (3,), Dispatch("exit", (3,), 0, "exit")),
        (310, (), Dispatch("_lwp_exit", None, 0, "exit")),
        (59, (), Dispatch("execve", None, 0, "exec")),
        (73, (0, P), Dispatch("munmap", (0, P), "EINVAL", "")),
        (340, (4, LAYOUTS["amd64"].stack), Dispatch("sigaction", None, 0, "")),
        (340, (9, LAYOUTS["amd64"].stack), Dispatch("sigaction", None, "EINVAL", "")),
        (340, (4, 0), Dispatch("sigaction", None, "EFAULT", "")),
        (340, (9, 0), Dispatch("sigaction", None, "EFAULT", "")),
        (340, (4, LAYOUTS["amd64"].stack_top - 7), Dispatch("sigaction", None, "EFAULT", "")),
        (340, (4, LAYOUTS["amd64"].stack_top - 8), Dispatch("sigaction", None, 0, "")),
    ],
)
def test_calls_from_code(decide, enter, number, args, wanted):
    """What reaches the dispatcher is named, does what the op does, and says whether its LWP returns."""
    (got,) = decide([], enter(CODE, number, args))
    assert got.decision == wanted


STACK_TOP = LAYOUTS["i386"].stack_top


@pytest.mark.parametrize(
    ("op", "pointer", "wanted"),
    [
        (1, STACK_TOP - 8, UNSPECIFIED),  # slot and base are contents of memory
        (1, STACK_TOP - 7, "EFAULT"),
        (1, 0, "EFAULT"),
        (0, 0, "EINVAL"),
        (2, STACK_TOP - 8, "EINVAL"),
    ],
)
def test_sysarch_from_code(decide, enter, op, pointer, wanted):
    """The operation is looked at before the pointer."""
    (got,) = decide([fixed(S, 1)], enter(S, 165, (op, pointer), mode="i386", gate="int80"), mode="i386")
    assert got.decision == Dispatch("sysarch", None, wanted, "")


def test_unreadable_arguments(decide, enter):
    """EFAULT, and nothing is done."""
    (got,) = decide([fixed(S, 1)], enter(S, 1, mode="i386", gate="int80", stack=b"\0" * 3), mode="i386")
    assert got.decision == Dispatch("exit", None, "EFAULT", "")
    assert [state.pid for state in got.states] == [1]


def fault(vector, data=None, pc=S, start=S):
    """A fault that is no entry."""
    attempt = Attempt("", vector, start, start, 1, 64, 0, pc, tuple(range(16)), 0x202, b"", data)
    return Event("SIGSEGV", start, attempt)


@pytest.mark.parametrize(
    ("vector", "signal", "code"),
    [
        (0, "SIGFPE", ""),
        (1, "SIGTRAP", ""),
        (3, "SIGTRAP", ""),
        (4, "SIGFPE", ""),
        (6, "SIGILL", "ILL_ILLOPC"),
        (11, "SIGBUS", ""),
        (12, "SIGBUS", ""),
        (13, "SIGSEGV", "SEGV_ACCERR"),
        (16, "SIGFPE", ""),
        (17, "SIGBUS", ""),
        (19, "SIGFPE", ""),
        (7, "", ""),
        (8, "", ""),
        (14, "", ""),  # a page fault that does not say where
    ],
)
def test_faults_by_vector(decide, vector, signal, code):
    """Signal and code of each exception; the frame is as the CPU left it, inside a region or not."""
    (got,) = decide(REGION, fault(vector, pc=S + 1))
    assert got.decision == Signal(signal, code, None, S + 1, tuple(range(16)), False if signal else None)


@pytest.mark.parametrize(
    ("data", "signal", "code"),
    [
        (0, "SIGSEGV", "SEGV_MAPERR"),
        (1 << 63, "SIGSEGV", "SEGV_MAPERR"),
        (S, "SIGSEGV", "SEGV_ACCERR"),
        (0x20FFF, "SIGSEGV", "SEGV_ACCERR"),
        (0x21000, "SIGBUS", ""),
    ],
)
def test_page_faults(decide, data, signal, code):
    """Unmapped, protected, or past the end of a file."""
    setup = [*REGION, ("mmap", 0x20000, 2 * P, R, PRIVATE | FIXED, 3, 15 * P)]
    (got,) = decide(setup, fault(14, data))
    assert (got.decision.signal, got.decision.code, got.decision.addr) == (signal, code, data)


@pytest.mark.parametrize("gate", ["syscall", "int80"])
@pytest.mark.parametrize(
    ("setup", "addr", "at", "signal", "code"),
    [
        ([], S, S, "SIGSEGV", "SEGV_MAPERR"),
        ([fixed(S, 1, RW)], S, S, "SIGSEGV", "SEGV_ACCERR"),
        ([fixed(S, 1, 0)], S + P - 1, S + P - 1, "SIGSEGV", "SEGV_ACCERR"),
        ([fixed(S, 1, RW, NOSYS)], S, S, "SIGSEGV", "SEGV_ACCERR"),  # before the check
        ([fixed(S, 1)], S + P - 1, S + P, "SIGSEGV", "SEGV_MAPERR"),
        ([fixed(S, 1), fixed(S + P, 1, RW)], S + P - 1, S + P, "SIGSEGV", "SEGV_ACCERR"),
        ([("mmap", S, 2 * P, RX, PRIVATE | FIXED, 3, 15 * P)], S + P, S + P, "SIGBUS", ""),
        ([("mmap", S, 2 * P, RX, PRIVATE | FIXED, 3, 15 * P)], S + P - 1, S + P, "SIGBUS", ""),
        ([fixed(S, 1), ("mprotect", S, P, R)], S, S, "SIGSEGV", "SEGV_ACCERR"),
        ([fixed(S, 1), ("munmap", S, P)], S, S, "SIGSEGV", "SEGV_MAPERR"),
    ],
)
def test_entries_that_cannot_be_fetched(decide, enter, gate, setup, addr, at, signal, code):
    """Instead of the entry its page fault is due, at the first byte that cannot be fetched; the call has no effect."""
    event = enter(addr, 2, gate=gate)
    (got,) = decide(setup, event)
    assert got.decision == Signal(signal, code, at, addr, event.attempt.regs, False, unfetched=True)
    assert len(got.states) == 1


def test_fetched_are_all_bytes_of_an_entry(decide, enter):
    """Prefixes count as well as the operand of a call gate; what lies behind does not."""
    setup = [fixed(S, 1)]
    assert decide(setup, enter(S, start=S - 1))[0].decision.addr == S - 1
    lcall = {"mode": "i386", "gate": "lcall7"}
    assert isinstance(decide(setup, enter(S + P - 7, **lcall), mode="i386")[0].decision, Dispatch)
    assert decide(setup, enter(S + P - 6, **lcall), mode="i386")[0].decision.addr == S + P
    based = enter(S + P - 1, mode="i386", gate="int80", base=0x8000, pc=S + P + 1 - 0x8000)
    (got,) = decide(setup, based, mode="i386")
    assert (got.decision.addr, got.decision.pc) == (S + P, S + P - 1 - 0x8000)


@pytest.mark.parametrize("vector", [0, 1, 3, 6, 14, 17])
def test_faults_of_what_cannot_be_fetched(decide, vector):
    """A fault that only an instruction that runs can raise is none there, but of its bytes only the first is known."""
    data = 0 if vector == 14 else None
    (got,) = decide([fixed(S, 1, RW)], fault(vector, data))
    assert (got.decision.signal, got.decision.code, got.decision.addr) == ("SIGSEGV", "SEGV_ACCERR", S)
    assert got.decision.unfetched
    (got,) = decide([fixed(S, 1)], fault(vector, data, S + P - 1, S + P - 1))
    assert not got.decision.unfetched


@pytest.mark.parametrize(
    "event",
    [
        fault(14, S),  # the page fault that is due
        fault(14, S, S - 2, S - 2),
        fault(13),  # an address that is none, or what became of an IRET
        Event("SIGSEGV", S, fault(14, 0x1_0000_0000 + S).attempt._replace(bits=32)),
    ],
)
@pytest.mark.parametrize("setup", [[], [fixed(S, 1, RW)]])
def test_fetches_that_fail_by_themselves(decide, event, setup):
    """Where the attempt is the failure of a fetch, or nobody knows where the CPU was, nothing else is due."""
    (got,) = decide([fixed(S - P, 1), *setup], event)
    assert not got.decision.unfetched


def test_fetches_are_decided_before_their_effect(decide, enter):
    """Code may unmap or protect itself: what counts is the map before the call; the next instruction is refused."""
    for call in ((73, (S, P)), (74, (S, P, R))):
        gone, later = decide([fixed(S, 1)], enter(S, *call), enter(S + 2))
        assert isinstance(gone.decision, Dispatch)
        assert later.decision.unfetched


def test_32_bit_code_above_4_gib(decide, enter):
    """A far return may have gone on in a page whose low half is where the attempt is told."""
    high = fixed(0x1_0000_0000 + S, 1)
    event = enter(S, gate="int80", bits=32)
    assert isinstance(decide([high], event)[0].decision, Dispatch)
    assert decide([high], enter(S, gate="int80"))[0].decision.unfetched
    assert decide([fixed(0x1_0000_0000 + E, 1)], event)[0].decision.unfetched


def test_only_who_has_a_handler_may_handle(decide, enter):
    """Without a handler the signal surely ends the run: never installed, reset, lost by exec; children inherit it."""
    install, reset = ("sigaction", 4, E), ("sigaction", 4, 0)
    ill = fault(6, start=CODE)
    assert decide([install], ill)[0].decision.handled is None
    assert decide([install, reset], ill)[0].decision.handled is False
    assert decide([install], fault(13, start=CODE))[0].decision.handled is False
    assert decide([install, ("fork",), ("as", 2, 0), reset, ("as", 1, 0)], ill)[0].decision.handled is None
    assert decide([install, ("vfork",), ("as", 2, 0)], ill)[0].decision.handled is None
    assert decide([install, ("exec",)], ill)[0].decision.handled is False
    stack = LAYOUTS["amd64"].stack
    assert decide([], enter(CODE, 340, (4, stack)), ill)[1].decision.handled is None
    assert decide([], enter(CODE, 340, (4, 0)), ill)[1].decision.handled is False
