"""pinsyscalls and mimmutable: the place of a call, the stack pointer, the errors in their order, and what cannot be changed."""

import itertools

import pytest

from physical import PlainMemory
from sysfuzz.kernel.designs.pinsyscalls import Pinsyscalls
from sysfuzz.kernel.protocol import Frame
from sysfuzz.program.layout import LAYOUTS, USER_CODE32, USER_CODE64
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import STACK

A, TABLE, MORE = 0x10000, 0x30000, 0x50000
ANYWHERE = 0xFFFF_FFFF
AMD64 = LAYOUTS["amd64"]
GETPID, SETCONTEXT = 20, 308
CAN_READ = 3


def booted(mode="amd64"):
    kernel = Pinsyscalls(mode, PlainMemory())
    for addr in (A, TABLE):
        assert kernel.call(1, 1, "mmap", (addr, PAGE, 7, 0x1012, -1, 0)) == addr
    return kernel


def pin(kernel, *pins, base=A, length=0x800):
    assert kernel.poke(1, TABLE, b"".join(value.to_bytes(4, "little") for value in pins)) == 0
    return kernel.call(1, 1, "pinsyscalls", (base, length, TABLE, len(pins)))


def enter(kernel, first, number=GETPID, gate="syscall", sp=None):
    wide = kernel.mode == "amd64"
    regs = [0] * (16 if wide else 8)
    regs[0], regs[4] = number, kernel.layout.stack_top - 256 if sp is None else sp
    behind = first + (7 if gate.startswith("lcall") else 2)
    return kernel.enter(1, 1, Frame(gate, behind, USER_CODE64 if wide else USER_CODE32, 0x202, regs))


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize("gate", ["syscall", "int80", "lcall7"])
def test_each_number_has_its_place(mode, gate):
    """Let in just where the number is pinned to, or anywhere in the range: every number of a small table at every place."""
    kernel = booted(mode)
    pins = {GETPID: 4, 21: 0, 22: 9, 23: ANYWHERE, 24: 9, 25: 15}  # these numbers have no effect
    assert pin(kernel, *[pins.get(number, 0) for number in range(26)], length=16) == 0
    for number, place in itertools.product(range(GETPID, 28), range(-3, 20)):
        reply = enter(kernel, A + place, number, gate)
        value = pins.get(number, 0)
        due = 0 <= place < 16 and (value == ANYWHERE or (value != 0 and value == place))
        assert bool(reply.call) is due, (number, place)
        if not due:
            assert reply.signal.signal == "SIGABRT"
            assert not reply.signal.handled


def test_nobody_catches_the_abort():
    """A handler for SIGABRT is not entered; one for the stack's SIGSEGV is."""
    kernel = booted()
    for number in (6, 11):
        assert kernel.call(1, 1, "sigaction", (number, 0x60000)) == 0
    assert not enter(kernel, A).signal.handled
    assert enter(kernel, A, sp=TABLE + PAGE - 8).signal[:4] == ("SIGSEGV", "SEGV_ACCERR", A + 2, A + 2)
    assert enter(kernel, A, sp=TABLE + PAGE - 8).signal.handled is False  # masked by now


@pytest.mark.parametrize(
    ("addr", "offset", "let_in"),
    [
        (None, -1, False), (None, 0, True), (None, 4 * PAGE - 1, True), (None, 4 * PAGE, False),
        (TABLE, 0, False), (MORE, 0, True), (MORE, PAGE - 1, True), (MORE, PAGE, True), (MORE, 2 * PAGE - 1, True), (MORE, 2 * PAGE, False),
    ],
)  # fmt: skip
def test_where_a_stack_pointer_may_point(addr, offset, let_in):
    """Into the stack, into what was mapped as one, and into what has no protection; the ends are sharp."""
    kernel = booted()
    assert kernel.call(1, 1, "mmap", (MORE, PAGE, 3, 0x3012, -1, 0)) == MORE
    assert kernel.call(1, 1, "mmap", (MORE + PAGE, PAGE, 0, 0x1012, -1, 0)) == MORE + PAGE
    pin(kernel, *[ANYWHERE] * 21)
    sp = (AMD64.stack if addr is None else addr) + offset
    assert bool(enter(kernel, A, sp=sp).call) is let_in


