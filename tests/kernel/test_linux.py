"""What the Linux designs share: entries that the kernel moves to the vdso, the vsyscall page, and flags that are passed over."""

import pytest

from physical import PlainMemory
from sysfuzz.kernel.designs.seccomp import Seccomp
from sysfuzz.kernel.designs.sud import Sud
from sysfuzz.kernel.protocol import Frame
from sysfuzz.program.layout import LANDING, LAYOUTS, USER_CODE32, USER_CODE64
from sysfuzz.program.names import RAX, RBP, RCX, RDX, RSP

GETPID = 20
FIXED, RW = 0x1012, 3  # PRIVATE, FIXED, ANON; READ, WRITE
CODE = {"amd64": USER_CODE64, "i386": USER_CODE32}
VSYSCALL = 0xFFFF_FFFF_FF60_0000
PAGE_FAULT = 14


def frame(gate, pc, mode, cs=None, **regs):
    values = [0] * (16 if mode == "amd64" else 8)
    values[RAX] = GETPID
    for name, value in regs.items():
        values[{"ebp": RBP, "ecx": RCX, "edx": RDX, "esp": RSP}[name]] = value
    return Frame(gate, pc, cs or CODE[mode], 0x202, values)


@pytest.mark.parametrize("design", [Sud, Seccomp])
@pytest.mark.parametrize(
    ("mode", "gate", "cs", "moved"),
    [
        ("i386", "sysenter", USER_CODE32, True),
        ("amd64", "sysenter", USER_CODE64, True),
        ("i386", "syscall", USER_CODE32, True),
        ("i386", "syscall", 8 * 8 | 7, True),
        ("i386", "sysenter", 8 * 8 | 7, True),
        ("amd64", "syscall", USER_CODE32, True),
        ("amd64", "syscall", USER_CODE64, False),
        ("i386", "int80", USER_CODE32, False),
        ("amd64", "int80", USER_CODE32, False),
        ("i386", "lcall7", USER_CODE32, False),
    ],
)
def test_which_entries_are_moved(design, mode, gate, cs, moved):
    """SYSENTER from anywhere and SYSCALL from 32-bit code go on at the landing pad, as flat 32-bit code, all others where they were."""
    entered = frame(gate, 0x10002, mode, cs)
    assert design(mode, PlainMemory(64)).enter(1, 1, entered).call == "getpid"
    wanted = (LAYOUTS[mode].trampoline + LANDING, USER_CODE32) if moved else (0x10002, cs)
    assert (entered.pc, entered.cs) == wanted


@pytest.mark.parametrize("gate", ["sysenter", "syscall"])
def test_only_sysenter_takes_its_stack_from_ebp(gate):
    """A SYSENTER goes on with the ESP that EBP holds, whatever ECX and EDX say; a SYSCALL keeps its own."""
    entered = frame(gate, 0x10002, "i386", ebp=0x5000, ecx=0x6000, edx=0x7000, esp=0x8000)
    Sud("i386", PlainMemory(64)).enter(1, 1, entered)
    assert entered.regs[RSP] == (0x5000 if gate == "sysenter" else 0x8000)
    assert (entered.regs[RBP], entered.regs[RCX], entered.regs[RDX]) == (0x5000, 0x6000, 0x7000)


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_the_landing_pad_is_code(mode):
    """An int 0x80 ends at the landing pad, so that a restart repeats it; behind it is what undoes the caller's three pushes."""
    kernel = Sud(mode, PlainMemory(64))
    code = kernel.peek(1, LAYOUTS[mode].trampoline + LANDING - 2, 6)
    assert code == bytes.fromhex("cd80 5d 5a 59 c3")  # int 0x80; pop ebp; pop edx; pop ecx; ret


def test_a_new_program_has_the_vdso_too():
    """exec brings the landing pad along, and sysenter is always on."""
    kernel = Sud("i386", PlainMemory(64))
    assert kernel.call(1, 1, "exec", ()) == 0
    assert kernel.peek(1, LAYOUTS["i386"].trampoline + LANDING, 4) == bytes.fromhex("5d5a59c3")
    assert kernel.sysenter_enabled(1)


def vsyscall(kernel, addr, data=None, vector=PAGE_FAULT, stack=0x30000):
    """A jump to `addr` that faulted, from a caller at 0x12345."""
    assert kernel.call(1, 1, "mmap", (0x30000, 0x1000, RW, FIXED, -1, 0)) == 0x30000
    assert kernel.poke(1, 0x30000, (0x12345).to_bytes(8, "little")) == 0
    entered = frame("", addr, "amd64", esp=stack)
    return entered, kernel.fault(1, 1, entered, vector, addr if data is None else data)


@pytest.mark.parametrize(("offset", "name"), [(0, "gettimeofday"), (0x400, "time"), (0x800, "getcpu")])
def test_a_vsyscall_returns_to_its_caller(offset, name):
    """The three entries are calls: done at once, with the return address taken off the stack."""
    entered, reply = vsyscall(Sud("amd64", PlainMemory(64)), VSYSCALL + offset)
    assert (reply.call, reply.result, reply.signal) == (name, 0, None)
    assert (entered.pc, entered.regs[RSP], entered.regs[RAX]) == (0x12345, 0x30008, 0)


@pytest.mark.parametrize(
    ("addr", "changes"),
    [
        (VSYSCALL + 0xC00, {}),  # the page has no fourth
        (VSYSCALL + 2, {}),
        (VSYSCALL - 0x400, {}),
        (VSYSCALL, {"stack": 0x40000}),  # no return address
        (VSYSCALL, {"vector": 13}),
        (VSYSCALL, {"data": VSYSCALL + 0x400}),  # a fault on data
    ],
)
def test_all_else_about_that_page_is_a_fault(addr, changes):
    """What is no jump to an entry with a return address on the stack is SIGSEGV, and changes nothing."""
    entered, reply = vsyscall(Sud("amd64", PlainMemory(64)), addr, **changes)
    assert (reply.call, reply.signal.signal, reply.signal.pc) == ("", "SIGSEGV", addr)
    assert entered.regs[RAX] == GETPID


def test_flags_that_mmap_does_not_know_are_passed_over():
    """MAP_NOSYSCALLS is one of them: the mapping is made, without an attribute and without a mark."""
    kernel = Sud("amd64", PlainMemory(64))
    for bit in (0x10000, 0x800000, 0x8):
        assert kernel.call(1, 1, "mmap", (0x10000, 0x1000, 5, FIXED | bit, -1, 0)) == 0x10000
    (view,) = kernel.views()
    assert not view.marked
    assert all(region.attributes == 0 for region in view.regions)
