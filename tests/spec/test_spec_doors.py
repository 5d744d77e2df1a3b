"""Where calls may not come from, design by design, in tables that were worked out by hand from what each design says."""

import pytest

from sysfuzz.program.layout import LANDING, LAYOUTS
from sysfuzz.program.names import PAGE, RBP, RSP
from sysfuzz.program.outcome import NOSYSCALLS, PERMITTED, STACK
from sysfuzz.spec import Dispatch, Page, Signal
from sysfuzz.spec.doors import Refused, forbids, origin, refusal, vsyscall, vsyscall_refusal
from sysfuzz.spec.entry import decide
from sysfuzz.spec.pages import BORN
from sysfuzz.spec.promise import PROMISES
from sysfuzz.spec.world import World

ON, INCLUSIVE = 1, 2
S, E = 0x10100, 0x10200
RX, RWX = 5, 7
VSYSCALL = 0xFFFF_FFFF_FF60_0000
EVERYWHERE = (1, ON, 0, 0, 0)  # a row of user dispatch that allows nothing
PAD = LAYOUTS["i386"].trampoline + LANDING


def page(prot=RX, attributes=0):
    return Page(prot, 7, 1, 0, 0, attributes)


def world_of(name, *rows, mode="amd64", pages=None, lwp=1):
    """A world of design `name` with one process, whose guard is `rows`."""
    world = World(mode, PROMISES[name])
    world.process.guard = rows
    world.process.lwps = {1, 2}
    world.lwp = lwp
    if pages:
        world.space.pages = {**BORN[mode], **pages}
    return world


@pytest.mark.parametrize(
    ("name", "rows", "pages", "lwp", "yes", "no"),
    [
        ("nosyscalls", (), {0x10: page(attributes=NOSYSCALLS), 0x11: page()}, 1, (0x10000, 0x10FFF), (0xFFFF, 0x11000)),
        ("syscallemu", ((S, E),), {}, 1, (S, E - 1), (S - 1, E)),
        ("syscallemu", (), {}, 1, (), (0, S)),
        (
            "msyscall",
            (),
            {0x10: page(attributes=PERMITTED), 0x11: page(), 0x12: page(RWX, PERMITTED)},
            1,
            (0xFFFF, 0x11000, 0x12000, 0x13000),
            (0x10000, 0x10FFF),
        ),
        ("sud", ((1, ON, S, E - S, 0),), {}, 1, (0, S - 1, E, VSYSCALL), (S, E - 1)),
        ("sud", (EVERYWHERE,), {}, 1, (0, S, E), ()),
        ("sud", ((1, ON, 0, (1 << 64) - 1, 0),), {}, 1, (), (0, S, (1 << 64) - 2)),
        ("sud", ((1, ON, S, E - S, 0),), {}, 2, (), (0, S, E)),
        ("sud-inclusive", ((1, INCLUSIVE, S, E - S, 0),), {}, 1, (S, E - 1), (0, S - 1, E, VSYSCALL)),
        ("sud-inclusive", ((2, INCLUSIVE, S, E - S, 0), (3, ON, 0, 0, 0)), {}, 2, (S, E - 1), (0, S - 1, E)),
        ("seccomp-ip", ((1, S, E), (1, 0x30000, 0x30001)), {}, 1, (S, E - 1, 0x30000), (S - 1, E, 0x30001)),
        ("seccomp-ip", ((1, S, E), (2, 0x30000, 0x30001)), {}, 2, (0x30000,), (S,)),
        ("pinsyscalls", ((S, 0x100, 4),), {}, 1, (), (0, S, S + 4)),  # it speaks of whole instructions
    ],
)
def test_bytes(name, rows, pages, lwp, yes, no):
    """Which single bytes no call may have."""
    for addr in yes:
        assert forbids(PROMISES[name], pages, rows, lwp, addr), hex(addr)
    for addr in no:
        assert not forbids(PROMISES[name], pages, rows, lwp, addr), hex(addr)


