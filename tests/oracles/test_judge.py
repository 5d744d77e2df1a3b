"""Each oracle, shown on a core with just one thing wrong: who reports it, and under which cause."""

import pytest

from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.rules import Rules
from sysfuzz.oracles.judge import BY_DESIGN, ORACLES, judge
from sysfuzz.program.outcome import Reply
from sysfuzz.program.text import parse
from sysfuzz.spec.promise import PROMISES
from sysfuzz.targets import table
from sysfuzz.targets.emulated import EmulatedTarget


class RunsAnything(Kernel):
    """Lets code run wherever it may be read, and zeros behind the end of a file."""

    def fill(self, pid, vaddr, access):
        answer = super().fill(pid, vaddr, access) or super().fill(pid, vaddr, "read")
        if answer is None:
            paddr = self.__dict__.setdefault("behind", 0) or self._memory._memory.allocate()
            self.behind = paddr
            return paddr, 7 if self.processes.alive[pid].vm.lookup(vaddr) else 0
        return answer[0], answer[1] | 4


class ForgetsPokes(Kernel):
    def peek(self, pid, addr, count):
        found = super().peek(pid, addr, count)
        return bytes(len(found)) if isinstance(found, bytes) else found


class AcceptsUnknownFlags(Kernel):
    def call(self, pid, lwp, name, args):
        if name == "mmap":
            args = (*args[:3], args[3] & ~0x800000, *args[4:])
        return super().call(pid, lwp, name, args)


class AcceptsMisaligned(Kernel):
    """Rounds a misaligned address down where EINVAL is due: wrong, but not about flags."""

    def call(self, pid, lwp, name, args):
        if name == "mmap":
            args = (args[0] & ~0xFFF, *args[1:])
        return super().call(pid, lwp, name, args)


class WrongErrno(Kernel):
    def call(self, pid, lwp, name, args):
        result = super().call(pid, lwp, name, args)
        return "EFAULT" if (name, result) == ("munmap", "EINVAL") else result


class BlocksAll(Kernel):
    def enter(self, pid, lwp, frame):
        for entry in self.processes.alive[pid].vm.entries:
            entry.attributes, saved = 1, entry.attributes
        self.processes.alive[pid].marked = True
        reply = super().enter(pid, lwp, frame)
        for entry in self.processes.alive[pid].vm.entries:
            entry.attributes = saved
        return reply._replace(locked=False)


class DamagesFrame(Kernel):
    field, value = "pc", 1

    def enter(self, pid, lwp, frame):
        reply = super().enter(pid, lwp, frame)
        if reply.signal is not None:
            return reply._replace(signal=reply.signal._replace(**{self.field: self.value}))
        return reply


class WrongCode(DamagesFrame):
    field, value = "code", "ILL_ILLOPC"


class WrongAddr(DamagesFrame):
    field, value = "addr", 5


class LosesRegisters(DamagesFrame):
    field, value = "regs", (0,) * 16


class FailsTooLate(Kernel):
    """mprotect that changes the first entry before it looks at the second."""

    def call(self, pid, lwp, name, args):
        result = super().call(pid, lwp, name, args)
        if (name, result) == ("mprotect", "EACCES"):
            vm = self.processes.alive[pid].vm
            vm.lookup(args[0]).prot = args[2]
            vm.changed("protect")
        return result


class NeverMarks(Kernel):
    def __init__(self, mode, memory):
        super().__init__(mode, memory)
        self.processes.mark = lambda vm: None


class AlwaysLocks(Kernel):
    def enter(self, pid, lwp, frame):
        return super().enter(pid, lwp, frame)._replace(locked=True)


class Insane(Kernel):
    def check(self):
        return "entry 0x5000 is upside down"


class Raises(Kernel):
    def call(self, pid, lwp, name, args):
        return 1 // 0 if name == "madvise" else super().call(pid, lwp, name, args)


class ForkForgets(Kernel):
    def call(self, pid, lwp, name, args):
        result = super().call(pid, lwp, name, args)
        if name == "fork":
            vm = self.processes.alive[result].vm
            for entry in vm.entries:
                entry.attributes = 0
            vm.changed("forget")
        return result


class FirstByteOnly(Kernel):
    """Looks at the first opcode byte alone, as a filter on the saved address minus the size would."""

    def enter(self, pid, lwp, frame):
        vm = self.processes.alive[pid].vm
        vm.carries = lambda start, end, bit: type(vm).carries(vm, start, start + 1, bit)
        return super().enter(pid, lwp, frame)


