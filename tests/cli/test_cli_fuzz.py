"""`sysfuzz fuzz`: real runs, as users start them."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from commandline import ENVIRONMENT, command, run, spawn

from programs import BAD_FLAG, FLAKY_CORE, MERGE, SHY_CORE
from sysfuzz.cli.inputs import read_program
from sysfuzz.engine.settings import EpochSettings
from sysfuzz.findings.store import Store

MERGE_ID = "nosyscalls-2011--attribute--mmap--merge"
REPORT_KEYS = [
    "target",
    "executions",
    "seconds",
    "execs_per_second",
    "seed",
    "features",
    "corpus",
    "findings",
    "engine_faults",
]


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """A corpus of two programs that show a bug each on nosyscalls-2011."""
    directory = tmp_path / "seeds"
    directory.mkdir()
    (directory / "merge.prog").write_text(MERGE)
    (directory / "flag.prog").write_text(BAD_FLAG)
    return directory


def test_findings_are_told_recorded_and_replayed(tmp_path: Path, seeds: Path) -> None:
    """Each new bucket is told with a command that shows it again; table, JSON and store agree; exit code 1."""
    args = ("--target", "nosyscalls-2011", "--runs", 300, "--seed", 1, "--corpus", seeds, "--json", "out.json")
    process = spawn("fuzz", *args, cwd=tmp_path)
    assert (process.returncode, process.stderr) == (1, "")
    lines = process.stdout.splitlines()
    assert lines[0] == "fuzzing nosyscalls-2011 with seed 1: 1 worker, 2 inputs to start from; Ctrl-C ends the run"
    told = lines.index("critical attribute/mmap/merge (escape)")
    replay = shlex.split(lines[told + 1])
    assert replay == ["sysfuzz", "exec", f"findings/{MERGE_ID}/program.prog", "--target", "nosyscalls-2011"]
    shown = spawn(*replay[1:], cwd=tmp_path)
    assert shown.returncode == 1
    assert "bucket attribute/mmap/merge\n" in shown.stdout

    report = json.loads((tmp_path / "out.json").read_text())
    assert list(report) == REPORT_KEYS
    assert (report["target"], report["executions"], report["seed"], report["engine_faults"]) == (
        "nosyscalls-2011",
        300,
        1,
        0,
    )
    assert report["features"] > 0
    entries = {entry.id: entry for entry in Store(tmp_path / "findings").entries().entries}
    assert [finding["id"] for finding in report["findings"]] == list(entries)
    assert entries[MERGE_ID].finding.replays.shown == 10
    for finding in report["findings"]:
        known = entries[finding["id"]].finding
        assert finding == {
            "id": finding["id"],
            "bucket": known.bucket,
            "oracle": known.oracle,
            "severity": known.severity,
            "count": known.count,
            "program": f"findings/{finding['id']}/program.prog",
            "ignored": "",
        }
    assert lines[-1].startswith("300 executions in ")
    assert f"{len(entries)} findings, 0 engine faults" in lines[-1]


def test_a_second_run_counts_on(tmp_path: Path, seeds: Path) -> None:
    """What is known is not told as new, and the run's own count is reported."""
    args = ("fuzz", "--target", "nosyscalls-2011", "--runs", 40, "--seed", 1, "--corpus", seeds)
    spawn(*args, cwd=tmp_path)
    before = Store(tmp_path / "findings").load(MERGE_ID).finding.count
    process = spawn(*args, "--json", "-", cwd=tmp_path)
    assert process.returncode == 1
    assert "attribute/mmap/merge (escape)" not in process.stderr
    counts = {finding["id"]: finding["count"] for finding in json.loads(process.stdout)["findings"]}
    assert counts[MERGE_ID] >= 1
    assert Store(tmp_path / "findings").load(MERGE_ID).finding.count == before + counts[MERGE_ID]


