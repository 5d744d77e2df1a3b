"""Commands that a campaign starts beside its workers: each leads a group of processes, which ends when the command's time is up, when somebody
says so, and when this process does, however that ends.

What they are for is not known here.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

_LAST_WORDS = 4000  # bytes


class Done(NamedTuple):
    """How a command has ended."""

    status: int  # below 0: the signal
    errors: bytes  # the end of what it has written to standard error
    late: bool  # its time was up


class Children:
    """Commands under way; any thread may run one, and waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def run(
        self, command: list[str], environment: Mapping[str, str], message: bytes = b"", seconds: float | None = None
    ) -> Done:
        """Run a command with `message` on its standard input; what it prints is lost. It sees the PYTHONPATH of this process. OSError."""
        # Where this process imports from: the command is tied to it by a module of ours.
        places = {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        with (
            tempfile.TemporaryFile() as errors
        ):  # a pipe would be open for as long as anything that the command has left behind
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "sysfuzz.campaign.tied", str(os.getpid()), *command],
                env={**environment, **places},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
            with child:
                late = self._wait(child, message, seconds)
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - _LAST_WORDS))
            return Done(child.returncode, errors.read(), late)

    def close(self) -> None:
        """End all, and whatever comes later."""
        with self._lock:
            self._closed = True
            for child in self._running:
                _kill(child)

    def _wait(self, child: subprocess.Popen[bytes], message: bytes, seconds: float | None) -> bool:
        """Whether its time was up before it ended."""
        with self._lock:
            self._running.add(child)
            if self._closed:
                _kill(child)
        try:
            child.communicate(message, seconds)
        except subprocess.TimeoutExpired:
            _kill(child)
            return True
        finally:
            with self._lock:
                self._running.discard(child)
        return False


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End the command and what it has started; it has not been waited for yet, so the number is its own."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
