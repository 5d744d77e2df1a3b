"""A process of its own: whatever happens in it is an exit code and at most one line on standard error."""

import os
import signal
import subprocess
import sys

import pytest

from sysfuzz.bench.apart import start

GUESTS = """\
import os, signal, time

def number(settings): return settings["number"]
def killed(settings): os.kill(os.getpid(), signal.SIGKILL)
def broken(settings): raise RuntimeError("one\\ntwo")
def file(settings): open("/nowhere/at/all")
def bare(settings): raise OSError(24, "Too many open files")
def interrupted(settings): os.kill(os.getpid(), signal.SIGINT); time.sleep(60)
def impatient(settings):
    try:
        interrupted(settings)
    finally:
        os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.fixture(autouse=True)
def guests(tmp_path, monkeypatch):
    """The functions of GUESTS, where the process finds them."""
    (tmp_path / "apart_guests.py").write_text(GUESTS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ("function", "code", "words"),
    [
        ("number", 7, ""),
        ("killed", -9, ""),
        ("broken", 3, "sysfuzz failed: RuntimeError: one two (SYSFUZZ_TRACEBACK=1 shows how)"),
        ("nosuch", 3, "sysfuzz failed: AttributeError: "),
        ("file", 2, "/nowhere/at/all: No such file or directory"),
        ("bare", 3, "a process of the run could not be started: Too many open files"),
        ("interrupted", 130, ""),
        ("impatient", 130, ""),
    ],
)
def test_how_it_ends(capfd, function, code, words):
    """The exit code says it, and a line why; never a traceback. Ctrl-C means to this process what it meant before."""
    before = signal.getsignal(signal.SIGINT)
    assert start(f"apart_guests:{function}", {"number": 7}) == code
    said = capfd.readouterr().err
    assert words in said
    assert said.count("\n") == bool(words)
    assert signal.getsignal(signal.SIGINT) is before
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_standard_error_that_takes_nothing_ends_nothing(tmp_path):
    """The work goes on, and its exit code counts."""
    script = (
        "from sysfuzz.bench.apart import start, tell; tell('x'); raise SystemExit(start('apart_guests:broken', {}))"
    )
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [tmp_path, *sys.path]))},
            stderr=full,
            check=False,
            timeout=60,
        )
    assert done.returncode == 3
