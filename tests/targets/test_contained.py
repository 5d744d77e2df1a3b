"""What a core in C does to its process is an outcome of the program, and of no other."""

import os
import random
import subprocess

import pytest

from c_cores import bad, needs_compiler
from sysfuzz.generate.fresh import fresh
from sysfuzz.oracles import judge
from sysfuzz.program.outcome import PANIC
from sysfuzz.program.text import parse
from sysfuzz.targets.contained import CPU_SECONDS, cpu_seconds
from sysfuzz.targets.table import Target, get

# The habits of bad_core.c show at each msync.
QUIET = (
    "mode amd64\nmmap(0x10000, 0x1000, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)\nfork()\nas(2)\n"
)
PROGRAM = f"{QUIET}msync(0x10000, 0x1000, MS_SYNC)\nmunmap(0x10000, 0x1000)\n"


@pytest.fixture
def target() -> Target:
    """The core with bad habits, none of which it has when this is made."""
    return get(str(bad()))


DEATHS = [
    ("crash", "killed: SIGSEGV in msync", "libbad.so:msync"),
    ("abort", "abort in msync: double free of page 1", "libbad.so:msync"),
    ("assert", "abort: assertion 'pages == 2' failed", "bad_core.c:at_msync"),
    ("undefined", "runtime error: shift exponent 32 is too large for 32-bit type 'int'", "core.c:msync"),
    ("exit", "exit status 3 in msync", "libbad.so:msync"),
    ("hang", "hang in msync", "libbad.so:msync"),
    ("sleep", "hang in msync", "libbad.so:msync"),
    ("stop", "hang in msync", "libbad.so:msync"),
    ("ignore and hang", "hang in msync", "libbad.so:msync"),
    ("fork and crash", "killed: SIGSEGV in msync", "libbad.so:msync"),
]
ANSWERS = [
    ("panic", "msync: lost page 7", "libbad.so:msync"),
    ("junk", "call answered -1000, which is no errno that sysfuzz knows", "libbad.so:msync"),
]


@needs_compiler
@pytest.mark.parametrize(("habit", "reason", "where"), DEATHS + ANSWERS)
def test_a_panic_says_what_happened(
    habit: str, reason: str, where: str, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever way a core gives up: the steps before are told, the panic names the call, and the oracle calls it one."""
    monkeypatch.setenv("HABIT", habit)
    outcome = target.run(parse(PROGRAM).program)
    assert outcome.panic is not None
    assert (outcome.panic.reason, outcome.panic.where, outcome.panic.exception) == (reason, where, "")
    assert [step.result for step in outcome.steps] == [0x10000, 2, 0, PANIC]
    assert [view.pid for view in outcome.boot] == [1]
    assert outcome.steps[-1].pid == 2
    assert "panic" in [verdict.oracle for verdict in judge(parse(PROGRAM).program, outcome, target.promise)]


@needs_compiler
@pytest.mark.parametrize("habit", ["crash", "exit", "panic"])
def test_the_next_program_is_not_concerned(habit: str, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program after a death is as it would have been before."""
    quiet = parse(QUIET).program
    before = target.run(quiet)
    monkeypatch.setenv("HABIT", habit)
    again = get(target.name)
    assert again.run(parse(PROGRAM).program).panic is not None
    assert again.run(quiet) == before


@needs_compiler
@pytest.mark.parametrize(("habit", "exception"), [("straddle", "ValueError"), ("wild write", "IndexError")])
def test_memory_that_is_none_cannot_be_written(
    habit: str, exception: str, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write across a page's end or past the memory is a panic, and nothing is written."""
    monkeypatch.setenv("HABIT", habit)
    panic = target.run(parse(PROGRAM).program).panic
    assert panic is not None
    assert panic.exception == exception


@needs_compiler
@pytest.mark.parametrize(
    ("habit", "reason"), [("no boot", "boot answered with no core"), ("late", "killed: SIGABRT in destroy")]
)
def test_birth_and_death_of_a_core_belong_to_the_program(
    habit: str, reason: str, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is blamed on the program before or after."""
    monkeypatch.setenv("HABIT", habit)
    panic = target.run(parse(QUIET).program).panic
    assert panic is not None
    assert panic.reason == reason


@needs_compiler
def test_what_is_printed_goes_to_standard_error(
    target: Target, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whichever file it is printed to, and it changes nothing else."""
    program = parse(PROGRAM).program
    expected = target.run(program)
    monkeypatch.setenv("HABIT", "write")
    assert get(target.name).run(program) == expected
    assert capfd.readouterr() == ("", "all is well\nall is well\n")


@needs_compiler
def test_a_fork_is_no_second_runner(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """The core's children end where they come back from the core: a program has one outcome, and the process goes on."""
    program = parse(PROGRAM).program
    expected = target.run(program)
    monkeypatch.setenv("HABIT", "fork")
    forking = get(target.name, contained=False)
    assert [forking.run(program) for _ in range(3)] == [expected] * 3


@needs_compiler
def test_others_children_are_left_to_them(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what the core has forked is waited for: a child that leads a group of its own keeps its exit status."""
    monkeypatch.setenv("HABIT", "fork")
    forking = get(target.name, contained=False)
    other = subprocess.Popen(["sh", "-c", "exit 3"], start_new_session=True)
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    forking.run(parse(PROGRAM).program)
    assert other.wait() == 3


@needs_compiler
def test_without_habits_it_is_the_example(target: Target) -> None:
    """What the other tests see is the habit's doing."""
    reference = get("nosyscalls")
    rng = random.Random(4)
    for _ in range(50):
        program = fresh(rng)
        assert target.run(program) == reference.run(program)


def test_more_code_may_take_longer() -> None:
    """The time after which a core counts as hanging grows with the blocks that the program asks for."""
    assert cpu_seconds(parse("mode amd64\nfork()\n").program) == CPU_SECONDS
    assert cpu_seconds(parse("mode amd64\nrun(0x10000, blocks=4096)\n").program) > 5 * CPU_SECONDS
