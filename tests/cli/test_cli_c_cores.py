"""The verbs on cores in C: the example's weakness from the first run to its smallest program, and cores that end their process."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from commandline import ENVIRONMENT, command

from c_cores import bad, made, needs_compiler
from sysfuzz.findings.store import Store

CRASHES = """\
mode amd64
mmap(0x10000, 0x1000, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)
mlock(0x10000, 0x1000)
msync(0x10000, 0x1000, MS_SYNC)
munmap(0x10000, 0x1000)
"""


def _spawn(*args: object, cwd: Path, environment: dict[str, str] = ENVIRONMENT) -> "subprocess.CompletedProcess[str]":
    """`sysfuzz args…` as a process of its own, with its output."""
    return subprocess.run(
        command(*args), cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """A corpus of one program, at which the habits of bad_core.c show."""
    directory = tmp_path / "seeds"
    directory.mkdir()
    (directory / "crashes.prog").write_text(CRASHES)
    return directory


@needs_compiler
def test_the_weakness_is_found_and_minimised(tmp_path: Path) -> None:
    """From nothing but a seed, in some hundred executions, to the two mappings that must not merge."""
    shutil.copy(made("libexample-weak.so"), tmp_path / "libweak.so")
    found = _spawn("fuzz", "--target", "./libweak.so", "--runs", 300, "--seed", 1, cwd=tmp_path)
    assert (found.returncode, found.stderr) == (1, "")
    (entry,) = Store(tmp_path / "findings").entries().entries
    assert (entry.finding.bucket, entry.finding.severity) == ("attribute/mmap/merge", "critical")
    assert str(entry.finding.replays) == "10/10"
    smaller = _spawn("minimise", entry.id, cwd=tmp_path)
    assert smaller.returncode == 0
    ops = [
        line.partition("(")[0] for line in entry.program.read_text().splitlines() if not line.startswith(("#", "mode"))
    ]
    assert ops == ["mmap", "mmap", "poke", "run"]


@needs_compiler
def test_a_crash_is_a_finding_and_the_run_goes_on(tmp_path: Path, seeds: Path) -> None:
    """The worker dies, the next one records why: replayed ten times, told, counted; all runs are done."""
    shutil.copy(bad(), tmp_path / "libbad.so")
    env = ENVIRONMENT | {"HABIT": "crash"}
    args = ("--target", "./libbad.so", "--runs", 40, "--seed", 1, "--corpus", seeds, "--json", "out.json")
    process = _spawn("fuzz", *args, cwd=tmp_path, environment=env)
    assert process.returncode == 1
    report = json.loads((tmp_path / "out.json").read_text())
    (finding,) = report["findings"]
    assert (finding["bucket"], finding["oracle"]) == ("panic/killed: SIGSEGV in msync", "panic")
    assert (report["executions"], report["engine_faults"]) == (40, 0)
    (entry,) = Store(tmp_path / "findings").entries().entries
    assert str(entry.finding.replays) == "10/10"

    shown = _spawn("exec", entry.program, "--target", "./libbad.so", cwd=tmp_path, environment=env)
    assert shown.returncode == 1
    assert "panic: killed: SIGSEGV in msync (libbad.so:msync)" in shown.stdout
    smaller = _spawn("minimise", entry.id, cwd=tmp_path, environment=env)
    assert smaller.returncode == 0
    assert "\nmode amd64\nmsync(0, 0, 0)\n" in smaller.stdout
    assert _spawn("triage", "verify", cwd=tmp_path, environment=env).stdout == "1 finding replayed: 1 as said\n"


@needs_compiler
@pytest.mark.parametrize("habit", ["write", "fork"])
def test_no_harm_is_no_finding(habit: str, tmp_path: Path, seeds: Path) -> None:
    """A core that prints or forks is fuzzed as any other, and the display is as always."""
    shutil.copy(bad(), tmp_path / "libbad.so")
    args = ("--target", "./libbad.so", "--runs", 200, "--seed", 1, "--corpus", seeds)
    process = _spawn("fuzz", *args, cwd=tmp_path, environment=ENVIRONMENT | {"HABIT": habit})
    assert (process.returncode, process.stderr) == (0, "")
    first, last = process.stdout.splitlines()
    assert first == "fuzzing ./libbad.so with seed 1: 1 worker, 1 input to start from; Ctrl-C ends the run"
    assert last.startswith("200 executions in ")
    assert last.endswith(", 0 findings, 0 engine faults")


@needs_compiler
@pytest.mark.parametrize(
    ("habit", "message"),
    [("no boot", "boot answered with no core"), ("late", "killed: SIGABRT in destroy")],
)
def test_a_core_that_does_not_boot_is_refused(habit: str, message: str, tmp_path: Path) -> None:
    """One line, exit code 2, and nothing is fuzzed."""
    shutil.copy(bad(), tmp_path / "libbad.so")
    process = _spawn(
        "fuzz", "--target", "./libbad.so", "--runs", 10, cwd=tmp_path, environment=ENVIRONMENT | {"HABIT": habit}
    )
    assert (process.returncode, process.stdout) == (2, "")
    assert message in process.stderr
    assert len(process.stderr.splitlines()) == 1
