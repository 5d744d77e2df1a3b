"""msyscall: which mappings calls may come from, and what the one call names."""

import pytest

from physical import PlainMemory
from sysfuzz.kernel.designs.msyscall import Msyscall
from sysfuzz.kernel.protocol import Frame
from sysfuzz.program.layout import LAYOUTS, USER_CODE32, USER_CODE64
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import PERMITTED

A = 0x10000
LAST = LAYOUTS["amd64"].mask + 1 - PAGE
WRITE = 2


def booted(mode="amd64", prot=5, pages=3):
    kernel = Msyscall(mode, PlainMemory())
    assert kernel.call(1, 1, "mmap", (A, pages * PAGE, prot, 0x1012, -1, 0)) == A
    return kernel


def enter(kernel, behind, gate="syscall"):
    wide = kernel.mode == "amd64"
    regs = [20] + [0] * (15 if wide else 7)
    return kernel.enter(1, 1, Frame(gate, behind, USER_CODE64 if wide else USER_CODE32, 0x202, regs))


def permitted(kernel):
    """Addresses of the pages that the report shows as permitted, of those that the test has mapped."""
    regions = [region for region in kernel.views()[0].regions if region.attributes & PERMITTED]
    pages = [addr for region in regions for addr in range(region.start, region.end, PAGE)]
    return [addr for addr in pages if addr < A + 64 * PAGE]


@pytest.mark.parametrize("mode", ["amd64", "i386"])
@pytest.mark.parametrize("gate", ["syscall", "int80", "lcall7", "lcall27"])
def test_the_byte_behind_decides(mode, gate):
    """At every place around the named page: let in just if the next instruction lies in it."""
    kernel = booted(mode)
    assert kernel.call(1, 1, "msyscall", (A + PAGE, PAGE)) == 0
    for behind in (*range(A + PAGE - 9, A + PAGE + 9), *range(A + 2 * PAGE - 9, A + 2 * PAGE + 9)):
        reply = enter(kernel, behind, gate)
        assert (reply.call == "getpid") is (A + PAGE <= behind < A + 2 * PAGE), hex(behind)
        if reply.signal is not None:
            assert reply.signal[:4] == ("SIGSEGV", "SEGV_ACCERR", behind, behind)


@pytest.mark.parametrize("prot", range(8))
def test_write_permission_refuses(prot):
    """A permitted mapping may call whatever its protection is, unless it can be written to."""
    kernel = booted(prot=prot)
    assert kernel.call(1, 1, "msyscall", (A, PAGE)) == 0
    assert (enter(kernel, A + 2).call == "getpid") is not bool(prot & WRITE)


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_the_trampoline_is_permitted_from_birth(mode):
    """It alone, in the first process, after exec, and in what spawn makes."""
    kernel = Msyscall(mode, PlainMemory())
    trampoline = LAYOUTS[mode].trampoline
    kernel.call(1, 1, "spawn", ())
    kernel.call(1, 1, "exec", ())
    for view in kernel.views():
        assert [r[:2] for r in view.regions if r.attributes] == [(trampoline, trampoline + PAGE)]
    assert enter(kernel, trampoline).call == "getpid"
    assert enter(kernel, trampoline + PAGE).call == ""


@pytest.mark.parametrize(
    ("args", "result", "named"),
    [
        ((A, PAGE), 0, [A]),
        ((A, 1), 0, [A]),
        ((A + PAGE - 1, 2), 0, [A, A + PAGE]),
        ((A + 1, PAGE), 0, [A, A + PAGE]),
        ((A, 0), 0, []),
        ((A + 1, 0), 0, []),
        ((0, A + 1), 0, [A]),
        ((A + 2 * PAGE, LAST - A - 2 * PAGE), 0, [A + 2 * PAGE]),
        ((A + 2 * PAGE, LAST - A - 2 * PAGE + 1), "EINVAL", []),  # reaches the last page that there is
        ((0, LAYOUTS["amd64"].mask), "EINVAL", []),
        ((LAST + PAGE - 16, 15), "EINVAL", []),
        ((LAYOUTS["amd64"].mask, 1), "EINVAL", []),
        ((LAYOUTS["amd64"].mask, 0), 0, []),
        ((LAYOUTS["amd64"].vm_max, PAGE), 0, []),
        ((0, PAGE), 0, []),
    ],
)
def test_what_is_named(args, result, named):
    """The pages of the range that are mapped and in user space; EINVAL if it wraps around."""
    kernel = booted()
    assert kernel.call(1, 1, "msyscall", args) == result
    assert permitted(kernel) == named


@pytest.mark.parametrize(
    ("first", "spent"),
    [
        ((A, PAGE), True),
        ((A + 64 * PAGE, PAGE), True),
        ((A, 0), False),
        ((LAYOUTS["amd64"].mask, 1), False),
        ((LAYOUTS["amd64"].vm_max, PAGE), False),
    ],
)
def test_what_counts_as_the_one_call(first, spent):
    """A range in user space does, mapped or not; an empty one and an error do not."""
    kernel = booted()
    kernel.call(1, 1, "msyscall", first)
    assert kernel.views()[0].guard == (((1,),) if spent else ())
    assert kernel.call(1, 1, "msyscall", (A, PAGE)) == ("EPERM" if spent else 0)


def test_the_one_call_is_the_maps():
    """fork copies that it has been made, vfork shares it either way, and who leaves the map leaves it behind."""
    kernel = booted()
    assert kernel.call(1, 1, "vfork", ()) == 2
    assert kernel.call(2, 1, "msyscall", (A, PAGE)) == 0
    assert kernel.call(1, 1, "msyscall", (A, PAGE)) == "EPERM"
    assert kernel.call(1, 1, "fork", ()) == 3
    assert kernel.call(3, 1, "msyscall", (A, PAGE)) == "EPERM"
    assert kernel.call(2, 1, "exec", ()) == 0
    assert [bool(view.guard) for view in kernel.views()] == [True, False, True]
    assert kernel.call(2, 1, "msyscall", (A, PAGE)) == 0
