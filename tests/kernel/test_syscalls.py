"""Dispatch by number: names, arguments from registers and stack, results back into registers."""

import pytest

from physical import PlainMemory
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.protocol import Frame
from sysfuzz.kernel.syscalls import answer, decode, dispatch
from sysfuzz.program.layout import LAYOUTS, USER_CODE32, USER_CODE64
from sysfuzz.program.names import R8, R9, R10, RAX, RCX, RDI, RDX, RSI, RSP


def enter(kernel, number, regs=None, stack=(), gate="int80"):
    mode = kernel.mode
    layout = LAYOUTS[mode]
    values = [0] * (16 if mode == "amd64" else 8)
    values[RAX] = number
    values[RSP] = layout.stack_top - 0x200
    for register, value in (regs or {}).items():
        values[register] = value
    word = layout.bits // 8
    for at, value in enumerate(stack, 1):
        kernel.poke(1, values[RSP] + at * word, value.to_bytes(word, "little"))
    frame = Frame(gate, 0x10002, USER_CODE64 if mode == "amd64" else USER_CODE32, 0x203, values)
    return frame, kernel.enter(1, 1, frame)


MMAP = (0x30000, 0x2000, 5, 0x11012, 0xFFFFFFFF)


def test_mmap_on_amd64_takes_its_offset_from_the_stack():
    """Six words in registers, the sixth being padding, and the offset above the return address."""
    kernel = Kernel("amd64", PlainMemory())
    regs = dict(zip((RDI, RSI, RDX, R10, R8, R9), (*MMAP, 0xDEAD), strict=True))
    frame, reply = enter(kernel, 197, regs, stack=(0,))
    assert (reply.call, reply.args) == ("mmap", (*MMAP[:4], -1, 0))
    assert (reply.result, frame.regs[RAX], frame.flags & 1) == (0x30000, 0x30000, 0)


def test_mmap_on_i386_has_padding_and_a_two_word_offset():
    """All arguments on the stack."""
    kernel = Kernel("i386", PlainMemory())
    _, reply = enter(kernel, 197, stack=(*MMAP, 0xDEAD, 0x1000, 0x2))
    assert reply.args == (*MMAP[:4], -1, 0x2_0000_1000)


def test_sysenter_takes_arguments_from_the_stack_in_ecx():
    """SYSENTER saves no stack pointer, so that user code passes it."""
    kernel = Kernel("i386", PlainMemory())
    stack = LAYOUTS["i386"].stack
    for at, value in enumerate((0x30000, 0x1000), 1):
        kernel.poke(1, stack + 4 * at, value.to_bytes(4, "little"))
    _, reply = enter(kernel, 73, {RCX: stack, RDX: 0x10010}, gate="sysenter")
    assert (reply.call, reply.args, reply.result) == ("munmap", (0x30000, 0x1000), 0)


@pytest.mark.parametrize(("mode", "stack"), [("amd64", ()), ("i386", (20,))])
def test_indirect_call(mode, stack):
    """syscall(2) takes the number from its first argument."""
    _, reply = enter(Kernel(mode, PlainMemory()), 0, {RDI: 20} if mode == "amd64" else {}, stack)
    assert (reply.call, reply.result) == ("getpid", 1)


def test_wide_indirect_call_on_i386():
    """__syscall's number is two words wide there, and arguments follow it."""
    _, reply = enter(Kernel("i386", PlainMemory()), 198, stack=(73, 0, 0x30000, 0x1000))
    assert (reply.call, reply.args) == ("munmap", (0x30000, 0x1000))


@pytest.mark.parametrize(
    ("number", "name", "errno"), [(21, "#21", 78), (511, "#511", 78), (512 + 21, "#21", 78), (2**63 + 21, "#21", 78)]
)
def test_unassigned_numbers(number, name, errno):
    """Numbers are taken modulo 512; an unassigned one is ENOSYS with carry set."""
    frame, reply = enter(Kernel("amd64", PlainMemory()), number)
    assert (reply.call, reply.result, frame.regs[RAX], frame.flags & 1) == (name, "ENOSYS", errno, 1)


@pytest.mark.parametrize("number", [0, 198])
def test_indirect_of_indirect_is_unassigned(number):
    """An indirect call cannot name another one."""
    _, reply = enter(Kernel("amd64", PlainMemory()), number, {RDI: 198})
    assert (reply.call, reply.result) == ("#198", "ENOSYS")


def test_unreadable_arguments():
    """A stack that cannot be read is EFAULT, and nothing is done."""
    kernel = Kernel("i386", PlainMemory())
    _, reply = enter(kernel, 73, {RSP: 0x1000})
    assert (reply.call, reply.args, reply.result) == ("munmap", (), "EFAULT")


@pytest.mark.parametrize(("number", "ends"), [(1, "exit"), (310, "exit"), (59, "exec")])
def test_calls_that_do_not_return(number, ends):
    """exit, the exit of the last LWP and exec end the run."""
    _, reply = enter(Kernel("amd64", PlainMemory()), number)
    assert reply.ends == ends


