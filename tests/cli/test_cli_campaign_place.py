"""Where a campaign lies: what becomes of a run whose directory is moved, asked to end, or cannot be locked."""

import errno
import fcntl
import os
import threading
from pathlib import Path

import pytest
from commandline import run

import toy_campaign as toy
from sysfuzz.campaign import lock
from sysfuzz.campaign.events import events
from sysfuzz.campaign.layout import Layout


def test_a_stop_at_the_first_moment_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`campaign stop` while a run is still making its directory ready ends that run."""
    layout = toy.campaign(tmp_path, "nosyscalls")
    told, real = [], lock.show

    def show(path: Path, who: dict[str, object]) -> None:
        real(path, who)
        told.append(run("campaign", "stop", tmp_path).stdout)

    monkeypatch.setattr(lock, "show", show)
    result = run("campaign", "run", tmp_path, "--epoch-runs", 100_000_000, "--for", "60s")
    assert told[0].startswith(f"{tmp_path}: asked to end: process {os.getpid()} on ")
    assert (result.exit_code, events(layout)[-1]["why"]) == (0, "asked")


@pytest.mark.parametrize("target", ["", "nosyscalls"])
def test_a_run_ends_when_its_directory_is_moved(tmp_path: Path, target: str) -> None:
    """Exit code 2 and a line; another campaign that lies there by then is not touched, and what was committed is where it was moved."""
    layout, away = Layout(tmp_path / "c"), Layout(tmp_path / "away")
    ended = threading.Event()

    def move() -> None:
        while not layout.epoch_numbers("w0") or not layout.live("w0").exists():
            if ended.wait(0.02):
                return
        layout.home.rename(away.home)
        if target:
            toy.campaign(layout.home, target)
            layout.findings.mkdir()
            layout.live("w0").parent.mkdir()
            layout.live("w0").touch()

    moving = threading.Thread(target=move)
    moving.start()
    result = run(
        "campaign", "run", layout.home, "--target", "nosyscalls-2011", "--for", "120s", "--epoch-runs", 60, "--minimise-jobs", 0,
    )  # fmt: skip
    ended.set()
    moving.join()
    assert result.exit_code == 2
    assert result.stderr.endswith(
        f"{layout.home}: is not the directory any more that it was: somebody has moved or removed it\n"
    )
    assert result.stderr.count("\n") == 1
    assert events(away)[-1]["event"] != "stopped"
    assert run("campaign", "fsck", away.home).exit_code == 0
    if target:
        there = {path.relative_to(layout.home).as_posix() for path in layout.home.rglob("*")}
        assert there == {"campaign.json", "findings", "live", "live/w0.json"}
    else:
        assert not layout.home.exists()


@pytest.mark.parametrize("verb", ["run", "status", "distil", "stop"])
def test_a_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    """As bad input, with the file that cannot be locked and what is supported."""
    layout = toy.campaign(tmp_path)
    layout.lock.touch()

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    result = run("campaign", verb, tmp_path)
    words = f"{layout.lock}: cannot be locked: No locks available; supported: a file system with locks\n"
    assert (result.exit_code, result.stderr) == (2, words)
