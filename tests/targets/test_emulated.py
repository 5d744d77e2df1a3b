"""The target: whose fault an exception is, what a program's results refer to, and that outcomes repeat."""

import signal

import pytest

from sysfuzz.kernel.kernel import Kernel
from sysfuzz.machine.emulator import MachineError
from sysfuzz.program.outcome import PANIC, Delivered, Region, Reply, View
from sysfuzz.program.text import parse
from sysfuzz.targets.emulated import EmulatedTarget
from sysfuzz.targets.table import TargetError, get, names

RX = "PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON"
RUN = f'mmap(0x10000, 0x1000, {RX}, -1, 0)\npoke(0x10000, "0f05c3")\nrun(0x10000)\n'


def outcome(boot, text, mode="amd64"):
    register = "rax" if mode == "amd64" else "eax"
    return EmulatedTarget("test", "", boot).run(parse(f"mode {mode}\nreg {register} = 0x14\n{text}").program)


def core(**methods):
    """The reference with some methods replaced by functions that do not take self."""
    return type("Changed", (Kernel,), {name: staticmethod(method) for name, method in methods.items()})


def fail(*_):
    raise IndexError("list index out of range")


@pytest.mark.parametrize("method", ["call", "enter", "fill", "views", "check", "poke", "segments", "transitions"])
def test_an_exception_out_of_the_core_is_its_panic(method):
    """Whichever method raises, also through the emulator: the outcome ends with a panic that names the place."""
    found = outcome(core(**{method: fail}), RUN)
    assert (found.panic.exception, found.panic.where) == ("IndexError", "test_emulated:fail")
    assert found.steps[-1].result == PANIC


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("call", None), ("call", 1.5), ("call", False), ("views", (View(True, True, ()),)),
        ("views", (View(1, True, (), ((),)),)), ("views", (View(1, True, (), ((1, None),)),)), ("views", (View(1, True, (), (1,)),)),
        ("views", (View(1, True, ()),) * 2), ("views", (View(2, True, ()), View(1, True, ()))), ("views", (View(0, True, ()),)),
        ("enter", None), ("enter", "ok"), ("views", None), ("poke", []),
        ("views", (None,)), ("views", (View(1, True, None),)), ("views", (View(1, None, ()),)), ("views", (View(None, True, ()),)),
        ("views", (View(1, True, (None,)),)), ("views", (View(1, True, (Region(0x1000, None, 0, 0, 0, 0, 0, 0),)),)),
        ("fill", 5), ("fill", (None, 7)), ("fill", (0x1000, None)), ("segments", None), ("segments", ((8, None),)),
        ("transitions", None), ("transitions", (None,)), ("check", None),
        ("enter", Reply(None)), ("enter", Reply("", None)), ("enter", Reply("getpid", (None,))), ("enter", Reply("getpid", (), None)),
        ("enter", Reply(signal=Delivered("SIGILL", "", None, 0, (), False))),
        ("enter", Reply(signal=Delivered("SIGILL", "", 0, 0, None, False))),
    ],
)  # fmt: skip
def test_what_breaks_the_protocol_is_a_panic(method, answer):
    """An answer of another type than the protocol's, anywhere in it, is the core's fault, not ours."""
    found = outcome(core(**{method: lambda *_: answer}), RUN)
    assert f"{'mmap' if method == 'call' else method} answered" in found.panic.reason
    assert found.panic.exception == ""


@pytest.mark.parametrize("answer", [(0, 7), (0x1800, 7), (-0x1000, 7), (1 << 40, 7)])
def test_only_pages_of_the_memory(answer):
    """A TLB miss answered with the machine's own page, part of one or none at all is a panic, before the CPU sees it."""
    found = outcome(core(fill=lambda *_: answer), RUN)
    assert found.panic.reason == "fill answered with no page of the memory"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pc", None), ("cs", None), ("flags", None), ("regs", None), ("regs", []), ("regs", [1] * 15),
        ("regs", [None] * 16), ("regs", [-1] * 16), ("regs", [1 << 64] * 16),
    ],
)  # fmt: skip
def test_frames_that_cannot_be_resumed(field, value):
    """A core that leaves no numbers in the frame has panicked."""

    def enter(_pid, _lwp, frame):
        setattr(frame, field, value)
        return Reply("getpid", (), 1)

    found = outcome(core(enter=enter), RUN)
    assert found.panic is not None
    assert found.panic.reason.startswith("enter ")


