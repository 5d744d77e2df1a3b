"""afl-fuzz as a peer: what it is told, what it makes of it, and that it leaves nothing."""

import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from sysfuzz.bench import afl

REASON = afl.missing()
with_afl = pytest.mark.skipif(bool(REASON), reason=REASON)

# A process that afl-fuzz drives. Inputs that begin with an a are rewarded by a counter, or are not; it tells how many there were after the first
# 2,000 inputs.
DRIVEN = """
import os
from sysfuzz.bench import afl
from sysfuzz.feedback.counters import CounterMap

counters = CounterMap()
always, rewarded = counters.slice("always", 8), counters.slice("rewarded", 64)
executions = late = 0

def execute(data):
    global executions, late
    executions += 1
    assert not any(always) and not any(rewarded), "the counters are cleared"
    always[0] = 1
    if data.startswith(b"a"):
        rewarded[63] = {reward}
        late += executions > 2000
    if executions == {executions}:
        print(late, flush=True)
        os._exit(0)

afl.drive(counters, seed=1, execute=execute)
"""


def driven(executions, reward=0, **environment):
    """Run DRIVEN to its end."""
    return subprocess.run(
        [sys.executable, "-c", DRIVEN.format(executions=executions, reward=reward)],
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | environment,
        check=False,
    )


def living(marker):
    """Command lines of the processes that have `marker` in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or belongs to somebody else
            if marker.encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text())
    return found


def orphans():
    """Ids of the pieces of System V shared memory that a process has made which is no more."""
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()]
    shmid, cpid = rows[0].index("shmid"), rows[0].index("cpid")
    return {row[shmid] for row in rows[1:] if not Path("/proc", row[cpid]).exists()}


@with_afl
def test_counters_guide_afl():
    """A counter makes inputs worth keeping: of 4,000 inputs over 200 begin as rewarded (one in 256 would without), else fewer than 60."""
    guided, alone = driven(6000, reward=1), driven(6000)
    assert (guided.returncode, alone.returncode) == (0, 0), guided.stderr + alone.stderr
    assert int(guided.stdout) > 200
    assert int(alone.stdout) < 60


@with_afl
def test_nothing_is_left(tmp_path):
    """When the process ends, so do afl-fuzz and all that it has started; its files and its shared memory are gone."""
    before = orphans()
    done = driven(100, TMPDIR=str(tmp_path))
    assert done.stdout == "0\n", done.stderr
    deadline = time.monotonic() + 30
    while living(f"TMPDIR={tmp_path}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert living(f"TMPDIR={tmp_path}") == []
    assert list(tmp_path.iterdir()) == []
    assert orphans() <= before


@with_afl
def test_the_version_is_told():
    """That of AFL++, as in 4.04c."""
    assert re.fullmatch(r"[0-9]+\.[0-9]+[a-z]?[0-9A-Za-z.]*", afl.version())


def test_where_it_is_not_installed_the_reason_is_told(monkeypatch, tmp_path):
    """In a line that says how to get it; there is no version then."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert afl.missing() == "afl-fuzz is not installed; supported: AFL++ 4, as in apt install afl++"
    assert afl.version() == ""


def test_an_afl_that_does_not_start_is_an_error(tmp_path):
    """The process says so, and what afl-fuzz said itself."""
    program = tmp_path / "afl-fuzz"
    program.write_text("#!/bin/sh\necho these are its words\nexit 1\n")
    program.chmod(0o755)
    done = driven(100, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "sysfuzz.bench.afl.AflError: afl-fuzz has not started"
    assert "these are its words" in done.stderr
