"""System call numbers and arguments, as code passes them."""

import pytest

from sysfuzz.spec.abi import request

MMAP64 = (0x10000, 0x1000, 0x1_0000_0005, 0xFFFF_0000_0000_1012, 0xFFFF_FFFF, 0xBAD, 1 << 63)
MMAP32 = (0x10000, 0x1000, 5, 0x1012, 0xFFFF_FFFF, 0xBAD, 0x1000, 0x80000000)


def asked(mode, attempt):
    """Name and arguments of a request."""
    got = request(mode, attempt)
    return got.name, got.args


@pytest.mark.parametrize(
    ("number", "args", "wanted"),
    [
        (1, (0x1_0000_0007,), ("exit", (7,))),
        (2, (), ("fork", ())),
        (20, (), ("getpid", ())),
        (59, (), ("execve", ())),
        (66, (), ("vfork", ())),
        (282, (), ("vfork", ())),
        (73, (1, 2), ("munmap", (1, 2))),
        (74, (1 << 63, 1 << 62, 1 << 32 | 3), ("mprotect", (1 << 63, 1 << 62, 3))),
        (75, (1, 2, 1 << 32), ("madvise", (1, 2, 0))),
        (78, (1, 2, 1 << 32), ("mincore", (1, 2, 1 << 32))),
        (165, (1 << 32 | 1, 1 << 40), ("sysarch", (1, 1 << 40))),
        (197, MMAP64, ("mmap", (0x10000, 0x1000, 5, 0x1012, -1, 1 << 63))),
        (203, (1, 2), ("mlock", (1, 2))),
        (204, (1, 2), ("munlock", (1, 2))),
        (242, (3,), ("mlockall", (3,))),
        (243, (), ("munlockall", ())),
        (273, (1, 2, 3), ("minherit", (1, 2, 3))),
        (277, (1, 2, 3), ("msync", (1, 2, 3))),
        (308, (1,), ("setcontext", (1,))),
        (309, (), ("_lwp_create", ())),
        (310, (), ("_lwp_exit", ())),
        (311, (), ("_lwp_self", ())),
        (340, (4, 1 << 40), ("sigaction", (4, 1 << 40))),
        (411, (1, 2, 3, 4, 1 << 32 | 5), ("mremap", (1, 2, 3, 4, 5))),
        (5, (), ("#5", ())),
        (511, (), ("#511", ())),
        (512, (20,), ("getpid", ())),
        (512 + 20, (), ("getpid", ())),
        (1 << 32 | 20, (), ("getpid", ())),
        ((1 << 64) - 1, (), ("#511", ())),
        (0, (20,), ("getpid", ())),
        (198, (20,), ("getpid", ())),
        (0, (74, 1, 2, 3), ("mprotect", (1, 2, 3))),
        (198, (197, *MMAP64), ("mmap", (0x10000, 0x1000, 5, 0x1012, -1, 1 << 63))),
        (0, (411, 1, 2, 3, 4, 5), ("mremap", (1, 2, 3, 4, 5))),
        (0, (0, 20), ("#0", ())),
        (198, (198, 20), ("#198", ())),
        (198, (1 << 32 | 20,), ("getpid", ())),
        (0, (512,), ("#0", ())),
        (0, ((1 << 64) - 1,), ("#511", ())),
    ],
)
def test_amd64(enter, number, args, wanted):
    """Six arguments in registers, the seventh on the stack; ints are the low halves, numbers are modulo 512."""
    assert asked("amd64", enter(0x10000, number, args).attempt) == wanted


@pytest.mark.parametrize("gate", ["int80", "sysenter", "lcall7"])
@pytest.mark.parametrize(
    ("number", "args", "wanted"),
    [
        (1, (7,), ("exit", (7,))),
        (73, (1, 2), ("munmap", (1, 2))),
        (197, MMAP32, ("mmap", (0x10000, 0x1000, 5, 0x1012, -1, 0x80000000_00001000))),
        (411, (1, 2, 3, 4, 5), ("mremap", (1, 2, 3, 4, 5))),
        (0, (197, *MMAP32), ("mmap", (0x10000, 0x1000, 5, 0x1012, -1, 0x80000000_00001000))),
        (198, (197, 0, *MMAP32), ("mmap", (0x10000, 0x1000, 5, 0x1012, -1, 0x80000000_00001000))),
        (198, (20, 1), ("getpid", ())),
        (0, (0xFFFF_FFFF,), ("#511", ())),
        (0xFFFF_FE14, (), ("getpid", ())),
        (165, (1, 0x2000), ("sysarch", (1, 0x2000))),
    ],
)
def test_i386(enter, gate, number, args, wanted):
    """All arguments on the stack, 64-bit ones in two words."""
    assert asked("i386", enter(0x10000, number, args, mode="i386", gate=gate).attempt) == wanted


@pytest.mark.parametrize(
    ("mode", "number", "args", "readable"),
    [
        ("amd64", 197, MMAP64, 8),
        ("amd64", 198, (197, *MMAP64), 16),
        ("i386", 1, (7,), 4),
        ("i386", 74, (1, 2, 3), 12),
        ("i386", 197, MMAP32, 32),
        ("i386", 198, (197, 0, *MMAP32), 40),
        ("i386", 0, (20,), 4),
        ("i386", 198, (20, 0), 8),
    ],
)
def test_arguments_must_be_readable(enter, mode, number, args, readable):
    """A call needs just its own arguments to be readable, to the last byte."""
    event = enter(0x10000, number, args, mode=mode, gate="int80")
    stack = event.attempt.stack
    whole = request(mode, event.attempt)
    assert whole.args is not None
    assert request(mode, event.attempt._replace(stack=stack[:readable])) == whole
    for count in (0, readable - 1):
        assert request(mode, event.attempt._replace(stack=stack[:count])).args is None


def test_what_needs_no_stack_reads_none(enter):
    """Calls without arguments, and amd64's with at most six, do not look at the stack."""
    for mode, number, args in (("i386", 20, ()), ("i386", 2, ()), ("amd64", 74, (1, 2, 3)), ("i386", 5, ())):
        assert request(mode, enter(0x10000, number, args, mode=mode, gate="int80", stack=b"").attempt).args is not None


def test_an_unreadable_number_names_the_indirect_call(enter):
    """If not even the number can be read, what is known is the call that was to read it."""
    for number, name in ((0, "syscall"), (198, "__syscall")):
        assert asked("i386", enter(0x10000, number, mode="i386", gate="int80", stack=b"").attempt) == (name, None)


@pytest.mark.parametrize("number", [0, 198, 512, 512 + 198])
def test_where_numbers_are_pinned_no_call_makes_another(enter, number):
    """OpenBSD 7.5 has no indirect calls, with arguments or without."""
    attempt = enter(0x10000, number, (20,)).attempt
    for stack in (attempt.stack, b""):
        got = request("amd64", attempt._replace(stack=stack), frozenset(("pinsyscalls", "mimmutable")))
        assert got == (f"#{number % 512}", None, ())
