"""The frame of the guarded kernels: calls of their own, births, refusals and reports, whichever design it is."""

import pytest

from physical import PlainMemory
from sysfuzz.kernel.designs.guarded import GuardedKernel, Refusal, annotate, instruction
from sysfuzz.kernel.designs.msyscall import Msyscall
from sysfuzz.kernel.designs.pinsyscalls import Pinsyscalls
from sysfuzz.kernel.designs.syscallemu import Syscallemu
from sysfuzz.kernel.protocol import Frame
from sysfuzz.kernel.rules import Rules
from sysfuzz.kernel.syscalls import Syscall
from sysfuzz.program.ir import SPECIAL
from sysfuzz.program.layout import LAYOUTS, MAX_PROCESSES, USER_CODE32, USER_CODE64
from sysfuzz.program.names import PAGE

A = 0x10000
HANDLER = 0x50000
GETPID = 20
ARGS = {
    "spawn": (), "ktrace": (1,), "ptrace": (1,), "syscallemu": (A, A + 1, 0), "msyscall": (A, 1), "mimmutable": (A, 1),
    "pinsyscalls": (A, 1, A, 0), "sud": (0, 0, 0, 0), "seccomp": (A, A + 1),
}  # fmt: skip
# A call, and what it answers on a fresh process.
OWN = {
    Syscallemu: {"spawn": 2, "ktrace": 0, "ptrace": 0, "syscallemu": 0},
    Msyscall: {"spawn": 2, "msyscall": 0},
    Pinsyscalls: {"spawn": 2, "mimmutable": 0, "pinsyscalls": "E2BIG"},
}


class Recorder(GuardedKernel):
    """Refuses what it is told to and remembers what it is told."""

    def __init__(self, refusal=None):
        self.told = []
        self.refusal = refusal
        super().__init__("amd64", PlainMemory(), Rules(), {500: Syscall("sud", "w")})

    def refuses(self, process, lwp, frame):
        return self.refusal

    def special(self, process, lwp, name, args):
        return "EBUSY" if name == "sud" else None

    def forbids(self, process, name, args):
        return "EPERM" if name == "munmap" else ""

    def done(self, process, lwp, name, args, result):
        self.told.append((name, process.pid, lwp))

    def born(self, parent, lwp, child, how):
        self.told.append((how, parent.pid, lwp, child.pid))

    def executed(self, process, lwp):
        self.told.append(("executed", process.pid, lwp))

    def lwp_born(self, process, lwp, new):
        self.told.append(("lwp", process.pid, lwp, new))


def entry(kernel, number, *args, lwp=1):
    """Let code make a call: the reply, and RAX behind it."""
    regs = [0] * 16
    regs[0], regs[4] = number, kernel.layout.stack_top - 256
    for register, value in zip((7, 6, 2, 10), args, strict=False):
        regs[register] = value
    frame = Frame("syscall", A + 2, USER_CODE64, 0x202, regs)
    return kernel.enter(1, lwp, frame), frame


@pytest.mark.parametrize("boot", OWN)
@pytest.mark.parametrize("call", SPECIAL)
def test_a_design_has_its_own_calls_alone(boot, call):
    """Of the calls that single designs have, those of others are unknown."""
    assert boot("amd64", PlainMemory()).call(1, 1, call, ARGS[call]) == OWN[boot].get(call, "ENOSYS")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("fork", ("fork", 1, 1, 2)),
        ("vfork", ("vfork", 1, 1, 2)),
        ("spawn", ("spawn", 1, 1, 2)),
        ("exec", ("executed", 1, 1)),
        ("lwp_create", ("lwp", 1, 1, 2)),
        ("munlockall", ("munlockall", 1, 1)),
    ],
)
def test_what_has_succeeded_is_told_once(call, told):
    """A design learns of every call that succeeded, by what it was."""
    kernel = Recorder()
    assert isinstance(kernel.call(1, 1, call, ()), int)
    assert kernel.told == [told]


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (2, ("fork", 1, 1, 2)),
        (66, ("vfork", 1, 1, 2)),
        (59, ("executed", 1, 1)),
        (309, ("lwp", 1, 1, 2)),
        (20, ("getpid", 1, 1)),
    ],
)
def test_code_tells_as_ops_do(number, told):
    """The same call, made by code under its number, is told under the op's name."""
    kernel = Recorder()
    entry(kernel, number)
    assert kernel.told == [told]


@pytest.mark.parametrize(
    ("call", "args", "errno"),
    [("munmap", (A, PAGE), "EPERM"), ("sud", (0, 0, 0, 0), "EBUSY"), ("mprotect", (0, PAGE, 1), "EINVAL")],
)
def test_what_has_failed_is_not_told(call, args, errno):
    """What the design keeps from being made, fails itself, or fails in the kernel, has no consequences."""
    kernel = Recorder()
    assert kernel.call(1, 1, call, args) == errno
    assert kernel.told == []


