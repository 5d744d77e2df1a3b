"""A harness under libFuzzer's own command line, started as a farm would."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """#!/usr/bin/env python3
from sysfuzz.engine.harness import main

main("puzzle", "toy_jobs:Puzzle", ())
"""


@pytest.fixture
def harness(tmp_path: Path) -> Path:
    """An executable script in a directory with a space in its name."""
    script = tmp_path / "my harnesses" / "fuzz_puzzle.py"
    script.parent.mkdir()
    script.write_text(SCRIPT)
    script.chmod(0o755)
    for name in ("findings", "corpus", "merged"):
        (tmp_path / name).mkdir()
    return script


def start(harness: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the harness as `python3 fuzz_puzzle.py …` in its own directory, with the other directories beside it."""
    return subprocess.run(
        [sys.executable, harness.name, *arguments],
        cwd=harness.parent,
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "SYSFUZZ_FINDINGS": str(harness.parent.parent / "findings"),
        }
        | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_findings_do_not_stop_it(harness: Path, tmp_path: Path) -> None:
    """It records what it finds, goes on to the end of its budget, and fills the corpus."""
    done = start(harness, "-runs=30000", "-seed=3", "../corpus")
    assert done.returncode == 0, done.stderr
    assert "Done 30000 runs" in done.stderr
    assert len(os.listdir(tmp_path / "findings")) > 1
    assert len(os.listdir(tmp_path / "corpus")) > 5


def test_merge_merges(harness: Path, tmp_path: Path) -> None:
    """-merge starts the script again and copies what has features of its own, once."""
    for data in (b"fu", b"zu", b"f", b"abc"):
        (tmp_path / "corpus" / data.decode()).write_bytes(data)
    done = start(harness, "-merge=1", "../merged", "../corpus")
    assert done.returncode == 0, done.stderr
    merged = {path.read_bytes() for path in (tmp_path / "merged").iterdir()}
    assert merged >= {b"fu", b"f", b"abc"}


def test_fork_forks(harness: Path, tmp_path: Path) -> None:
    """-fork starts the script again and again, and what the children find is kept."""
    done = start(harness, "-fork=2", "-runs=40000", "../corpus")
    assert done.returncode == 0, done.stderr
    assert "not found" not in done.stderr
    assert len(os.listdir(tmp_path / "findings")) > 1
    assert len(os.listdir(tmp_path / "corpus")) > 5


def test_a_finding_crashes_on_request(harness: Path, tmp_path: Path) -> None:
    """With SYSFUZZ_CRASH the bucket is printed, the input is kept as a crash, and replaying it crashes again."""
    done = start(harness, "-runs=30000", "-seed=3", "-artifact_prefix=../", SYSFUZZ_CRASH="1")
    assert done.returncode == 77
    assert "sysfuzz: this input shows\npuzzle solved\n" in done.stderr
    (crash,) = tmp_path.glob("crash-*")
    assert crash.read_bytes().startswith(b"fuzz")
    assert start(harness, f"../{crash.name}", SYSFUZZ_CRASH="1").returncode == 77
    assert start(harness, f"../{crash.name}").returncode == 0


def test_a_script_that_could_not_be_started_again_says_so(harness: Path) -> None:
    """-merge would otherwise report success with nothing merged."""
    harness.chmod(0o644)
    done = start(harness, "-merge=1", "../merged", "../corpus")
    assert done.returncode != 0
    assert "chmod +x" in done.stderr
