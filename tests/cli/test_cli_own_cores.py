"""The verbs on cores in Python of the user's own: whatever a core does to its process is told of the program, with the right exit code."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commandline import ENVIRONMENT, assert_refused, command, run, spawn
from recorded import record

HERE = Path(__file__).parent.parent

# The cores misbehave at msync.
PROGRAM = """\
mode amd64
mmap(0x10000, 0x1000, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)
fork()                                  # -> 2
msync(0x20000, 0x1000, MS_SYNC)         # -> EFAULT
munmap(0x10000, 0x1000)
"""

# What each core's panic says, and the bucket.
DEATHS = {
    "LeavesWell": ("exit status 0 in msync (hostile_cores:msync)", "panic/exit status in msync"),
    "Leaves": ("exit status 7 in msync (hostile_cores:msync)", "panic/exit status in msync"),
    "Killed": ("killed: SIGSEGV in msync (hostile_cores:msync)", "panic/killed: SIGSEGV in msync"),
    "Hangs": ("hang in msync (hostile_cores:msync)", "panic/hang in msync"),
    "Spins": ("hang in msync (hostile_cores:msync)", "panic/hang in msync"),
    "Raises": ("LookupError: no such page (hostile_cores:misbehave)", "panic/LookupError/hostile_cores:misbehave"),
    "Quits": ("SystemExit: 0 (hostile_cores:misbehave)", "panic/SystemExit/hostile_cores:misbehave"),
    "Interrupts": ("KeyboardInterrupt: (hostile_cores:misbehave)", "panic/KeyboardInterrupt/hostile_cores:misbehave"),
}
EACH = pytest.mark.parametrize("core", DEATHS)
ENDS = pytest.mark.parametrize("core", ["LeavesWell", "Killed", "Interrupts"])


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test works in a directory of its own, where the program is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("p.prog").write_text(PROGRAM)


@EACH
def test_exec_shows_a_panic(core: str) -> None:
    """The steps before it, the place, and the verdict with its bucket."""
    panic, bucket = DEATHS[core]
    result = run("exec", "p.prog", "--target", f"hostile_cores:{core}")
    assert (result.exit_code, result.stderr) == (1, "")
    lines = [line.strip() for line in result.stdout.splitlines()]
    results = [line.rpartition("-> ")[2] for line in lines if "-> " in line]
    assert results == ["0x10000", "2", "panic"]
    assert f"panic: {panic}" in lines
    assert f"bucket {bucket}" in lines


@EACH
def test_check_fails(core: str) -> None:
    """A panic is not what the program states, and the next program is checked all the same."""
    Path("q.prog").write_text("mode amd64\nfork()  # -> 2\n")
    result = run("check", "p.prog", "q.prog", "--target", f"hostile_cores:{core}")
    lines = ["p.prog:4: expected EFAULT, got panic", "2 programs, 3 expectations: 1 failed"]
    assert (result.exit_code, result.stdout.splitlines(), result.stderr) == (1, lines, "")


@ENDS
def test_minimise_leaves_the_call(core: str) -> None:
    """The search survives each step that shows the bug."""
    result = run("minimise", "p.prog", "--target", f"hostile_cores:{core}", "-o", "small.prog")
    assert (result.exit_code, result.stderr) == (0, "")
    ops = [line for line in Path("small.prog").read_text().splitlines() if not line.startswith(("#", "mode"))]
    assert [op.partition("(")[0] for op in ops] == ["msync"]


@ENDS
def test_compare_has_its_cell(core: str) -> None:
    """The other designs are compared all the same."""
    result = run("compare", "p.prog", "--targets", f"nosyscalls,hostile_cores:{core}", "--json", "out.json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert Path("out.json").exists()


@ENDS
def test_a_finding_goes_on_its_way(core: str) -> None:
    """It is verified, explained, and becomes a program that fails on the core and passes on the reference."""
    target, bucket = f"hostile_cores:{core}", DEATHS[core][1]
    identity = record("panic", bucket, target, text=PROGRAM)
    verified = run("triage", "verify")
    assert (verified.exit_code, verified.stdout) == (0, "1 finding replayed: 1 as said\n")
    explained = run("triage", "explain", identity)
    assert (explained.exit_code, explained.stderr) == (0, "")
    assert "the kernel panics" in explained.stdout
    assert run("regress", identity, "-o", "r.prog").exit_code == 0
    assert run("check", "r.prog", "--target", target).exit_code == 1
    assert run("check", "r.prog").exit_code == 0


@pytest.mark.parametrize(("core", "heard"), [("Sound", ""), ("Forks", ""), ("Prints", "sound\nand loud\n")])
def test_what_harms_nobody(core: str, heard: str) -> None:
    """To go on twice changes nothing, and what is printed goes to standard error: the answers are those of the reference."""
    result = run("check", "p.prog", "--target", f"hostile_cores:{core}")
    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        "1 program, 2 expectations: all as expected\n",
        heard,
    )


def test_a_core_that_writes_into_every_file(tmp_path: Path) -> None:
    """What it says in the place of an outcome is no outcome: exit code 3, and no wait."""
    shutil.copy(HERE / "hostile_cores.py", tmp_path)
    process = spawn("exec", "p.prog", "--target", "hostile_cores:Babbles", cwd=tmp_path)
    assert process.returncode == 3
    assert "p.prog: sysfuzz failed to run this on hostile_cores:Babbles: " in process.stderr
    assert "answered what is no outcome" in process.stderr


def test_a_core_that_does_not_boot_is_bad_input() -> None:
    """As before: a core that is none has no programs."""
    why = "importing and booting it ended the process with status 3"
    refused = run("exec", "p.prog", "--target", "hostile_cores:leaving")
    assert_refused(refused, f"--target: target hostile_cores:leaving cannot be used: {why}")


# Tells that it has begun, and computes for as long as it may.
SLOW = """\
from pathlib import Path

from sysfuzz.kernel.kernel import Kernel


class Slow(Kernel):
    def call(self, pid, lwp, name, args):
        Path("begun").touch()
        while True:
            pass
"""


def test_ctrl_c_still_interrupts() -> None:
    """The user's own ends the verb, also while a core does not come back."""
    Path("slow.py").write_text(SLOW)
    Path("long.prog").write_text(
        "mode amd64\nfork()\n" + "run(0x10000, blocks=4096)\n" * 10
    )  # seconds that it may take
    process = subprocess.Popen(
        command("exec", "long.prog", "--target", "slow:Slow"),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not Path("begun").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert (process.returncode, stdout) == (130, "")
    assert stderr.strip() == "sysfuzz: interrupted"