@pytest.mark.parametrize(("mode", "size"), [("amd64", 10), ("i386", 14)])
def test_the_trampoline_makes_one_call(mode, size):
    """setcontext alone, and from that place alone; pins whose range holds it decide instead."""
    kernel = booted(mode)
    first = LAYOUTS[mode].trampoline + size - 2
    assert enter(kernel, first, SETCONTEXT).call == "setcontext"
    assert not enter(kernel, first, GETPID).call
    assert not enter(kernel, first + 1, SETCONTEXT).call
    assert not enter(kernel, first - 1, SETCONTEXT).call
    assert pin(kernel, *[ANYWHERE] * 21, base=LAYOUTS[mode].trampoline, length=PAGE) == 0
    assert enter(kernel, first, GETPID).call == "getpid"
    assert not enter(kernel, first, SETCONTEXT).call


WRONG = {
    "EINVAL": {"base": 0},
    "E2BIG": {"count": 513},
    "EFAULT": {"pins": MORE},
    "ERANGE": {"length": 1},
}


@pytest.mark.parametrize("wrong", [w for n in range(5) for w in itertools.combinations(WRONG, n)], ids="+".join)
def test_errors_in_their_order(wrong):
    """Of several things that are wrong the first in sys_pinsyscalls's order is told; whatever it was, the call is spent."""
    kernel = booted()
    kernel.poke(1, TABLE, (9).to_bytes(4, "little"))
    args = {"base": A, "length": 0x800, "pins": TABLE, "count": 1}
    for name in wrong:
        args |= WRONG[name]
    assert kernel.call(1, 1, "pinsyscalls", tuple(args.values())) == (wrong[0] if wrong else 0)
    assert kernel.call(1, 1, "pinsyscalls", (A, 0x800, TABLE, 1)) == "EPERM"
    assert kernel.views()[0].guard == (() if wrong else ((A, 0x800, 9),))


@pytest.mark.parametrize(
    ("value", "length", "result"),
    [
        (0, 0, 0),
        (1, 0, "ERANGE"),
        (8, 8, 0),
        (9, 8, "ERANGE"),
        (ANYWHERE, 0, 0),
        (ANYWHERE - 1, 8, "ERANGE"),
        (7, 8, 0),
    ],
)
def test_offsets_are_compared_with_the_length(value, length, result):
    """More than the length is ERANGE; the length itself, 0 and -1 pass."""
    assert pin(booted(), value, length=length) == result


@pytest.mark.parametrize(
    ("base", "length", "result"),
    [
        (PAGE, AMD64.vm_max - PAGE, 0), (PAGE - 1, 1, "EINVAL"), (PAGE, AMD64.vm_max - PAGE + 1, "EINVAL"), (AMD64.vm_max, 0, 0),
        (AMD64.vm_max, 1, "EINVAL"), (AMD64.mask, 1, "EINVAL"), (AMD64.mask, 0, "EINVAL"),
    ],
)  # fmt: skip
def test_the_range_lies_in_user_space(base, length, result):
    """Both ends included, without wrapping around."""
    assert pin(booted(), 0, base=base, length=length) == result


@pytest.mark.parametrize(("count", "result"), [(0, "E2BIG"), (1, 0), (512, 0), (513, "E2BIG"), (0xFFFF_FFFF, "E2BIG")])
def test_how_many_pins(count, result):
    """As many as there are numbers, at least one."""
    assert booted().call(1, 1, "pinsyscalls", (A, 1, TABLE, count)) == result


def test_the_one_call_is_the_maps():
    """vfork shares that it has been made, fork copies it, exec leaves it; pins are each process's own."""
    kernel = booted()
    assert kernel.call(1, 1, "vfork", ()) == 2
    assert kernel.call(2, 1, "pinsyscalls", (0, 0, 0, 0)) == "EINVAL"
    assert pin(kernel, 1) == "EPERM"
    assert kernel.call(1, 1, "fork", ()) == 3
    assert kernel.call(3, 1, "pinsyscalls", (A, 1, TABLE, 1)) == "EPERM"
    assert kernel.call(1, 1, "exec", ()) == 0
    kernel.call(1, 1, "mmap", (TABLE, PAGE, 3, 0x1012, -1, 0))
    assert pin(kernel, 1) == 0
    assert [bool(view.guard) for view in kernel.views()] == [True, False, False]