def test_a_fixed_bug_that_is_seen_again(tmp_path: Path, seeds: Path) -> None:
    """That it is back is told, with a count of this run, exit code 1; what people said stays for them to change."""
    args = ("fuzz", "--target", "nosyscalls-2011", "--runs", 40, "--seed", 1, "--corpus", seeds)
    spawn(*args, cwd=tmp_path)
    store = Store(tmp_path / "findings")
    before = store.set_status(MERGE_ID, "fixed", "in r1234").finding
    process = spawn(*args, cwd=tmp_path)
    assert process.returncode == 1
    assert "critical attribute/mmap/merge (escape) is back, although it is said to be fixed\n" in process.stdout
    after = store.load(MERGE_ID).finding
    assert (after.status, after.why) == ("fixed", "in r1234")
    assert after.count > before.count
    assert after.last_seen >= before.last_seen


def test_what_is_ignored_does_not_fail_a_run(tmp_path: Path, seeds: Path) -> None:
    """An ignored bug is told and recorded as ignored; exit code 1 is for the others."""
    args = ("fuzz", "--target", "nosyscalls-2011", "--runs", 40, "--seed", 1, "--corpus", seeds)
    (tmp_path / "findings").mkdir()
    (tmp_path / "findings" / "ignore.txt").write_text("*  attribute/mmap/*  # known since 2011\n")
    process = spawn(*args, "--json", "out.json", cwd=tmp_path)
    assert process.returncode == 1
    lines = process.stdout.splitlines()
    assert "critical attribute/mmap/merge (escape), ignored: known since 2011" in lines
    (row,) = [line for line in lines if line.endswith("  ignored: known since 2011")]
    assert f"findings/{MERGE_ID}/program.prog  " in row
    found = {
        finding["id"]: finding["ignored"] for finding in json.loads((tmp_path / "out.json").read_text())["findings"]
    }
    assert found.pop(MERGE_ID) == "known since 2011"
    assert set(found.values()) == {""}
    assert f" {len(found)} finding{'s' * (len(found) > 1)} and 1 ignored, 0 engine faults" in lines[-1]

    (tmp_path / "all.txt").write_text("nosyscalls-2011  *  # all of it\n")
    process = spawn(*args, "--ignore", "all.txt", cwd=tmp_path)
    assert (process.returncode, process.stderr) == (0, "")
    assert f" 0 findings and {len(found) + 1} ignored, 0 engine faults" in process.stdout.splitlines()[-1]
    assert len(Store(tmp_path / "findings").entries().entries) == len(found) + 1


def test_a_bad_ignore_list_stops_a_run_before_it_starts(tmp_path: Path) -> None:
    """An entry without a reason is located bad input, and so is a list that is not there."""
    (tmp_path / "mine.txt").write_text("\n*  panic/*  #\n")
    for name, message in (("mine.txt", "mine.txt:2: the reason is missing; "), ("no.txt", "no.txt: cannot read: ")):
        process = spawn("fuzz", "--target", "nosyscalls", "--runs", 10, "--ignore", name, cwd=tmp_path)
        assert (process.returncode, process.stdout, process.stderr.count("\n")) == (2, "", 1)
        assert process.stderr.startswith(message)


def test_the_reference_is_clean(tmp_path: Path, seeds: Path) -> None:
    """Nothing is found where nothing is to be found: exit code 0, an empty store, no fault."""
    process = spawn(
        "fuzz", "--target", "nosyscalls", "--runs", 300, "--seed", 1, "--corpus", seeds, "--json", "-", cwd=tmp_path
    )
    assert (process.returncode, json.loads(process.stdout)["findings"]) == (0, [])
    assert Store(tmp_path / "findings").entries() == ((), ())


def test_new_inputs_are_kept(tmp_path: Path, seeds: Path) -> None:
    """The first corpus gets what is new as program text; the second is left as it is; the seeds are in the first line."""
    corpora = ("--corpus", tmp_path / "new", "--corpus", seeds)
    process = spawn("fuzz", "--target", "nosyscalls", "--runs", 200, *corpora, "--json", "out.json", cwd=tmp_path)
    assert process.returncode == 0
    report = json.loads((tmp_path / "out.json").read_text())
    added = list((tmp_path / "new").iterdir())
    assert 0 < len(added) <= report["corpus"] - 2
    for path in added:
        read_program(path)
    assert sorted(path.name for path in seeds.iterdir()) == ["flag.prog", "merge.prog"]
    assert f"with seed {report['seed']}: 1 worker, 2 inputs to start from" in process.stdout