def test_code_is_kept_from_calls_too():
    """A call that the design forbids answers its errno to code, and one of its own is found by number."""
    kernel = Recorder()
    reply, frame = entry(kernel, 73, A, PAGE)
    assert (reply.call, reply.result, frame.regs[0], frame.flags & 1) == ("munmap", "EPERM", 1, 1)
    reply, _ = entry(kernel, 500, 0)
    assert (reply.call, reply.result) == ("sud", "EBUSY")
    reply, _ = entry(kernel, 501, 0)
    assert (reply.call, reply.result) == ("#501", "ENOSYS")
    assert kernel.told == []


def test_a_spawned_child_has_a_program_of_its_own():
    """Its map is that of a birth, whatever its parent has mapped; a ninth process is EAGAIN."""
    kernel = Recorder()
    born = kernel.views()[0].regions
    assert kernel.call(1, 1, "mmap", (A, PAGE, 5, 0x1012, -1, 0)) == A
    for pid in range(2, MAX_PROCESSES + 1):
        assert kernel.call(1, 1, "spawn", ()) == pid
    assert kernel.call(1, 1, "spawn", ()) == "EAGAIN"
    first, *children = kernel.views()
    assert first.regions != born
    assert [child.regions for child in children] == [born] * (MAX_PROCESSES - 1)


@pytest.mark.parametrize("forced", [False, True])
def test_a_refused_call_has_no_effect(forced):
    """The signal is as the design says, the registers are untouched; a handler gets it unless it is forced."""
    kernel = Recorder(Refusal("SIGSYS", "SYS_SECCOMP", 0x77, A, forced))
    assert kernel.call(1, 1, "sigaction", (12, HANDLER)) == 0
    reply, frame = entry(kernel, 2)
    signal = reply.signal
    assert (reply.call, signal.signal, signal.code, signal.addr, signal.pc) == ("", "SIGSYS", "SYS_SECCOMP", 0x77, A)
    assert (signal.regs[0], signal.handled) == (2, not forced)
    assert frame.pc == (A if forced else HANDLER)
    assert len(kernel.views()) == 1


@pytest.mark.parametrize(
    ("cs", "gate", "pc", "first"),
    [
        (USER_CODE64, "syscall", A, A - 2),
        (USER_CODE64, "int80", A, A - 2),
        (USER_CODE64, "lcall7", A, A - 7),
        (USER_CODE64, "syscall", 1, (1 << 64) - 1),
        (USER_CODE32, "lcall27", 0, (1 << 32) - 7),
        (0x47, "int80", 1, (1 << 32) - 1),
    ],
)
def test_the_instruction_is_found_by_its_gate(cs, gate, pc, first):
    """The offset behind it less its size, in the width of its code segment, whatever base that has."""
    assert instruction(Frame(gate, pc, cs, 0x202, [0] * 16)) == first


def test_the_report_stays_the_same_object():
    """Views are made anew only when something has changed: a map, a guard, or who is alive."""
    kernel = Syscallemu("amd64", PlainMemory())
    plain = kernel.views()
    assert kernel.views() is plain
    assert kernel.call(1, 1, "syscallemu", (A, A + 4, 0)) == 0
    armed = kernel.views()
    assert (plain[0].guard, armed[0].guard) == ((), ((A, A + 4),))
    assert kernel.views() is armed
    kernel.call(1, 1, "mmap", (A, PAGE, 5, 0x1012, -1, 0))
    mapped = kernel.views()
    assert mapped is not armed
    assert mapped[0].guard == armed[0].guard
    kernel.call(1, 1, "ktrace", (1,))
    assert kernel.views()[0].guard == ()


def test_an_attribute_is_given_to_what_is_mapped():
    """Entries are cut at the range's ends, holes are passed over, and what has it already keeps it."""
    kernel = Recorder()
    vm = kernel.processes.alive[1].vm
    for addr in (A, A + 3 * PAGE):
        kernel.call(1, 1, "mmap", (addr, 2 * PAGE, 5, 0x1012, -1, 0))
    annotate(vm, A + PAGE, A + 4 * PAGE, 4)
    annotate(vm, A + PAGE, A + 2 * PAGE, 8)
    annotate(vm, A + 8 * PAGE, A + 9 * PAGE, 4)  # nothing is there
    rows = [(region.start, region.end, region.attributes) for region in vm.regions() if region.start < A + 16 * PAGE]
    assert rows == [
        (A, A + PAGE, 0), (A + PAGE, A + 2 * PAGE, 12), (A + 3 * PAGE, A + 4 * PAGE, 4), (A + 4 * PAGE, A + 5 * PAGE, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("boot", OWN)
@pytest.mark.parametrize("mode", LAYOUTS)
def test_sysenter_is_off(boot, mode):
    """None of these systems lets code in by sysenter."""
    assert not boot(mode, PlainMemory()).sysenter_enabled(1)