@pytest.mark.parametrize("size", [2, 7])
@pytest.mark.parametrize(
    ("name", "row", "outside"),
    [
        ("syscallemu", (S, E), False),
        ("sud", (1, ON, S, E - S, 0), True),
        ("sud-inclusive", (1, INCLUSIVE, S, E - S, 0), False),
        ("seccomp-ip", (1, S, E), False),
    ],
)
def test_one_forbidden_byte_is_enough(enter, name, row, outside, size):
    """An instruction is refused just if a byte of it is where none may come from; the address behind it plays no part."""
    world = world_of(name, row, mode="i386")
    for end in (S, E):
        for at in range(end - size - 1, end + 2):
            attempt = enter(at, mode="i386", gate="int80" if size == 2 else "lcall7").attempt
            inside = [S <= at + i < E for i in range(size)]
            assert (refusal(world, attempt) is not None) is (not all(inside) if outside else any(inside)), hex(at)


@pytest.mark.parametrize(
    ("name", "row", "wanted"),
    [
        ("syscallemu", (S, E), Refused("SIGILL", "ILL_ILLTRP", S, S)),
        ("msyscall", (1,), Refused("SIGSEGV", "SEGV_ACCERR", S + 2, S + 2)),
        ("sud", EVERYWHERE, Refused("SIGSYS", "SYS_USER_DISPATCH", S + 2, S + 2)),
        ("sud-inclusive", (1, INCLUSIVE, S, 1, 0), Refused("SIGSYS", "SYS_USER_DISPATCH", S + 2, S + 2)),
        ("seccomp-ip", (1, S, E), Refused("SIGSYS", "SYS_SECCOMP", S + 2, S + 2)),
    ],
)
def test_what_is_due(enter, name, row, wanted):
    """Each design's own signal, with the address that it gives."""
    assert refusal(world_of(name, row), enter(S).attempt) == wanted


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize(
    ("byte", "wanted"),
    [
        (b"\0", None),
        (b"\1", ("SIGSYS", "SYS_USER_DISPATCH", S + 2, S + 2, False)),
        (b"\2", ("SIGSYS", "", None, S + 2, True)),
        (b"\xff", ("SIGSYS", "", None, S + 2, True)),
        (b"", ("SIGSEGV", "", None, S + 2, True)),
    ],
)
def test_the_selector(enter, mode, byte, wanted):
    """Where none may come from the selector decides: 0 lets in, 1 refuses, all else ends the process."""
    world = world_of("sud", (1, ON, 0, 0, 0x20000), mode=mode)
    got = refusal(world, enter(S, mode=mode, gate="int80", selectors=((0x30000, b"\7"), (0x20000, byte))).attempt)
    assert (got and tuple(got)) == wanted


def test_the_selector_has_no_say_in_the_range(enter):
    """A call from where calls may come from is let in, whatever byte is there."""
    for byte in (b"\0", b"\1", b"\7", b""):
        world = world_of("sud", (1, ON, S, 0x100, 0x20000))
        assert refusal(world, enter(S, selectors=((0x20000, byte),)).attempt) is None


@pytest.mark.parametrize(
    ("name", "row", "freed"),
    [
        ("sud", EVERYWHERE, True),
        ("sud-inclusive", (1, INCLUSIVE, PAGE, PAD, 0), True),
        ("seccomp-ip", (1, 0, PAD), False),
    ],
)
def test_the_return_from_a_handler(enter, name, row, freed):
    """User dispatch lets the 32-bit vdso's sigreturn through, whatever its number; the 64-bit one, and filters, have no such exception."""
    at = LAYOUTS["i386"].trampoline + 12
    world = world_of(name, row, mode="i386")
    for number in (20, 308):
        assert (refusal(world, enter(at, number, mode="i386", gate="int80").attempt) is None) is freed
    assert refusal(world, enter(at - 1, mode="i386", gate="int80").attempt) is not None
    wide = world_of("sud", EVERYWHERE)
    assert refusal(wide, enter(LAYOUTS["amd64"].trampoline + 8).attempt) is not None


@pytest.mark.parametrize("gate", ["sysenter", "syscall"])
@pytest.mark.parametrize(
    ("name", "here", "vdso"),
    [
        ("sud", (1, ON, 0x20000, 0x1000, 0), (1, ON, S, 0x100, 0)),
        ("seccomp-ip", (1, S, E), (1, PAD & -PAGE, (PAD & -PAGE) + PAGE)),
    ],
)
def test_entries_that_linux_moves(enter, gate, name, here, vdso):
    """They are judged by where the CPU met them; the frame is that of the vdso."""
    attempt = enter(S, mode="i386", gate=gate).attempt
    refused = refusal(world_of(name, here, mode="i386"), attempt)
    assert refused is not None
    assert (refused.addr, refused.pc) == (PAD, PAD)
    assert refusal(world_of(name, vdso, mode="i386"), attempt) is None


