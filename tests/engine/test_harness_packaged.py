"""A harness that is packaged with its interpreter, as farms have it: nobody sets variables for it, and `sys.executable` is the package itself.

Whether PyInstaller makes such a package of a harness is not tested here; `sys.frozen` is what it sets.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sysfuzz.program.text import parse
from sysfuzz.program.wire import encode

PACKAGED = """#!/usr/bin/env python3
import sys

sys.frozen = True
from sysfuzz.engine.harness import main

main({arguments})
"""
PUZZLE = '"puzzle", "toy_jobs:Puzzle", ()'

# On the flag of 2011 the second mapping merges into the first, for which that design is known.
MERGE = """\
mode amd64
mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)
mmap(0x11000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)
"""


def start(home: Path, harness: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a packaged harness `main(harness)` in `home`."""
    script = home / "fuzz_it.pkg"
    script.write_text(PACKAGED.format(arguments=harness))
    script.chmod(0o755)
    ours = {name: value for name, value in os.environ.items() if not name.startswith("SYSFUZZ_")}
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=home,
        env=ours | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_crashes_and_records_nothing(tmp_path: Path) -> None:
    """What a farm sees of a bug is a crash and its input; no directory appears where it runs."""
    done = start(tmp_path, PUZZLE, "-runs=30000", "-seed=3")
    assert done.returncode == 77, done.stderr
    assert "sysfuzz: this input shows\n" in done.stderr
    assert [path.name.partition("-")[0] for path in tmp_path.iterdir() if path.is_dir() or "-" in path.name] == [
        "crash"
    ]


def test_it_is_the_interpreter_of_its_replays(tmp_path: Path) -> None:
    """`python -P -m MODULE`, by which a job starts a replay, runs the module, with its own standard input."""
    (tmp_path / "answer.py").write_text("import sys\nprint(__name__, sys.stdin.read())\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    script = start(tmp_path, PUZZLE, "-P", "-m", "answer", PYTHONPATH=path)
    assert (script.returncode, script.stdout, script.stderr) == (0, "__main__ \n", "")


@pytest.mark.parametrize(
    ("crash", "code"),
    [({}, 0), ({"SYSFUZZ_CRASH": "new"}, 0), ({"SYSFUZZ_CRASH": ""}, 0), ({"SYSFUZZ_CRASH": "1"}, 77)],
)
def test_what_a_design_is_known_for_is_no_crash(tmp_path: Path, crash: dict[str, str], code: int) -> None:
    """A farm should keep fuzzing a design with known bugs; who wants all of them says so."""
    (tmp_path / "input").write_bytes(encode(parse(MERGE).program))
    done = start(tmp_path, '"nosyscalls-2011"', "input", **crash)
    assert done.returncode == code, done.stderr
    assert ("attribute/mmap/merge" in done.stderr) is (code == 77)