class UnmapsNothing(Kernel):
    def call(self, pid, lwp, name, args):
        return 0 if name == "munmap" else super().call(pid, lwp, name, args)


class FaultCalls(Kernel):
    """Takes an illegal instruction for a call."""

    def fault(self, pid, lwp, frame, vector, addr):
        return Reply("getpid", (), 1)


class Drops(Kernel):
    """Lets nothing in and says nothing."""

    def enter(self, pid, lwp, frame):
        return Reply()


class WrongCall(Kernel):
    def enter(self, pid, lwp, frame):
        reply = super().enter(pid, lwp, frame)
        return reply._replace(call="read", args=(9, 9, 9)) if reply.call else reply


class LosesTwice(Kernel):
    """mprotect and madvise both drop the attribute."""

    def call(self, pid, lwp, name, args):
        result = super().call(pid, lwp, name, args)
        if name in ("mprotect", "madvise"):
            vm = self.processes.alive[pid].vm
            vm.lookup(args[0]).attributes = 0
            vm.changed("lose")
        return result


def ruled(**rules):
    return lambda mode, memory: Kernel(mode, memory, Rules(**rules))


RX = "PROT_READ|PROT_EXEC"
FIXED = "MAP_PRIVATE|MAP_FIXED|MAP_ANON"
PLAIN = f"mmap(0x10000, 0x1000, {RX}, {FIXED}, -1, 0)\n"
FLAGGED = f"mmap(0x11000, 0x1000, {RX}, {FIXED}|MAP_NOSYSCALLS, -1, 0)\n"
CALL = 'poke(0x11000, "0f05")\nrun(0x11000)\n'
READ_ONLY = "mmap(0x10000, 0x1000, PROT_READ, MAP_PRIVATE|MAP_FIXED, 3, 0)\n"
PAST_END = "mmap(0x10000, 0x2000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED, 3, 0xf000)\n"

