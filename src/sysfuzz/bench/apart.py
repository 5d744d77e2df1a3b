"""A process of its own for a measurement that needs a fresh interpreter: how it starts, what Ctrl-C means to it, and how it ends.

It shares the standard streams of the process that starts it, and Ctrl-C is its business alone; it ends with that process, however that does.
Whatever it raises is one line on standard error and an exit code, as on the command line. Imports no core, and does not know what it does.
"""

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

from sysfuzz.engine.lifeline import die_with

Settings = Mapping[str, Any]  # as JSON can hold them

BAD_INPUT, FAULT, INTERRUPTED = 2, 3, 130  # the command line's exit codes
_TRACEBACK = "SYSFUZZ_TRACEBACK"  # as the command line has it
_INTERRUPT = {signal.SIGINT}


def start(function: str, settings: Settings) -> int:
    """Call `function`, a name `module:attribute`, with `settings` in a fresh process; the exit code that it returns. -N: signal N ended it."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([path or os.getcwd() for path in sys.path]),
        "PYTHONHASHSEED": "0",  # as a worker
    }
    command = [sys.executable, "-P", "-c", f"from {__name__} import main; main()", str(os.getpid()), function]
    # A Ctrl-C that comes while it starts waits until it can answer.
    before_mask = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)
    before = signal.getsignal(signal.SIGINT)
    try:
        # Named, since a file that was closed and is /dev/null now would be closed again there.
        process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=1, stderr=2, text=True)
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, before_mask)
            process.communicate(json.dumps(settings))
            return process.returncode
        finally:
            process.kill()  # nothing, if it has ended
            signal.signal(signal.SIGINT, before)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before_mask)


def main() -> NoReturn:
    """The fresh process: sys.argv holds its parent's process id and the function, standard input the settings."""
    _, parent, name = sys.argv
    die_with(int(parent))
    try:
        if (
            signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):  # and not ignored from the start, as nohup does
            signal.signal(signal.SIGINT, _interrupt)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)
        settings: Settings = json.load(sys.stdin)
        module, _, attribute = name.partition(":")
        function: Callable[[Settings], int] = getattr(import_module(module), attribute)
        code = function(settings)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OSError as error:
        where = f"{os.fsdecode(error.filename)}: " if error.filename else "a process of the run could not be started: "
        code = BAD_INPUT if error.filename else FAULT
        tell(f"{where}{error.strerror or error}")
    except Exception as error:
        code = FAULT
        _explain(error)
    sys.exit(code)


def tell(words: str) -> None:
    """A line for people, on standard error. Where that takes nothing, the work goes on: what it is for is in a file."""
    with suppress(OSError):
        os.write(
            2, f"{words}\n".encode(errors="replace")
        )  # not by sys.stderr, which would keep the line, and fail once more at the end


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """End; a second Ctrl-C does not disturb that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _explain(error: Exception) -> None:
    if _TRACEBACK in os.environ:
        tell(traceback.format_exc())
    frame = traceback.extract_tb(error.__traceback__)[-1]
    what = " ".join(f"{type(error).__name__}: {error}".split())
    tell(f"{frame.filename}:{frame.lineno}: sysfuzz failed: {what} ({_TRACEBACK}=1 shows how)")
