"""A trial in a forked process: code of the user's may hang there, print, fork, crash or end Python, and is told in a line.

Knows nothing of what is tried.
"""

import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from sysfuzz.engine.lifeline import die_with

SECONDS = 10.0  # a core that takes longer for no program at all could not be fuzzed
_POLL = 0.02  # seconds between looks whether the process has ended: what it has forked may hold the pipe open
_END = b"\0"


class NoAnswer(Exception):
    """The process came to no answer; the message says why, behind whatever was tried: "did not end within 10 s"."""


def tried(question: Callable[[], str]) -> str:
    """What `question` answers in a process of its own. Raises NoAnswer."""
    parent = os.getpid()
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Threads would be those of whoever calls sysfuzz, and the child needs none of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _answer(question, writer, parent)
    os.close(writer)
    try:
        return _read(child, reader)
    finally:
        os.close(reader)
        for kill in (os.kill, os.killpg):  # it may not have come to lead its group
            with suppress(ProcessLookupError):
                kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _answer(question: Callable[[], str], writer: int, parent: int) -> NoReturn:
    """The child's life."""
    try:
        os.setsid()  # so that what it starts ends with it; and Ctrl-C is the parent's to handle
        die_with(parent)
        nowhere = open(os.devnull, "r+", encoding="utf-8")  # noqa: SIM115  # for the rest of this life
        for number in range(3):
            os.dup2(nowhere.fileno(), number)
        sys.stdout = sys.stderr = nowhere  # what the parent has not written yet is the parent's
        os.write(writer, question().encode(errors="replace") + _END)
    finally:
        os._exit(0)


def _read(child: int, reader: int) -> str:
    """The answer that comes through the pipe. The child is left to be waited for."""
    deadline = time.monotonic() + SECONDS
    answer = b""
    while _END not in answer:
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        data = os.read(reader, 1 << 16) if select.select([reader], [], [], 0 if ended else _POLL)[0] else b""
        answer += data
        if ended and not data:
            raise NoAnswer(_how(ended.si_code, ended.si_status))
        if time.monotonic() > deadline:
            raise NoAnswer(f"did not end within {SECONDS:g} s")
    return answer.partition(_END)[0].decode()


def _how(code: int, status: int) -> str:
    """How a process has ended, from what waitid says."""
    if code == os.CLD_EXITED:
        return f"ended the process with status {status}"
    return f"killed the process with {signal.Signals(status).name}"
