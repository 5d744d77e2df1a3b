"""A worker and the end of its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = """
import sys
from sysfuzz.engine.epoch import run_epoch
from sysfuzz.engine.interrupt import stop_on_signals
from sysfuzz.engine.settings import EpochSettings

def tell(event):
    if event.corpus > 5:
        print("running", flush=True)

settings = EpochSettings(factory="toy_jobs:Puzzle", workers=2, job={"findings": sys.argv[1]})
with stop_on_signals() as stopped:
    result = run_epoch(settings, tell, stopped, report_seconds=0.2)
print("complete" if result.complete else "stopped", len(result.inputs) > 0)
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process, leader of its group as in a terminal, that runs an epoch without end; its workers are running."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "findings").mkdir()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "TMPDIR": str(tmp_path / "temporary"),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "findings")],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    yield process
    process.kill()
    process.communicate()


def workers(directory: Path) -> int:
    """Number of living workers whose files lie in `directory`."""
    count = 0
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            count += b"sysfuzz.engine.worker" in (line := entry.read_bytes()) and os.fsencode(directory) in line
        except OSError:  # it has just ended
            continue
    return count


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_in_order(parent: subprocess.Popen[str], number: signal.Signals, tmp_path: Path) -> None:
    """A signal to the whole group, as the terminal sends it, ends the workers between executions and loses nothing."""
    assert workers(tmp_path) == 2
    os.killpg(parent.pid, number)
    output, _ = parent.communicate(timeout=30)
    assert (output.splitlines()[-1], parent.returncode) == ("stopped True", 0)
    assert {"closed-0", "closed-1"} <= set(os.listdir(tmp_path / "findings"))
    assert workers(tmp_path) == 0
    assert list((tmp_path / "temporary").iterdir()) == []


def test_workers_do_not_outlive_their_parent(parent: subprocess.Popen[str], tmp_path: Path) -> None:
    """When the parent is killed, so are its workers."""
    assert workers(tmp_path) == 2
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 30
    while workers(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert workers(tmp_path) == 0