def test_a_core_that_exits_has_panicked():
    """SystemExit out of a core does not end the fuzzer."""
    found = outcome(core(call=lambda *_: (_ for _ in ()).throw(SystemExit(0))), RUN)
    assert found.panic.exception == "SystemExit"


def test_a_fault_of_the_machine_is_not_the_cores(monkeypatch):
    """What the emulator raises by itself is raised on: an engine fault, no finding."""

    def broken(self, cpu, error):
        raise MachineError("stopped without a reason")

    monkeypatch.setattr("sysfuzz.machine.cpu.Machine._examine", broken)
    with pytest.raises(MachineError):
        outcome(Kernel, RUN)


def test_a_return_to_no_code_segment_is_a_panic():
    """A core that leaves nonsense in CS would fault at its own return."""

    def enter(_pid, _lwp, frame):
        frame.cs = 0x1234
        return Reply("getpid", (), 1)

    assert "0x1234" in outcome(core(enter=enter), RUN).panic.reason


def test_a_program_that_needs_too_much_memory_ends():
    """Physical memory is finite: the program ends before the op that wanted more, with no panic."""
    text = "".join(
        "mmap(0x100000, 0xf0000, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)\n"
        f'poke(0x80000, "b9000f0000bf00001000c60701{"81c700100000"}ffc9{"75f3"}c3")\nrun(0x80000, blocks=4096)\n'
        for _ in range(12)
    )
    found = outcome(Kernel, f"mmap(0x80000, 0x1000, {RX}, -1, 0)\n" + text)
    assert found.panic is None
    assert len(found.steps) < 37


def test_references_and_who_runs():
    """rN is the result of op N, all ones if that is no number; a process that is gone answers ESRCH; as() switches."""
    text = "fork()\nas(r0)\nexit(0)\nmunmap(0, 0)\nas(r0)\nas(1)\nmunmap(r3, 0x1000)\n"
    results = [step.result for step in outcome(Kernel, text).steps]
    assert results == [2, 0, 0, "ESRCH", "ESRCH", 0, "EINVAL"]


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_outcomes_repeat(mode):
    """The same program on the same target: the same outcome, ten times out of ten."""
    target = get("nosyscalls")
    program = parse(f"mode {mode}\n" + RUN.replace("0f05c3", "b814000000cd80c3") * 3).program
    first = target.run(program)
    assert all(target.run(program) == first for _ in range(10))


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("nosyscall", "supported"),
        ("no.such:thing", "importing"),
        ("os:nothing", "nothing"),
        ("a b:c", "module:attribute"),
    ],
)
def test_unknown_targets(name, word):
    """One line that says what is supported."""
    with pytest.raises(TargetError, match=word) as caught:
        get(name)
    assert "\n" not in str(caught.value)


def test_built_in_targets():
    """All can be had by name."""
    flags = ["nosyscalls", "nosyscalls-2011"]
    assert names() == [*flags, "syscallemu", "msyscall", "pinsyscalls", "sud", "sud-inclusive", "seccomp-ip"]
    assert [get(name).name for name in names()] == names()


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("method", ["call", "enter", "fill", "views"])
def test_an_interrupt_is_the_users_where_one_can_come(method, monkeypatch):
    """Where Ctrl-C raises something it is raised on, and where no signal does it is the core's panic."""
    changed = core(**{method: interrupt})
    monkeypatch.setattr("signal.getsignal", lambda number: signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        outcome(changed, RUN)
    monkeypatch.setattr("signal.getsignal", lambda number: signal.SIG_IGN)
    assert outcome(changed, RUN).panic.exception == "KeyboardInterrupt"


def test_exceptions_of_any_kind_are_the_cores():
    """Also those that are none of Exception's."""
    odd = type("Odd", (BaseException,), {})
    assert outcome(core(call=lambda *_: (_ for _ in ()).throw(odd())), RUN).panic.exception == "Odd"