def test_several_workers(tmp_path: Path, seeds: Path) -> None:
    """Two workers share the budget and the store; a finding of both is one."""
    args = ("--target", "nosyscalls-2011", "--runs", 101, "-j", 2, "--seed", 1, "--corpus", seeds, "--json", "-")
    process = spawn("fuzz", *args, cwd=tmp_path)
    report = json.loads(process.stdout)
    assert (process.returncode, report["executions"]) == (1, 101)
    count = {finding["id"]: finding["count"] for finding in report["findings"]}[MERGE_ID]
    assert count >= 2


def test_a_duration_ends_a_run(tmp_path: Path) -> None:
    """--for is a budget of its own."""
    process = spawn("fuzz", "--target", "nosyscalls", "--for", "0.5s", "--json", "-", cwd=tmp_path)
    assert process.returncode == 0
    assert json.loads(process.stdout)["seconds"] >= 0.5


@pytest.fixture
def endless(tmp_path: Path, seeds: Path) -> Iterator["subprocess.Popen[str]"]:
    """A run without a budget that has found something."""
    args = ("--target", "nosyscalls-2011", "--corpus", seeds, "--json", "out.json")
    process = subprocess.Popen(
        command("fuzz", *args), cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "attribute/mmap/merge (escape)" in line:
            break
    yield process
    process.kill()
    process.wait()
    process.stdout.close()
    assert process.stderr is not None
    process.stderr.close()


def children(pid: int) -> set[int]:
    """Live child processes of `pid`."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if int(fields[1]) == pid and fields[0] != "Z":
            found.add(int(stat.parent.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c(endless: "subprocess.Popen[str]", tmp_path: Path, number: int) -> None:
    """A signal ends the run as its budget would: summary, JSON, corpus, findings, exit code, and no worker left."""
    workers = children(endless.pid)
    assert workers
    endless.send_signal(number)
    out, err = endless.communicate(timeout=30)
    assert (endless.returncode, err) == (1, "")
    assert " executions in " in out.splitlines()[-1]
    report = json.loads((tmp_path / "out.json").read_text())
    assert MERGE_ID in [finding["id"] for finding in report["findings"]]
    assert Store(tmp_path / "findings").entries().damaged == ()
    assert len(list((tmp_path / "seeds").iterdir())) > 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_a_killed_run_loses_no_finding(endless: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """Findings are on disk when they are told; the workers of a killed run end with it."""
    workers = children(endless.pid)
    endless.kill()
    endless.wait()
    listing = Store(tmp_path / "findings").entries()
    assert MERGE_ID in [entry.id for entry in listing.entries]
    assert listing.damaged == ()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_what_a_killed_run_has_left_goes_with_the_next(tmp_path: Path) -> None:
    """Its temporary files; what a run leaves that ends by itself is nothing."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = ENVIRONMENT | {"TMPDIR": str(temporary)}
    args = command("fuzz", "--target", "nosyscalls", "--seed", 1)
    with subprocess.Popen(args, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        while not list(temporary.glob("sysfuzz-*/*/*")):
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    (left,) = temporary.glob("sysfuzz-*/*")
    subprocess.run([*args, "--runs", "10"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert not left.exists()
    assert [path for path in temporary.rglob("*") if path.parent != temporary] == []


def test_damaged_findings_stop_a_run_before_it_starts(tmp_path: Path) -> None:
    """A store that could not be added to is bad input, named in one line."""
    path = tmp_path / "findings" / "mine" / "finding.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    process = spawn("fuzz", "--target", "nosyscalls", "--runs", 10, cwd=tmp_path)
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr == "findings/mine/finding.json: schema: is missing\n"


def test_bad_corpus_stops_a_run_before_it_starts(tmp_path: Path, seeds: Path) -> None:
    """A file that does not parse is named with line and column, and nothing is made."""
    (seeds / "z.prog").write_text("mode amd64\nfrok()\n")
    process = spawn("fuzz", "--target", "nosyscalls", "--corpus", "seeds", cwd=tmp_path)
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr.startswith("seeds/z.prog:2:1: unknown call 'frok' (did you mean fork?)")
    assert not (tmp_path / "findings").exists()


def test_findings_that_cannot_be_recorded_end_the_run(tmp_path: Path, seeds: Path) -> None:
    """What the worker could not write is one line, exit code 2; what was found before stays."""
    spawn("fuzz", "--target", "nosyscalls-2011", "--runs", 20, "--seed", 1, "--corpus", seeds, cwd=tmp_path)
    before = Store(tmp_path / "findings").entries()
    assert len(before.entries) > 1
    (tmp_path / "findings" / ".unfinished").write_text("in the way of every write")
    process = spawn("fuzz", "--target", "nosyscalls-2011", "--seed", 1, "--corpus", seeds, cwd=tmp_path)
    assert process.returncode == 2
    assert process.stderr.startswith("findings/nosyscalls-2011--")
    assert process.stderr.endswith(": cannot write: File exists\n")
    assert process.stderr.count("\n") == 1
    assert process.stdout.splitlines()[-1].endswith(" 0 engine faults")
    assert Store(tmp_path / "findings").entries() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_full_disk(tmp_path: Path, seeds: Path) -> None:
    """On a disk that fills up, the run ends with one line, and what it recorded before can be read."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", disk], capture_output=True, text=True, check=False
    )
    if mount.returncode:
        pytest.skip(f"no mount here: {mount.stderr.strip()}")
    try:
        process = spawn(
            "fuzz",
            "--target",
            "nosyscalls-2011",
            "--seed",
            1,
            "--corpus",
            seeds,
            "--findings",
            disk / "f",
            cwd=tmp_path,
        )
        assert process.returncode == 2
        assert process.stderr.startswith(f"{disk}/f")
        assert process.stderr.endswith(": cannot write: No space left on device\n")
        assert process.stderr.count("\n") == 1
        listing = Store(disk / "f").entries()
        assert listing.entries
        assert listing.damaged == ()
        for entry in listing.entries:
            read_program(entry.program)
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a read-only disk")
@pytest.mark.parametrize("option", ["--findings", "--corpus", "--json"])
def test_read_only_directory(tmp_path: Path, option: str) -> None:
    """A place that cannot be written is told before the run begins."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", disk], capture_output=True, text=True, check=False
    )
    if mount.returncode:
        pytest.skip(f"no mount here: {mount.stderr.strip()}")
    try:
        place = disk / "out.json" if option == "--json" else disk
        process = spawn("fuzz", "--target", "nosyscalls", option, place, cwd=tmp_path)
        assert (process.returncode, process.stdout) == (2, "")
        assert "Read-only file system" in process.stderr
        assert str(disk) in process.stderr
        assert process.stderr.count("\n") == 1
    finally:
        subprocess.run(["umount", disk], check=True)


def test_an_engine_fault_is_told_apart(tmp_path: Path, seeds: Path) -> None:
    """A core that answers differently each time makes faults, not findings one could trust: exit code 3."""
    (tmp_path / "flaky.py").write_text(FLAKY_CORE)
    args = ("--target", "flaky:Flaky", "--runs", 60, "--seed", 1, "--corpus", seeds, "--json", "out.json")
    process = spawn("fuzz", *args, cwd=tmp_path)
    assert process.returncode == 3
    assert "engine fault: execute: Flaky in sysfuzz.engine.job:" in process.stdout
    assert json.loads((tmp_path / "out.json").read_text())["engine_faults"] >= 1
    kept = list((tmp_path / "findings" / "engine-faults").iterdir())
    assert kept
    for path in kept:
        assert "# target: flaky:Flaky" in read_program(path).preamble


DEADLY = """\
import os
import sys

from sysfuzz.kernel.kernel import Kernel


class AtFork(Kernel):
    def call(self, pid, lwp, name, args):
        if name == "fork":
            os._exit(0)
        return super().call(pid, lwp, name, args)


class AtOnce(Kernel):
    def __init__(self, mode, memory):
        if "engine.worker" in str(sys.modules["__main__"].__spec__):
            os._exit(0)
        super().__init__(mode, memory)
"""


def test_any_number_of_inputs_may_kill_a_core(tmp_path: Path) -> None:
    """A core in Python that ends its process costs a worker each time. All are one finding, and the run is done to its end."""
    (tmp_path / "deadly.py").write_text(DEADLY)
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    for number in range(10):  # one more than the worker and its replacements
        (seeds / f"{number}.prog").write_text(f"mode amd64\nmunmap({number}, 0)\nfork()\n")
    args = ("--target", "deadly:AtFork", "--runs", 40, "--seed", 1, "--corpus", seeds, "--json", "out.json")
    process = spawn("fuzz", *args, cwd=tmp_path)
    assert (process.returncode, process.stderr) == (1, "")
    report = json.loads((tmp_path / "out.json").read_text())
    assert (report["executions"], report["engine_faults"]) == (40, 0)
    (finding,) = report["findings"]
    assert (finding["bucket"], finding["oracle"]) == ("panic/exit status in fork", "panic")
    assert finding["count"] >= 10
    assert "given up" not in process.stdout


def test_a_run_that_is_given_up_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no worker gets anywhere, another would not either: what is left of the budget is told."""
    (tmp_path / "deadly.py").write_text(DEADLY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("sysfuzz.cli.fuzz.EpochSettings", partial(EpochSettings, max_restarts=1))
    result = run("fuzz", "--target", "deadly:AtOnce", "--runs", 1000, "--seed", 1, "--for", "10m")
    assert (result.exit_code, result.stderr) == (3, "")
    told = "given up after 1 restart of dead workers, 5\\d\\d s and 99\\d executions before the end"
    assert re.fullmatch(told, result.stdout.splitlines()[-1])


def test_a_worker_that_cannot_start(tmp_path: Path) -> None:
    """When the engine does not start, its own words are told in one line: exit code 3."""
    (tmp_path / "shy.py").write_text(SHY_CORE)
    process = spawn("fuzz", "--target", "shy:boot", "--runs", 10, cwd=tmp_path)
    assert process.returncode == 3
    assert process.stderr.count("\n") == 1
    assert process.stderr.startswith("the engine: a worker could not start: ")
    assert process.stderr.endswith("RuntimeError: not in a worker\n")


def test_inputs_are_kept_when_nobody_listens(tmp_path: Path) -> None:
    """A pipe that is closed ends the run early, and the corpus, the findings and the JSON are written all the same."""
    args = ("--target", "nosyscalls-2011", "--for", "60s", "--seed", 1, "--corpus", "kept", "--json", "out.json")
    process = subprocess.Popen(
        command("fuzz", *args), cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith("fuzzing nosyscalls-2011")
    process.stdout.close()
    with process.stderr:
        errors = process.stderr.read()
    assert (process.wait(), errors) == (141, "")
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["seconds"] < 60
    assert report["findings"]
    assert len(list((tmp_path / "kept").iterdir())) == report["corpus"] > 0


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_closed_standard_files(tmp_path: Path, closed: str) -> None:
    """Without standard output a run does its work, and no file that it writes takes the place of what is closed."""
    line = shlex.join(command("fuzz", "--target", "nosyscalls-2011", "--runs", 300, "--seed", 1, "--json", "out.json"))
    process = subprocess.run(
        ["sh", "-c", f"{line} {closed}"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, timeout=120, check=False
    )
    assert (process.returncode, process.stdout, process.stderr) == (1, b"", b"")
    assert json.loads((tmp_path / "out.json").read_text())["findings"]