CASES = [
    (ruled(merge_compares_attributes=False), PLAIN + FLAGGED, {("attribute-lost", "attribute/mmap/merge")}),
    (
        ruled(merge_compares_attributes=False), PLAIN + FLAGGED + CALL,
        {("attribute-lost", "attribute/mmap/merge"), ("escape", "attribute/mmap/merge")},
    ),
    (
        ruled(merge_compares_attributes=False), FLAGGED + PLAIN + 'poke(0x10000, "0f05")\nrun(0x10000)\n',
        {("attribute-gained", "attribute/mmap/merge"), ("blocked", "attribute/mmap/merge")},
    ),
    (
        ruled(move_carries_attributes=False),
        FLAGGED + 'mremap(0x11000, 0x1000, 0x30000, 0x1000, MAP_FIXED)\npoke(r1, "0f05")\nrun(r1)\n',
        {("attribute-lost", "attribute/mremap/move"), ("escape", "attribute/mremap/move")},
    ),
    (
        ruled(grow_carries_attributes=False), FLAGGED + "mremap(0x11000, 0x1000, 0, 0x2000, 0)\n",
        {("attribute-lost", "attribute/mremap/grow")},
    ),
    (
        ruled(bad_flag="panic"), "mmap(0, 0x1000, 0, MAP_ANON|0x8, -1, 0)\n",
        {("panic", "panic/sys_mmap: bad flags")},
    ),
    (AcceptsUnknownFlags, "mmap(0, 0x1000, 0, MAP_ANON|0x800000, -1, 0)\n", {("flag-accepted", "result/mmap/flag/unknown")}),
    (AcceptsMisaligned, PLAIN.replace("0x10000,", "0x10010,"), {("errno", "result/mmap/EINVAL/value")}),
    (WrongErrno, "munmap(0, 0x1000)\n", {("errno", "result/range/EINVAL/EFAULT")}),
    (BlocksAll, PLAIN + 'poke(0x10000, "0f05")\nrun(0x10000)\n', {("blocked", "overblock/syscall")}),
    (DamagesFrame, FLAGGED + CALL, {("sigill-frame", "frame/pc")}),
    (WrongCode, FLAGGED + CALL, {("sigill-frame", "frame/code")}),
    (WrongAddr, FLAGGED + CALL, {("sigill-frame", "frame/addr")}),
    (LosesRegisters, FLAGGED + CALL, {("sigill-frame", "frame/registers")}),
    (
        FailsTooLate,
        "mmap(0x10000, 0x1000, PROT_READ, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)\n"
        "mmap(0x11000, 0x1000, PROT_READ, MAP_SHARED|MAP_FIXED, 4, 0)\n"
        "mprotect(0x10000, 0x2000, PROT_READ|PROT_WRITE)\n",
        {("state-changed", "failed/mprotect")},
    ),
    (NeverMarks, FLAGGED + CALL, {("process-flag", "mark/mmap"), ("escape", "mark/mmap"), ("insane", "mark/mmap")}),
    (AlwaysLocks, PLAIN + 'poke(0x10000, "0f05")\nrun(0x10000)\n', {("lock", "lock/syscall")}),
    (Insane, PLAIN, {("insane", "insane/entry is upside down")}),
    (Raises, "madvise(0x10000, 0x1000, MADV_NORMAL)\n", {("panic", "panic/ZeroDivisionError/test_judge:call")}),
    (
        ForkForgets, FLAGGED + 'poke(0x11000, "0f05")\nfork()\nas(r2)\nrun(0x11000)\n',
        {("attribute-lost", "attribute/fork"), ("escape", "attribute/fork")},
    ),
    (
        FirstByteOnly, PLAIN + FLAGGED + 'poke(0x10fff, "0f05")\nrun(0x10fff)\n',
        {("escape", "check/syscall/tail")},
    ),
    (FaultCalls, FLAGGED + 'poke(0x11000, "0f0b")\nrun(0x11000, blocks=1)\n', {("escape", "check/fault")}),
    (FaultCalls, PLAIN + 'poke(0x10000, "0f0b")\nrun(0x10000, blocks=1)\n', {("sigill-frame", "frame/fault/missing")}),
    (Drops, FLAGGED + CALL, {("sigill-frame", "frame/missing")}),
    (RunsAnything, READ_ONLY + "run(0x10000)\n", {("sigill-frame", "fetch/protection")}),
    (RunsAnything, READ_ONLY + 'poke(0x10000, "0f05c3")\nrun(0x10000)\n', {("sigill-frame", "fetch/protection")}),
    (RunsAnything, READ_ONLY + 'poke(0x10000, "0f0b")\nrun(0x10000)\n', {("sigill-frame", "fetch/protection")}),
    (ForgetsPokes, PLAIN + 'poke(0x10000, "41")\npeek(0x10000, 1)\n', {("errno", "contents")}),
    (ForgetsPokes, READ_ONLY + 'poke(0x10000, "41")\npeek(0x10000, 1)\n', {("errno", "contents")}),
    (
        RunsAnything, PLAIN + READ_ONLY.replace("0x10000", "0x11000") + 'poke(0x10fff, "0f05")\nrun(0x10fff)\n',
        {("sigill-frame", "fetch/protection")},
    ),
    (RunsAnything, PAST_END + "run(0x11000)\n", {("sigill-frame", "fetch/end")}),
    (Drops, PLAIN + 'poke(0x10000, "0f05")\nrun(0x10000)\n', {("blocked", "overblock/syscall")}),
    (WrongCall, PLAIN + 'poke(0x10000, "0f05c3")\nrun(0x10000)\n', {("dispatch", "dispatch/getpid")}),
    (
        LosesTwice,
        FLAGGED + f"mprotect(0x11000, 0x1000, {RX})\n" + FLAGGED + "madvise(0x11000, 0x1000, MADV_NORMAL)\n",
        {("attribute-lost", "attribute/mprotect"), ("attribute-lost", "attribute/madvise")},
    ),
    (
        ruled(merge_compares_attributes=False, move_carries_attributes=False),
        PLAIN + FLAGGED + f"mmap(0x50000, 0x1000, {RX}, {FIXED}|MAP_NOSYSCALLS, -1, 0)\n"
        "mremap(0x50000, 0x1000, 0x60000, 0x1000, MAP_FIXED)\n",
        {("attribute-lost", "attribute/mmap/merge"), ("attribute-lost", "attribute/mremap/move")},
    ),
    (
        ruled(merge_compares_attributes=False), PLAIN + FLAGGED + "mremap(0x11000, 0x1000, 0x60000, 0x1000, MAP_FIXED)\n",
        {("attribute-lost", "attribute/mmap/merge")},
    ),
    (  # new pages of a mapping that is wired are an entry of their own, which merges as one that is mapped
        ruled(merge_compares_attributes=False, grow_carries_attributes=False),
        PLAIN + FLAGGED.replace("0x11000,", "0x12000,") + "mlock(0x10000, 0x1000)\nmremap(0x10000, 0x1000, 0, 0x2000, 0)\n",
        {("attribute-gained", "attribute/mmap/merge")},
    ),
    (  # the page before the one that is moved away is cut off from it, and then merged with what is put in front of it
        ruled(merge_compares_attributes=False, move_carries_attributes=False, grow_carries_attributes=False),
        FLAGGED.replace("0x11000, 0x1000,", "0x12000, 0x2000,") + "mremap(0x13000, 0x1000, 0x10000, 0x2000, MAP_FIXED)\n",
        {("attribute-lost", f"attribute/{what}") for what in ("mmap/merge", "mremap/move", "mremap/grow")},
    ),
    (UnmapsNothing, PLAIN + "munmap(0x10000, 0x1000)\n", {("map", "mapping/munmap")}),
    (
        UnmapsNothing, PLAIN + 'munmap(0x10000, 0x1000)\npoke(0x10000, "90")\n',
        {("map", "mapping/munmap"), ("errno", "mapping/munmap")},
    ),
]  # fmt: skip