def test_several_lwps_may_not_pin():
    """EPERM, and it does not count."""
    kernel = booted()
    assert kernel.call(1, 1, "lwp_create", ()) == 2
    assert pin(kernel, 1) == "EPERM"
    assert kernel.call(1, 2, "lwp_exit", ()) == 0
    assert pin(kernel, 1) == 0


@pytest.mark.parametrize(
    ("call", "args", "result"),
    [
        ("munmap", (A, PAGE), "EPERM"),
        ("munmap", (A - PAGE, 2 * PAGE), "EPERM"),
        ("munmap", (A + PAGE - 1, 1), "EPERM"),
        ("munmap", (A + PAGE, PAGE), 0),
        ("munmap", (A, 0), 0),
        ("mprotect", (A, PAGE, 1), "EPERM"),
        ("mprotect", (A, PAGE, 7), "EPERM"),
        ("mremap", (A, PAGE, MORE, PAGE, 0x10), "EPERM"),
        ("mmap", (A, PAGE, 3, 0x1012, -1, 0), "EPERM"),
        ("mmap", (A - PAGE, 2 * PAGE, 3, 0x1012, -1, 0), "EPERM"),
        ("mmap", (A + PAGE, PAGE, 3, 0x1012, -1, 0), A + PAGE),
        ("minherit", (A, PAGE, 0), 0),
        ("madvise", (A, PAGE, 1), 0),
        ("mlock", (A, PAGE), 0),
        ("msync", (A, PAGE, 4), 0),
        ("mimmutable", (A, PAGE), 0),
    ],
)
def test_what_cannot_be_changed(call, args, result):
    """Of an immutable page neither mapping nor protection changes, in whatever range it lies; the rest does."""
    kernel = booted()
    assert kernel.call(1, 1, "mimmutable", (A, PAGE)) == 0
    before = kernel.views()
    assert kernel.call(1, 1, call, args) == result
    if result == "EPERM":
        assert kernel.views() == before


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize(
    ("addr", "length", "result"),
    [
        (0, -PAGE, 0), (0, 1 - PAGE, "EINVAL"), (0, -1, "EINVAL"), (A, -1, "EINVAL"), (A + 1, -1, "EINVAL"), (A, -A - PAGE, 0),
        (-PAGE, 0, 0), (-PAGE, 1, "EINVAL"), (-PAGE, PAGE - 1, "EINVAL"), (-PAGE, PAGE, "EINVAL"), (1 - PAGE, 0, "EINVAL"),
        (-1, 0, "EINVAL"), (-1, 1, "EINVAL"), (-1 - PAGE, 1, 0), (-1 - PAGE, 2, "EINVAL"), (A, 0, 0), (A + 1, 0, 0),
    ],
)  # fmt: skip
def test_a_range_ends_before_the_last_page(mode, addr, length, result):
    """What reaches the last page that there is, when it is rounded, wraps around. Below zero is counted from the end of the space."""
    mask = LAYOUTS[mode].mask
    assert booted(mode).call(1, 1, "mimmutable", (addr & mask, length & mask)) == result


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize("number", [0, 198, 512, 512 + 198])
def test_no_call_makes_another(mode, number):
    """Pinned anywhere, syscall and __syscall are unassigned, whatever number they are given."""
    kernel = booted(mode)
    assert pin(kernel, *[ANYWHERE] * 199) == 0
    reply = enter(kernel, A, number)
    assert (reply.call, reply.result) == (f"#{number % 512}", "ENOSYS")


def test_a_mapping_without_fixed_goes_elsewhere():
    """A hint at an immutable page is not an error, and its room is not taken."""
    kernel = booted()
    assert kernel.call(1, 1, "mimmutable", (A, PAGE)) == 0
    assert kernel.call(1, 1, "mmap", (A, PAGE, 3, 0x1002, -1, 0)) not in (A, "EPERM")


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_the_stack_is_one_from_birth(mode):
    """The stack alone, all of it; what mmap makes is one if it is asked for."""
    kernel = Pinsyscalls(mode, PlainMemory())
    layout = LAYOUTS[mode]
    kernel.call(1, 1, "mmap", (A, PAGE, CAN_READ, 0x3012, -1, 0))
    stacks = [region[:2] for region in kernel.views()[0].regions if region.attributes & STACK]
    assert stacks == [(A, A + PAGE), (layout.stack, layout.stack_top)]