@pytest.mark.parametrize(
    ("gate", "changes", "wanted"),
    [
        ("int80", {}, (S, S)),
        ("lcall7", {}, (S, S)),
        ("sysenter", {}, (S, S)),
        ("int80", {"base": 0x1000, "pc": 0x10002}, (0x10000, 0x11000)),
        ("int80", {"base": 0xFFFF_F000, "pc": 0x1002}, (0x1000, 0)),
        ("int80", {"pc": 1}, (0xFFFF_FFFF, 0xFFFF_FFFF)),
    ],
)
def test_origin(enter, gate, changes, wanted):
    """Offset and linear address of the first byte: behind it is what was saved, the base is added, both wrap."""
    assert origin(enter(S, mode="i386", gate=gate, **changes).attempt) == wanted


def test_the_base_counts(enter):
    """A promise is about linear addresses: the bare offset neither excuses a call nor condemns it."""
    elsewhere = enter(0x40000, mode="i386", gate="int80", base=0x30000, pc=S + 2 - 0x100).attempt  # linear 0x40000
    assert refusal(world_of("seccomp-ip", (1, S - 0x100, E), mode="i386"), elsewhere) is None
    assert refusal(world_of("seccomp-ip", (1, 0x40000, 0x40001), mode="i386"), elsewhere) is not None


def fault(enter, at, **changes):
    """A jump to `at` that faulted there."""
    attempt = enter(at, **{"gate": "syscall", "start": at, "vector": 14, "data": at, "pc": at, **changes}).attempt
    return attempt._replace(gate="")


@pytest.mark.parametrize("name", ["sud", "sud-inclusive", "seccomp-ip"])
def test_vsyscalls_are_linuxs(enter, name):
    """The three entries are calls on Linux's designs, in 64-bit code; nothing else is, and nowhere else."""
    world = world_of(name)
    names = {0: "gettimeofday", 0x400: "time", 0x800: "getcpu", 0xC00: "", 1: ""}
    for offset, call in names.items():
        assert vsyscall(world, fault(enter, VSYSCALL + offset)) == call
        assert vsyscall(world_of("syscallemu"), fault(enter, VSYSCALL + offset)) == ""
    assert vsyscall(world, fault(enter, VSYSCALL, vector=13)) == ""
    assert vsyscall(world, fault(enter, VSYSCALL, data=VSYSCALL + 0x400)) == ""
    assert vsyscall(world, fault(enter, VSYSCALL, bits=32)) == ""


@pytest.mark.parametrize(
    ("name", "row", "selector", "wanted"),
    [
        ("sud", EVERYWHERE, None, ("SIGSYS", "SYS_USER_DISPATCH", VSYSCALL, VSYSCALL, False)),
        ("sud", (1, ON, 0, 0, 0x20000), b"\0", None),
        ("sud", (1, ON, 0, 0, 0x20000), b"\1", ("SIGSYS", "SYS_USER_DISPATCH", VSYSCALL, VSYSCALL, False)),
        ("sud", (1, ON, VSYSCALL, PAGE, 0), None, None),
        ("sud-inclusive", (1, INCLUSIVE, S, 0x100, 0), None, None),
        (
            "sud-inclusive",
            (1, INCLUSIVE, VSYSCALL, 1, 0),
            None,
            ("SIGSYS", "SYS_USER_DISPATCH", VSYSCALL, VSYSCALL, False),
        ),
        ("seccomp-ip", (1, VSYSCALL, VSYSCALL + 1), None, ("SIGSYS", "SYS_SECCOMP", VSYSCALL, VSYSCALL, False)),
        ("seccomp-ip", (1, VSYSCALL + 1, VSYSCALL + PAGE), None, None),
    ],
)
def test_vsyscalls_come_from_their_entry(enter, name, row, selector, wanted):
    """A promise about where calls come from is about these too: they come from the address that was jumped to."""
    selectors = () if selector is None else ((0x20000, selector),)
    got = vsyscall_refusal(world_of(name, row), fault(enter, VSYSCALL, selectors=selectors))
    assert (got and tuple(got)) == wanted


