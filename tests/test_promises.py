"""What the README promises, held with fixed seeds: the flag of 2011 falls in seconds, and the reference stands."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WEAKNESSES = {
    "panic/sys_mmap: bad flags": "panic",
    "attribute/mmap/merge": "escape",
    "attribute/mremap/move": "escape",
    "attribute/mremap/grow": "escape",
}


def fuzz(directory: Path, target: str, runs: int, *options: str) -> tuple[int, dict[str, object]]:
    """One run of the command line; exit code and JSON."""
    command = [sys.executable, "-m", "sysfuzz", "fuzz", "--target", target, "--runs", str(runs), "--seed", "1"]
    done = subprocess.run(
        [*command, "--findings", str(directory / "findings"), "--json", str(directory / "out.json"), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, json.loads((directory / "out.json").read_text())


@pytest.mark.parametrize("corpus", ["empty", "seeds"])
def test_the_flag_of_2011_falls(tmp_path: Path, corpus: str) -> None:
    """Every known weakness is found as one bucket with its worst face, replaying 10 of 10, and nothing else is reported."""
    options = (
        () if corpus == "empty" else ("--corpus", str(tmp_path / "new"), "--corpus", str(ROOT / "corpora/nosyscalls"))
    )
    code, result = fuzz(tmp_path, "nosyscalls-2011", 30_000, *options)
    assert (code, result["engine_faults"], result["executions"]) == (1, 0, 30_000)
    assert {row["bucket"]: row["oracle"] for row in result["findings"]} == WEAKNESSES  # type: ignore[attr-defined]
    for row in result["findings"]:  # type: ignore[attr-defined]
        finding = json.loads((Path(row["program"]).parent / "finding.json").read_text())
        assert finding["replays"] == "10/10"


def test_the_reference_stands(tmp_path: Path) -> None:
    """Nothing is found, nothing breaks, and the exit code says so."""
    code, result = fuzz(tmp_path, "nosyscalls", 10_000)
    assert (code, result["findings"], result["engine_faults"]) == (0, [], 0)


def test_a_run_repeats(tmp_path: Path) -> None:
    """The same seed and number of runs: the same features and the same findings, to the byte of their programs."""
    results = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        _, result = fuzz(tmp_path / name, "nosyscalls-2011", 3_000)
        programs = {row["bucket"]: Path(row["program"]).read_text() for row in result["findings"]}  # type: ignore[attr-defined]
        counts = {row["bucket"]: row["count"] for row in result["findings"]}  # type: ignore[attr-defined]
        results.append((result["features"], result["corpus"], counts, programs))
    assert results[0] == results[1]


@pytest.mark.parametrize(("name", "found"), [("fuzz_nosyscalls", 0), ("fuzz_nosyscalls_2011", 4)])
def test_the_harnesses_take_libfuzzers_flags(tmp_path: Path, name: str, found: int) -> None:
    """-runs fuzzes and -merge=1 merges, each by the committed script itself; findings are recorded and raise nothing."""
    harness = str(ROOT / "harnesses" / f"{name}.py")
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    environment = os.environ | {
        "SYSFUZZ_FINDINGS": str(tmp_path / "findings"),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
    }
    for flags in (["-runs=8000", "-seed=1", str(old)], ["-merge=1", str(new), str(old)]):
        done = subprocess.run(
            [harness, *flags], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
    assert len(list((tmp_path / "findings").glob("*/finding.json"))) == found
    assert 0 < len(list(new.iterdir())) <= len(list(old.iterdir()))
