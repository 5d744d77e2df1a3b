"""A core in Python of the user's own in a process of its own: whatever it does there is told with its place, and nothing else is changed."""

import os
import random

import pytest

from sysfuzz.generate.fresh import fresh
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.program.ir import Program
from sysfuzz.program.outcome import PANIC
from sysfuzz.program.text import parse
from sysfuzz.targets.contained import Contained
from sysfuzz.targets.emulated import EmulatedTarget
from sysfuzz.targets.marks import Marks, marked
from sysfuzz.targets.table import get

TEXT = (
    "mode amd64\nreg rax = 0x14\nmmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)\n"
    'fork()\npoke(0x10000, "0f05c3")\npeek(0x10000, 2)\nrun(0x10000)\nrun(0x2000)\n'
)
PROGRAM = parse(TEXT).program


def contained(**methods: object) -> Contained:
    """The reference with some methods replaced by functions that do not take self, in a process of its own."""
    core = type("Changed", (Kernel,), {name: staticmethod(method) for name, method in methods.items()})  # type: ignore[arg-type]
    marks = Marks()
    return Contained(EmulatedTarget("tried:boot", "", marked(core, marks)), marks)


def leave(*_: object) -> None:
    os._exit(0)


@pytest.mark.parametrize(
    ("method", "place", "op"),
    [
        ("call", "mmap", 0),
        ("poke", "poke", 2),
        ("peek", "peek", 3),
        ("enter", "enter", 4),
        ("fault", "fault", 5),
        ("fill", "fill", 4),
        ("segments", "segments", 4),
        ("alive", "alive", 5),
        ("transitions", "transitions", 0),
    ],
)
def test_a_death_has_its_place(method: str, place: str, op: int) -> None:
    """The panic names the op's call, or what the core was asked while code ran, and the steps before it are told."""
    outcome = contained(**{method: leave}).run(PROGRAM)
    assert outcome.panic is not None
    assert (outcome.panic.reason, outcome.panic.where) == (f"exit status 0 in {place}", f"tried:{place}")
    before = get("nosyscalls").run(PROGRAM._replace(ops=PROGRAM.ops[:op]))
    assert outcome.steps[:-1] == before.steps
    assert outcome.steps[-1].result == PANIC


@pytest.mark.parametrize("method", ["__init__", "views", "check"])
def test_what_dies_with_no_program_at_all_has_no_steps(method: str) -> None:
    """There is no run of which they could be told."""
    outcome = contained(**{method: leave}).run(PROGRAM)
    assert outcome.panic is not None
    assert outcome.panic.reason == f"exit status 0 in {'boot' if method == '__init__' else method}"
    assert [step.result for step in outcome.steps] == [PANIC]


def test_nothing_else_is_changed() -> None:
    """Fresh programs have the outcomes that they have without a process between."""
    reference, same = get("nosyscalls"), contained()
    rng = random.Random(4)
    for _ in range(50):
        program = fresh(rng)
        assert same.run(program) == reference.run(program)


def test_the_next_program_is_not_concerned() -> None:
    """After a death the core is as it was when it was imported."""
    target = get("hostile_cores:LeavesWell")
    quiet = parse("mode amd64\nfork()\n").program
    before = target.run(quiet)
    assert target.run(parse("mode amd64\nmsync(0, 0, 0)\n").program).panic is not None
    assert target.run(quiet) == before


ASKED = ["call", "enter", "fault", "fill", "poke", "peek", "alive", "segments", "views", "transitions", "check"]


@pytest.mark.parametrize("method", ASKED)
def test_what_a_core_raises_is_its_own(method: str) -> None:
    """The place is the core's, and not one of the marks between."""

    def fail(*_: object) -> None:
        raise IndexError("no such page")

    panic = contained(**{method: fail}).run(PROGRAM).panic
    assert panic is not None
    assert (panic.exception, panic.where) == ("IndexError", "test_marks:fail")


class Half:
    """A core that lacks most of itself."""

    def __init__(self, mode: object, memory: object) -> None:
        pass


def test_what_a_core_lacks_is_told_by_its_name() -> None:
    """It is no panic, as where no process is between, but a core that follows no protocol."""
    marks = Marks()
    target = Contained(EmulatedTarget("tried:boot", "", marked(Half, marks)), marks)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="AttributeError: 'Half' object has no attribute 'views'"):
        target.run(Program())


def test_an_answer_that_cannot_be_told_is_no_outcome() -> None:
    """A value whose class lies in a function does not leave the process: that is said, and the next program is run."""

    class Hidden(str):
        __slots__ = ()

    target = contained(call=lambda *_: Hidden("EINVAL"))
    with pytest.raises(RuntimeError, match="Hidden"):
        target.run(parse("mode amd64\nfork()\n").program)
    assert target.run(parse("mode amd64\npeek(0, 1)\n").program).panic is None


def test_planted_weaknesses_have_no_process() -> None:
    """They are ours, and quick."""
    assert isinstance(get("hostile_cores:Sound"), Contained)
    assert isinstance(get("sysfuzz.kernel.kernel:Kernel"), EmulatedTarget)
    assert isinstance(get("hostile_cores:Sound", contained=False), EmulatedTarget)
