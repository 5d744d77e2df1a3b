"""Guards that differ: whose they are, what documents state about newborns, and that nothing else hides behind it."""

import pytest

from sysfuzz.findings.bucket import group
from sysfuzz.findings.explain import explain
from sysfuzz.findings.explanation import PARTED
from sysfuzz.kernel.designs.pinsyscalls import Pinsyscalls
from sysfuzz.kernel.designs.seccomp import Seccomp
from sysfuzz.kernel.designs.sud import Sud
from sysfuzz.kernel.designs.syscallemu import Syscallemu
from sysfuzz.oracles.judge import BY_DESIGN, judge
from sysfuzz.program.text import parse
from sysfuzz.spec.promise import PROMISES
from sysfuzz.targets.emulated import EmulatedTarget
from sysfuzz.targets.table import DESIGNS

CODE = (
    "mode amd64\nreg rax = 0x14\nmmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_FIXED|MAP_ANON, -1, 0)\n"
    'poke(0x10000, "0f05c3")\n'
)
ARMED = CODE + "sud(PR_SYS_DISPATCH_ON, 0x30000, 0x1000, 0)\n"
EMULATED = "mode amd64\nsyscallemu(0x10000, 0x11000)\n"
EMULATED_2 = "syscallemu(0x30000, 0x31000)\n"
OUT_OF_BOUNDS = "mprotect(0, 0x1000, 0)\n"
PINNED = "mode amd64\nmmap(0x20000, 0x1000, PROT_READ|PROT_WRITE, MAP_FIXED|MAP_ANON, -1, 0)\npinsyscalls(0x10000, 0x1000, 0x20000, 99)\n"
PINNED_2 = "pinsyscalls(0x30000, 0x1000, 0x20000, 99)\n"
PROTECTED = "mprotect(0x10000, 0x1000, PROT_READ|PROT_EXEC)\n"
RUN = "run(0x10000)\n"


class ParentLoses(Sud):
    """fork takes the setting from the parent."""

    def born(self, parent, lwp, child, how):
        self._settings.pop((parent.pid, lwp), None)


class MakerLoses(Sud):
    """lwp_create takes the setting from the LWP that calls it."""

    def lwp_born(self, process, lwp, new):
        self._settings.pop((process.pid, lwp), None)


class ChildKeeps(Sud):
    """Children and LWPs have the setting of their maker, whatever documents say."""

    def born(self, parent, lwp, child, how):
        self._pass((parent.pid, lwp), (child.pid, 1))

    def lwp_born(self, process, lwp, new):
        self._pass((process.pid, lwp), (process.pid, new))

    def _pass(self, old, new):
        if old in self._settings:
            self._settings[new] = self._settings[old]


class ProtectLoses(Sud):
    """mprotect drops the setting of the LWP that calls it."""

    def done(self, process, lwp, name, args, result):
        if name == "mprotect":
            self._settings.pop((process.pid, lwp), None)


class ForgetsOther(Seccomp):
    """mprotect drops the filters of LWP 1, whoever calls it."""

    def done(self, process, lwp, name, args, result):
        if name == "mprotect":
            self._filters.pop((process.pid, 1), None)


class ChildChanges(Syscallemu):
    """A child is guarded elsewhere."""

    def guard(self, process):
        return super().guard(process) if process.pid == 1 else ((1, 2),)


class ArmsAgain(Syscallemu):
    """What is armed can be armed anew."""

    def _arm(self, process, lwp, start, end, preempt):
        self._filters.pop(process.pid, None)
        return super()._arm(process, lwp, start, end, preempt)


class LongerByOne(Sud):
    """The allowed range is one byte too long."""

    def _set(self, process, lwp, mode, offset, length, selector):
        return super()._set(process, lwp, mode, offset, length + 1, selector)


class OtherPin(Pinsyscalls):
    """The last of many pins is another."""

    def guard(self, process):
        return tuple((*row[:-1], row[-1] + 1) for row in super().guard(process))


class Pinless(Pinsyscalls):
    """fork gives the child nothing of what is pinned, and lets it pin."""

    def born(self, parent, lwp, child, how):
        pass


class Blind(Pinsyscalls):
    """It does what it must, and shows nobody what is in memory."""

    def peek(self, pid, addr, count):
        return b""


class Silent(Sud):
    """It does what it must, and says that it enforces nothing."""

    def guard(self, process):
        return ()


class OtherSignal(Seccomp):
    """A filtered vsyscall gives another signal."""

    def wrong(self, frame):
        return {"signal": "SIGSEGV"}

    def vsyscall(self, process, lwp, frame, name, back):
        reply = super().vsyscall(process, lwp, frame, name, back)
        return reply._replace(signal=reply.signal._replace(**self.wrong(frame))) if reply.signal else reply


class OtherRegister(OtherSignal):
    """Its frame has other registers than RAX and RSP changed too."""

    def wrong(self, frame):
        return {"regs": (*frame.regs[:5], 7, *frame.regs[6:])}


class OtherAddress(OtherSignal):
    """Its siginfo has another address."""

    def wrong(self, frame):
        return {"addr": 0xDEAD}


