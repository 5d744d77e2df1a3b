"""`sysfuzz dashboard` as users run it: it says where it listens, answers, and ends when it is told to."""

import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest
from commandline import ENVIRONMENT, assert_refused, command, run

from dashboard.made_campaign import MERGE_ID, campaign, small


def test_serves_until_interrupted(tmp_path: Path) -> None:
    """The first line is the URL; pages answer there, with a story that this process has made aside; Ctrl-C ends it cleanly."""
    small(tmp_path / "campaign")
    started = command("dashboard", "campaign", "--port", 0)
    with subprocess.Popen(
        started, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            url, words = process.stdout.readline().split(" ", 1)
            assert words == "(Ctrl-C ends it)\n"
            with urllib.request.urlopen(f"{url}healthz", timeout=60) as answer:
                assert answer.read() == b"ok\n"
            text = ""
            while "mmap loses no-syscalls when it merges entries" not in text:
                with urllib.request.urlopen(f"{url}finding/{MERGE_ID}", timeout=60) as answer:
                    text = answer.read().decode()
            assert f"sysfuzz minimise {MERGE_ID} --findings campaign/findings" in text
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, rest, errors) == (0, "", "")


def test_no_campaign(tmp_path: Path) -> None:
    """A directory that holds none is refused."""
    assert_refused(run("dashboard", tmp_path), f"{tmp_path}: holds no campaign")
    assert_refused(run("dashboard", tmp_path / "none"), f"{tmp_path / 'none'}: holds no campaign")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_port_is_taken(tmp_path: Path, host: str) -> None:
    """A port that somebody else has is refused, and named."""
    campaign(tmp_path)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        other = socket.create_server((host, 0), family=family)
    except OSError as error:
        pytest.skip(f"this machine has no {host}: {error}")
    with other:
        port = other.getsockname()[1]
        result = run("dashboard", tmp_path, "--host", host, "--port", port)
    assert_refused(result, f"--host {host} --port {port}: cannot listen: Address already in use")


def test_no_such_address(tmp_path: Path) -> None:
    """So is a host that is none of this machine."""
    campaign(tmp_path)
    result = run("dashboard", tmp_path, "--host", "192.0.2.1", "--port", 0)
    assert_refused(result, "--host 192.0.2.1 --port 0: cannot listen: Cannot assign requested address")


def test_every_address_has_to_be_asked_for(tmp_path: Path) -> None:
    """An empty host, which would be every address, is refused."""
    campaign(tmp_path)
    assert_refused(
        run("dashboard", tmp_path, "--host", ""), "--host: is empty; supported: an address of this machine, or its name"
    )


def test_library_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, its name is told."""
    campaign(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "uvicorn" else object())
    message = "sysfuzz dashboard: uvicorn not installed: python -m pip install 'sysfuzz[dashboard]'"
    assert_refused(run("dashboard", tmp_path), message)