@pytest.mark.parametrize(
    ("at", "number", "stack", "signal"),
    [
        (S + 4, 1, STACK, ""),  # the pin of call 1
        (S + 6, 1, STACK, "SIGABRT"),
        (S + 4, 2, STACK, "SIGABRT"),  # call 2 has none
        (S + 6, 3, STACK, ""),  # call 3 comes from several places
        (S + 4, 4, STACK, "SIGABRT"),  # beyond the table
        (0x40000, 1, STACK, "SIGABRT"),  # beyond the range
        (S + 4, 1, 0, "SIGSEGV"),  # no stack below the stack pointer
    ],
)
def test_pins(enter, at, number, stack, signal):
    """OpenBSD's last design has one place for each call, and wants a stack under it."""
    attempt = enter(at, number).attempt
    regs = (*attempt.regs[:RSP], 0x50000, *attempt.regs[RSP + 1 :])
    world = world_of("pinsyscalls", (S, 0x100, 0, 4, 0, 0xFFFF_FFFF), pages={0x50: page(3, stack)})
    refused = refusal(world, attempt._replace(regs=regs))
    assert (refused.signal if refused else "") == signal


def test_a_refused_sysenter_shows_the_stack_of_ebp(enter):
    """SYSENTER loses the stack pointer; by its convention EBP has it, and the frame shows that."""
    attempt = enter(S, mode="i386", gate="sysenter").attempt
    world = world_of("seccomp-ip", (1, S, E), mode="i386", pages={0x10: page()})
    due = decide(world, attempt, 0)
    assert isinstance(due, Signal)
    assert (due.regs[RSP], due.regs[RBP]) == (attempt.regs[RBP], attempt.regs[RBP])
    assert [r for i, r in enumerate(due.regs) if i != RSP] == [r for i, r in enumerate(attempt.regs) if i != RSP]


@pytest.mark.parametrize(
    ("stack", "row", "wanted"),
    [
        (page(3), (1, 0, S), Dispatch("time", None, 0, "")),
        (page(3), (1, VSYSCALL, VSYSCALL + PAGE), "SIGSYS"),
        (page(0), (1, 0, S), "SIGSEGV"),
        (page(0), (1, VSYSCALL, VSYSCALL + PAGE), "SIGSEGV"),
    ],
)
def test_a_vsyscall_needs_a_return_address(enter, stack, row, wanted):
    """Without one it is a fault, whatever the filters say; with one, a call."""
    attempt = fault(enter, VSYSCALL + 0x400)
    attempt = attempt._replace(regs=(*attempt.regs[:RSP], 0x50000, *attempt.regs[RSP + 1 :]))
    got = decide(world_of("seccomp-ip", row, pages={0x50: stack}), attempt, 0)
    assert (got.signal if isinstance(got, Signal) else got) == wanted


@pytest.mark.parametrize(
    ("name", "row", "refused"),
    [
        ("seccomp-ip", (1, S - 4, S), False),
        ("seccomp-ip", (1, S + 2, S + 3), True),
        ("seccomp-ip", (1, S + 3, S + 4), False),
        ("sud", (1, ON, S, 3, 0), False),
        ("sud", (1, ON, S, 2, 0), True),
        ("sud-inclusive", (1, INCLUSIVE, S - 4, 4, 0), False),
        ("syscallemu", (S - 4, S), True),  # 3 - 7: where its entry code has every call gate begin
    ],
)
def test_a_call_gate_through_memory(enter, name, row, refused):
    """A call gate's instruction may be 3 bytes: Linux's designs know of no sizes, and speak of what the CPU met."""
    attempt = enter(S, mode="i386", gate="lcall7", size=3, pc=S + 3).attempt
    assert (refusal(world_of(name, row, mode="i386"), attempt) is not None) is refused


@pytest.mark.parametrize("name", PROMISES)
def test_every_promise_has_a_door(name):
    """Each design can be asked about a byte of no page at all: an allow-list forbids it, and what forbids by page or range does not."""
    assert forbids(PROMISES[name], {}, (), 1, S) is (name == "msyscall")