def target(boot):
    """A core, judged by what the design that it comes from promises."""
    design = next(
        d for d in DESIGNS.values() if isinstance(d.boot, type) and issubclass(boot, d.boot) and d.name != "nosyscalls"
    )
    return EmulatedTarget("test", "", boot, design.promise)


def verdicts(boot, text):
    runner, program = target(boot), parse(text).program
    return judge(program, runner.run(program), runner.promise)


CASES = [
    # The documented loss alone, however it is met.
    (Sud, ARMED + "fork()\n", {(BY_DESIGN, "guard/fork")}),
    (Sud, ARMED + "vfork()\nas(2)\n" + RUN, {(BY_DESIGN, "guard/vfork")}),
    (Sud, ARMED + "lwp_create()\n", {(BY_DESIGN, "guard/lwp_create")}),
    (Sud, ARMED + "lwp_create()\nas(1, lwp=2)\n" + RUN + "fork()\n", {(BY_DESIGN, "guard/lwp_create")}),
    (Sud, CODE + "fork()\nlwp_create()\n", set()),
    (Sud, ARMED + "lwp_create()\n" + RUN, {(BY_DESIGN, "guard/lwp_create")}),
    # A newborn that arms itself is guarded, and what is wrong then is no matter of documents.
    (ProtectLoses, ARMED + "fork()\nas(2)\nsud(PR_SYS_DISPATCH_ON, 0x30000, 0x1000, 0)\n" + PROTECTED + RUN,
     {(BY_DESIGN, "guard/fork"), ("guard", "guard/mprotect"), ("escape", "guard/mprotect")}),
    # Another loses than the newborn.
    (ParentLoses, ARMED + "fork()\n" + RUN,
     {("guard", "guard/fork/parent"), ("escape", "guard/fork/parent")}),
    (ParentLoses, ARMED + "vfork()\n", {("guard", "guard/vfork/parent")}),
    (MakerLoses, ARMED + "lwp_create()\n" + RUN,
     {("guard", "guard/lwp_create/maker"), ("escape", "guard/lwp_create/maker")}),
    # A newborn that is not bare where documents say that it is.
    (ChildKeeps, ARMED + "fork()\n", {("guard", "guard/fork/kept")}),
    (ChildKeeps, ARMED + "lwp_create()\n", {("guard", "guard/lwp_create/kept")}),
    (ChildChanges, "mode amd64\nsyscallemu(0x10000, 0x11000)\nfork()\n", {("guard", "guard/fork/changed")}),
    # What can be armed again because a child has lost it follows from the loss; nothing else does.
    (Syscallemu, EMULATED + "fork()\nas(2)\n" + EMULATED_2, {("guard", "guard/fork"), ("errno", "guard/fork")}),
    (Syscallemu, EMULATED + "fork()\nas(2)\nsyscallemu(2, 1)\n", {("guard", "guard/fork"), ("errno", "guard/fork")}),
    (Syscallemu, EMULATED + "fork()\nas(2)\n" + OUT_OF_BOUNDS, {("guard", "guard/fork")}),
    (Pinless, PINNED + "fork()\nas(2)\n" + PINNED_2, {("guard", "guard/fork"), ("errno", "guard/fork")}),
    (ArmsAgain, EMULATED + EMULATED_2, {("errno", "result/syscallemu/EACCES/value"), ("guard", "result/syscallemu/EACCES/value")}),
    (ArmsAgain, EMULATED + "fork()\n" + EMULATED_2,
     {("guard", "guard/fork"), ("errno", "result/syscallemu/EACCES/value"), ("guard", "result/syscallemu/EACCES/value")}),
    # Pins that nobody can read are not judged, nor is what comes of them.
    (Blind, CODE + PINNED.removeprefix("mode amd64\n") + PINNED_2 + "fork()\n" + RUN, set()),
    # What arming itself leaves open for a while is its own affair: see the page of the design.
    (Syscallemu, "mode amd64\nlwp_create()\nsyscallemu(0x10000, 0x11000, preempt=1)\nas(1, lwp=2)\n" + EMULATED_2,
     {("guard", "guard/syscallemu"), ("errno", "result/syscallemu/EACCES/value")}),
    # What comes behind a documented loss, and behind an entry that it has let in, is seen for what it is.
    (ProtectLoses, ARMED + "lwp_create()\n" + PROTECTED + RUN,
     {(BY_DESIGN, "guard/lwp_create"), ("guard", "guard/mprotect"), ("escape", "guard/mprotect")}),
    (ProtectLoses, ARMED + "fork()\nas(2)\n" + RUN + "as(1)\n" + PROTECTED + RUN,
     {(BY_DESIGN, "guard/fork"), ("guard", "guard/mprotect"), ("escape", "guard/mprotect")}),
    (ProtectLoses, ARMED + PROTECTED + "fork()\n", {("guard", "guard/mprotect")}),
    # One LWP's loss is not blamed for what another does.
    (ForgetsOther, CODE + "seccomp(0xfffe, 0x10003)\nlwp_create()\nas(1, lwp=2)\n" + PROTECTED + RUN + "as(1)\n" + RUN,
     {("guard", "guard/mprotect"), ("escape", "guard/mprotect")}),
    (ForgetsOther, CODE + "seccomp(0x10001, 0x10002)\nlwp_create()\nas(1, lwp=2)\n" + PROTECTED + RUN,
     {("guard", "guard/mprotect"), ("escape", "check/entry/tail")}),
    # Which frame of a trapped vsyscall is documented.
    (Seccomp, "mode amd64\nseccomp(0xffffffffff600000, 0xffffffffff600001)\nrun(0xffffffffff600000)\n",
     {(BY_DESIGN, "frame/vsyscall/pc-registers")}),
    (OtherSignal, "mode amd64\nseccomp(0xffffffffff600000, 0xffffffffff600001)\nrun(0xffffffffff600000)\n",
     {("sigill-frame", "frame/vsyscall/signal")}),
    (OtherAddress, "mode amd64\nseccomp(0xffffffffff600000, 0xffffffffff600001)\nrun(0xffffffffff600000)\n",
     {("sigill-frame", "frame/vsyscall/addr-pc-registers")}),
    (OtherRegister, "mode amd64\nseccomp(0xffffffffff600000, 0xffffffffff600001)\nrun(0xffffffffff600000)\n",
     {("sigill-frame", "frame/vsyscall/pc-registers/others")}),
]  # fmt: skip