@pytest.mark.parametrize(("fd", "result"), [(0, 0), (6, 0), (7, "EBADF"), (0xFFFFFFFF, "EBADF")])
def test_read_and_write_transfer_nothing(fd, result):
    """They only look at the descriptor."""
    for number in (3, 4):
        _, reply = enter(Kernel("amd64", PlainMemory()), number, {RDI: fd, RSI: 0x1000, RDX: 5})
        assert reply.result == result


def test_structures_behind_pointers():
    """sigaction and sysarch by code read their arguments from memory, and answer EFAULT if they cannot."""
    kernel = Kernel("i386", PlainMemory())
    stack = LAYOUTS["i386"].stack
    kernel.poke(1, stack, (0x5000).to_bytes(4, "little"))
    assert enter(kernel, 340, stack=(4, stack))[1].result == 0
    assert kernel.processes.alive[1].handlers == {4: 0x5000}
    kernel.poke(1, stack, (9).to_bytes(4, "little") + (0x7000).to_bytes(4, "little"))
    assert enter(kernel, 165, stack=(1, stack))[1].result == 9
    assert kernel.segments(1) == ((9, 0x7000),)
    assert enter(kernel, 340, stack=(4, 0x1000))[1].result == "EFAULT"
    assert enter(kernel, 165, stack=(1, 0x1000))[1].result == "EFAULT"


def registers(mode, **values):
    regs = [0] * (16 if mode == "amd64" else 8)
    for name, value in values.items():
        regs[{"rax": RAX, "rcx": RCX, "rdi": RDI, "rsi": RSI, "rsp": RSP}[name]] = value
    return regs


@pytest.mark.parametrize(
    ("mode", "gate", "regs", "asked"),
    [
        ("amd64", "syscall", {"rax": 73, "rdi": 1, "rsi": 2}, []),
        ("amd64", "int80", {"rax": 197, "rsp": 0x1000}, [(0x1008, 8)]),
        ("i386", "int80", {"rax": 73, "rsp": 0x1000}, [(0x1004, 8)]),
        ("i386", "sysenter", {"rax": 73, "rcx": 0x2000, "rsp": 0x1000}, [(0x2004, 8)]),
        ("i386", "int80", {"rax": 73, "rsp": 0xFFFF_FFFC}, [(0, 8)]),
        ("i386", "int80", {"rax": 20}, []),
    ],
)
def test_decode_reads_just_the_words_that_are_on_the_stack(mode, gate, regs, asked):
    """A core is asked for user memory once, for the arguments that registers do not hold, above the return address."""
    seen = []

    def copyin(addr, count):
        seen.append((addr, count))
        return bytes(count)

    assert decode(mode, registers(mode, **regs), gate, copyin).args is not None
    assert seen == asked


@pytest.mark.parametrize(
    ("regs", "name"), [({"rax": 73}, "munmap"), ({"rax": 0}, "syscall"), ({"rax": 198}, "__syscall")]
)
def test_decode_of_a_stack_that_cannot_be_read(regs, name):
    """The call is known by name, and has no arguments."""
    assert decode("i386", registers("i386", **regs), "int80", lambda addr, count: None) == (name, None)


@pytest.mark.parametrize(
    ("mode", "result", "rax", "carry"),
    [
        ("amd64", 0x1_2345_6789, 0x1_2345_6789, 0),
        ("i386", 0x1_2345_6789, 0x2345_6789, 0),
        ("amd64", -1, 0xFFFF_FFFF_FFFF_FFFF, 0),
        ("amd64", "EINVAL", 22, 1),
        ("i386", "ENOSYS", 78, 1),
    ],
)
def test_an_answer_is_a_word_or_an_errno_with_the_carry_flag(mode, result, rax, carry):
    """In RAX, as wide as the mode; the other flags and registers stay."""
    for flags in (0x202, 0x203):
        frame = Frame("int80", 0, 0, flags, registers(mode, rcx=7))
        answer(mode, frame, result)
        assert (frame.regs[RAX], frame.flags, frame.regs[RCX]) == (rax, 0x202 | carry, 7)


def test_dispatch_does_what_code_asks_for():
    """The call is made with its arguments, and what it answers is both the reply's and the frame's; with none to be read it is not made."""
    made = []

    def call(name, args):
        made.append((name, args))
        return "EINVAL"

    frame = Frame("syscall", 0x10002, USER_CODE64, 0x202, registers("amd64", rax=73, rdi=0x30000, rsi=0x1000))
    reply = dispatch("amd64", frame, lambda addr, count: None, call)
    assert made == [("munmap", (0x30000, 0x1000))]
    assert (reply.call, reply.args, reply.result, reply.signal) == ("munmap", (0x30000, 0x1000), "EINVAL", None)
    assert (frame.regs[RAX], frame.flags & 1) == (22, 1)
    frame = Frame("int80", 0x10002, USER_CODE32, 0x202, registers("i386", rax=73))
    reply = dispatch("i386", frame, lambda addr, count: None, call)
    assert len(made) == 1
    assert (reply.call, reply.args, reply.result) == ("munmap", (), "EFAULT")