def verdicts(boot, text):
    program = parse("mode amd64\nreg rax = 0x14\n" + text).program
    return judge(program, EmulatedTarget("test", "", boot).run(program))


@pytest.mark.parametrize(("boot", "text", "expected"), CASES)
def test_one_weakness(boot, text, expected):
    """The oracles that the weakness concerns report it, under one cause, and no other speaks."""
    assert {(verdict.oracle, verdict.cause) for verdict in verdicts(boot, text)} == expected


@pytest.mark.parametrize("text", sorted({text for _, text, _ in CASES}))
def test_the_reference_is_clean(text):
    """What shows a weakness elsewhere shows nothing on the reference."""
    assert verdicts(Kernel, text) == []


def test_every_oracle_has_a_case():
    """No oracle is untested: each is expected by some case."""
    assert {oracle for _, _, expected in CASES for oracle, _ in expected} | {"guard"} == set(ORACLES)
    assert {oracle for _, _, (oracle, _) in GUARDED} == {"guard", BY_DESIGN}


GUARDED = [
    ("syscallemu", "syscallemu(0x10000, 0x11000)\nfork()\n", ("guard", "guard/fork")),
    ("sud", "sud(PR_SYS_DISPATCH_ON, 0x10000, 0x1000, 0)\nfork()\n", (BY_DESIGN, "guard/fork")),
]


@pytest.mark.parametrize(("name", "text", "expected"), GUARDED)
def test_what_documents_state_is_no_bug(name, text, expected):
    """A child without the guard is a bug, unless the design's own documents say that it has none: then the citation is told."""
    program = parse("mode amd64\n" + text).program
    (verdict,) = judge(program, table.get(name).run(program), PROMISES[name])
    assert (verdict.oracle, verdict.cause) == expected
    assert ("fork(2)" in verdict.actual) == (verdict.oracle == BY_DESIGN)


def test_causes_hold_no_addresses():
    """The same bug at another place has the same cause."""
    here = FLAGGED + 'mremap(0x11000, 0x1000, 0x30000, 0x1000, MAP_FIXED)\npoke(r1, "0f05")\nrun(r1)\n'
    there = here.replace("0x11000", "0x55000").replace("0x30000", "0x80000").replace("0f05", "90cd80")
    causes = [
        {(v.oracle, v.cause) for v in verdicts(ruled(move_carries_attributes=False), text)} for text in (here, there)
    ]
    assert causes[0] == causes[1]


def test_a_fork_keeps_the_cause_of_what_was_wrong_before():
    """The child's copy of a page that lost its attribute is no new bug."""
    text = PLAIN + FLAGGED + 'poke(0x11000, "0f05")\nfork()\nas(r3)\nrun(0x11000)\n'
    found = verdicts(ruled(merge_compares_attributes=False), text)
    assert {verdict.cause for verdict in found} == {"attribute/mmap/merge"}
    assert "escape" in {verdict.oracle for verdict in found}
