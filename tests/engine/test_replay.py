"""Replays in a fresh process: what repeats is counted, and whatever else the process does is not shown, with the reason."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sysfuzz.engine.replay import REPLAYS, Replayed, replays
from sysfuzz.findings.bucket import group
from sysfuzz.oracles import judge
from sysfuzz.program.ir import Program
from sysfuzz.program.text import parse
from sysfuzz.targets.table import get

HERE = Path(__file__).parent.parent
RX = "PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON"
MERGE = f"mode amd64\nmmap(0x10000, 0x1000, {RX}, -1, 0)\nmmap(0x11000, 0x1000, {RX}|MAP_NOSYSCALLS, -1, 0)\n"
FORKS = "mode amd64\n" + "fork()\n" * 4


def program(text: str) -> Program:
    return parse(text).program


@pytest.mark.parametrize(
    ("target", "bucket", "oracle", "shown"),
    [
        ("nosyscalls-2011", "attribute/mmap/merge", "attribute-lost", REPLAYS),
        ("nosyscalls-2011", "attribute/mmap/merge", "escape", 0),
        ("nosyscalls-2011", "attribute/mmap/split", "attribute-lost", 0),
        ("nosyscalls", "attribute/mmap/merge", "attribute-lost", 0),
        ("flaky_cores:Replayed", "panic/steady", "panic", REPLAYS),
        ("flaky_cores:Prints", "panic/steady", "panic", REPLAYS),
    ],
)
def test_what_repeats_is_counted(target: str, bucket: str, oracle: str, shown: int) -> None:
    """All replays show a bug that is there, by its bucket and its oracle, and none shows another; what the core prints is no answer."""
    assert replays(target, program(MERGE), bucket, oracle) == Replayed(shown)


@pytest.mark.parametrize("core", ["ByHash", "ByImport", "ByCount"])
def test_what_depends_on_the_process_does_not_repeat(core: str) -> None:
    """An order of hashes, a number drawn at import and what is left of earlier programs show in this process and not in each replay."""
    runner = get(f"flaky_cores:{core}")
    found = group(judge(program(FORKS), runner.run(program(FORKS))))
    (bucket,) = found
    shown, reason = replays(runner.name, program(FORKS), bucket, "panic")
    assert (shown < REPLAYS, reason) == (True, "")


@pytest.mark.parametrize(
    ("target", "shown", "reason"),
    [
        ("flaky_cores:Hangs", 0, "no end within 2 s"),
        ("flaky_cores:Babbles", 0, "answered 'shown, believe me'"),
        ("flaky_cores:absent", 0, "TargetError: target 'flaky_cores:absent': flaky_cores has no callable absent; .*"),
        ("no_such_module:boot", 0, "TargetError: .*No module named 'no_such_module'"),
    ],
)
def test_a_process_that_does_not_answer(target: str, shown: int, reason: str) -> None:
    """To hang, to talk nonsense and not to start are not shown, each with its reason."""
    got = replays(target, program(MERGE), "panic/steady", "panic", seconds=2.0 if "Hangs" in target else 20.0)
    assert got.shown == shown
    assert re.fullmatch(reason, got.reason)


@pytest.mark.parametrize("core", ["Dies", "Leaves"])
def test_a_death_is_another_bug(core: str) -> None:
    """A core that takes its process along in a replay is heard in the others all the same, and that replay does not show the bucket."""
    got = replays(f"flaky_cores:{core}", program(MERGE), "panic/steady", "panic")
    assert got.shown < REPLAYS
    assert got.reason == ""


def test_a_death_repeats_like_any_other_bug() -> None:
    """A core that dies of a program in a worker dies of it in each replay."""
    text = "mode amd64\nmsync(0x10000, 0x1000, MS_SYNC)\n"
    got = replays("hostile_cores:LeavesWell", program(text), "panic/exit status in msync", "panic")
    assert got == Replayed(REPLAYS)


def test_the_process_dies_with_its_parent() -> None:
    """When a worker is killed in the middle of a replay, nothing of it goes on."""
    script = (
        "from sysfuzz.engine.replay import replays\nfrom sysfuzz.program.text import parse\n"
        f"replays('flaky_cores:Hangs', parse({MERGE!r}).program, 'panic/steady', 'panic', seconds=600)\n"
    )
    path = os.pathsep.join(filter(None, sys.path))
    parent = subprocess.Popen([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": path})
    try:
        child = _wait_for_child(parent.pid)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 30
    while _is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _is_alive(child)


def _wait_for_child(parent: int) -> int:
    """The process that `parent` has started for the replays, once it runs the program."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for number in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            if Path(f"/proc/{number}/wchan").exists() and "unicorn" in Path(f"/proc/{number}/maps").read_text():
                return int(number)
        time.sleep(0.02)
    raise AssertionError("no replay has started")


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("core", ["ByHash", "ByImport", "ByCount", "Dies"])
def test_what_does_not_repeat_is_no_finding(tmp_path: Path, core: str) -> None:
    """A run on such a core ends with exit code 3, keeps the input as an engine fault, in a directory of its own, and records no finding."""
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    (seeds / "forks.prog").write_text(FORKS)
    command = [
        sys.executable,
        "-m",
        "sysfuzz",
        "fuzz",
        "--target",
        f"flaky_cores:{core}",
        "--runs",
        "30",
        "--seed",
        "1",
    ]
    path = os.pathsep.join([str(HERE), *filter(None, sys.path)])
    done = subprocess.run(
        [*command, "--corpus", "seeds", "--json", "out.json"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (3, "")
    report = json.loads((tmp_path / "out.json").read_text())
    assert (report["findings"], report["engine_faults"]) == ([], 1)
    assert [path.name for path in (tmp_path / "findings").iterdir() if path.name != ".lock"] == ["engine-faults"]
    (kept,) = (tmp_path / "findings" / "engine-faults").iterdir()
    assert re.search(r"Flaky: panic/.* \(panic\) showed in \d of 10 replays", kept.read_text())