@pytest.mark.parametrize(("boot", "text", "expected"), CASES)
def test_whose_guard_it_is(boot, text, expected):
    """Each difference has the cause of what brought it about, and is by design only if it is just what documents state."""
    assert {(verdict.oracle, verdict.cause) for verdict in verdicts(boot, text)} == expected


@pytest.mark.parametrize(("boot", "text", "expected"), [case for case in CASES if case[2]])
def test_every_one_can_be_explained(boot, text, expected):
    """All that is seen has a title and a life; a guard's ends where core and spec part."""
    program, runner = parse(text).program, target(boot)
    for bucket in group(judge(program, runner.run(program), runner.promise)):
        found = explain(runner, program, bucket)
        assert found.summary
        if bucket.startswith("guard/"):
            (moment,) = [moment for moment in found.life if moment.note.endswith(PARTED)]
            assert moment.core != moment.spec


@pytest.mark.parametrize(
    ("text", "title", "parted"),
    [
        ("lwp_create()\n", "lwp_create leaves LWP 2 of process 1 without its setting of user dispatch", "makes LWP 2, and "),
        ("fork()\n", "fork leaves process 2 without its setting of user dispatch", "makes process 2, a copy of process 1, and "),
    ],
)  # fmt: skip
def test_the_newborn_is_named(text, title, parted):
    """Of a documented loss the explanation tells who was born without what its maker has."""
    program = parse(ARMED + text).program
    found = explain(target(Sud), program, f"guard/{text.split('(')[0]}")
    assert found.summary == title
    assert (found.life[-1].core, found.life[-1].note) == (
        "no setting",
        f"{parted}the core gives it none of its guard{': ' + PARTED}",
    )


def test_contents_are_told_not_counts():
    """Two guards of as many rows are told apart by what is in them; of a long row the number that differs is shown."""
    (verdict,) = verdicts(LongerByOne, ARMED)
    assert verdict.expected == "process 1: guard (0x1 0x1 0x30000 0x1000 0x0)"
    assert verdict.actual == "process 1: guard (0x1 0x1 0x30000 0x1001 0x0)"
    pins = "mode amd64\nmmap(0x20000, 0x1000, PROT_READ|PROT_WRITE, MAP_FIXED|MAP_ANON, -1, 0)\npinsyscalls(0x10000, 0x1000, 0x20000, 99)\n"
    (verdict,) = verdicts(OtherPin, pins)
    assert verdict.expected == "process 1: guard (0x10000 0x1000 0x0 0x0 0x0 0x0 ... number 100: 0x0)"
    assert verdict.actual == "process 1: guard (0x10000 0x1000 0x0 0x0 0x0 0x0 ... number 100: 0x1)"


@pytest.mark.parametrize(("byte", "answered"), [("00", "enter"), ("01", "SIGSYS")])
def test_the_selector_is_the_programs(byte, answered):
    """Where the byte lies is what the program has said: a core that does not tell is believed no less, and no more."""
    text = CODE + f'mmap(0x20000, 0x1000, PROT_READ|PROT_WRITE, MAP_FIXED|MAP_ANON, -1, 0)\npoke(0x20000, "{byte}")\n'
    text += "sud(PR_SYS_DISPATCH_ON, 0x30000, 0x1000, 0x20000)\n" + RUN
    program = parse(text).program
    runner = target(Silent)
    outcome = runner.run(program)
    assert outcome.steps[-1].events[0].kind == answered
    assert {(v.oracle, v.cause) for v in judge(program, outcome, PROMISES["sud"])} == {("guard", "guard/sud")}
    (attempt,) = [event.attempt for event in outcome.steps[-1].events if event.attempt]
    assert attempt.selectors == ((0x20000, bytes.fromhex(byte)),)
