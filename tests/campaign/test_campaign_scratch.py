"""Temporary files: each process has a directory of its own, and what is left of those that were killed goes, and nothing else."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import sysfuzz
from sysfuzz.campaign.scratch import dead, scratch, shared, used

# Has a directory, says which, leaves a file there, starts a process that outlives it, and waits to be killed.
USER = """
import subprocess, sys, tempfile, time
from sysfuzz.campaign.scratch import scratch
with scratch() as home:
    (home / "left").mkdir()
    tempfile.mkstemp()
    child = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL)
    print(home, child.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary files lie here."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


@contextmanager
def user() -> Iterator[tuple[Path, "subprocess.Popen[str]"]]:
    """Another process that has a directory, which is killed in the end; it is not the last one that lives of those it has started."""
    environment = os.environ | {"PYTHONPATH": str(Path(sysfuzz.__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", USER], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        home, child = process.stdout.readline().split()
        try:
            yield Path(home), process
        finally:
            process.kill()
            os.kill(int(child), 9)


def test_scratch_is_given_back(tmp_path: Path) -> None:
    """It is empty, temporary files lie in it, and in the end nothing is left and the environment is as it was."""
    with scratch() as home:
        assert list(home.iterdir()) == []
        assert os.environ["TMPDIR"] == tempfile.gettempdir() == str(home)
        assert Path(tempfile.mkdtemp()).parent == home
        with scratch() as other:
            assert other != home
    assert not home.exists()
    assert os.environ["TMPDIR"] == tempfile.gettempdir() == str(tmp_path)


def test_what_the_killed_leave_is_removed_and_no_more() -> None:
    """The directory of a process that lives is left alone; once it is killed the next user removes it, although a child of it still lives."""
    with user() as (home, process):
        with scratch() as mine:
            assert mine != home
            assert home.exists()
        process.kill()
        process.wait()
        assert len(list(home.iterdir())) == 2
        with scratch():
            assert not home.exists()


def test_patience(tmp_path: Path) -> None:
    """What is left may be asked for as long; one's own name is made anew at once. What nobody has made for this is not touched."""
    base = tmp_path / "base"
    for name in ("a-1", "a-2", "b-1"):
        (base / name / "left").mkdir(parents=True)
    (base / "a-file").touch()
    os.utime(base / "a-2", (0, 0))
    assert dead(base, "a-") == [base / "a-1", base / "a-2"]
    with used(base, "b-1", patience=600.0) as home:
        assert list(home.iterdir()) == []
        assert dead(base) == [base / "a-1"]
    assert {path.name for path in base.iterdir()} == {"a-1", "a-file"}


def test_somebody_elses_place_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory under that name that another user has made, or a link to anywhere, is refused."""
    shared("runs").symlink_to(tmp_path)
    with pytest.raises(OSError, match=r"symbolic link|Not a directory"), scratch():
        pass
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(PermissionError, match="belongs to another user"), scratch():
        pass
