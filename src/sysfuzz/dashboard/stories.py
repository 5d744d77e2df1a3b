"""Explanations of findings, made in a process aside: it runs the finding's program, and what a core does there does nothing to the dashboard.

One at a time, each once for a version of the core; who asks waits as long as it likes, and asks again. A core that ends the process or comes to
no end is told as that, and the next one gets a new process.
"""

import multiprocessing
import os
import signal
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Lock

from sysfuzz.engine.lifeline import die_with
from sysfuzz.findings.explanation import Explanation
from sysfuzz.findings.finding import Finding
from sysfuzz.program.ir import Program
from sysfuzz.report import Explain, Unexplained

_SECONDS = 30.0  # for one explanation, which takes a tenth of one; a machine that fuzzes is busy
_START = 60.0  # seconds for a process to begin, which is no explanation's time
_KEPT = 200  # explanations, of some 10 kB each
_PATIENCE = 2.0  # seconds for a process to end

_Key = tuple[str, str, str, Program]


class Pending(Unexplained):
    """The program is being run."""


class Stories:
    """Explains findings. Any thread may ask."""

    def __init__(self, explain: Explain, seconds: float = _SECONDS) -> None:
        """`explain` is called in the other process: it can be pickled, and so can what it raises."""
        self._explain = explain
        self._seconds = seconds
        self._lock = Lock()
        self._told: OrderedDict[_Key, Future[Explanation]] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, "stories")
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._core = ""  # that the process has imported
        self._closed = False

    def tell(self, core: str, finding: Finding, program: Program, patience: float) -> Explanation:
        """The explanation on this version of the core, after at most `patience` seconds. Raises Pending, Unexplained."""
        key = (core, finding.target, finding.bucket, program)
        with self._lock:
            future = self._told.get(key)
            if future is None:
                future = self._told[key] = self._thread.submit(self._tell, core, finding, program)
            self._told.move_to_end(key)
            if len(self._told) > _KEPT:
                self._told.popitem(last=False)[1].cancel()
        try:
            return future.result(patience)
        except TimeoutError:
            raise Pending("its program is being run") from None

    def warm(self) -> None:
        """Start the process, so that the first who asks need not wait for it."""
        self._thread.submit(self._ready, "")

    def close(self) -> None:
        """End the process and whatever waits for it."""
        self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)
        process = self._process
        if process is not None:
            process.kill()
        self._thread.shutdown()
        self._end()

    # -- in the thread ------------------------------------------------------------------------------------------------

    def _tell(self, core: str, finding: Finding, program: Program) -> Explanation:
        if core != self._core and self._core:
            self._end()  # what it has imported is another version
        try:
            pipe = self._ready(core)
            pipe.send((finding, program))
            if not pipe.poll(self._seconds):
                self._end()
                raise Unexplained(f"run now, its program came to no end within {self._seconds:g} s")
            answer: Explanation | str = pipe.recv()
        except (EOFError, OSError):
            self._end()
            raise Unexplained("run now, its program ended the process that ran it") from None
        if isinstance(answer, str):
            raise Unexplained(answer)
        return answer

    def _ready(self, core: str) -> Connection:
        if self._pipe is not None and self._process is not None and self._process.is_alive():
            self._core = core or self._core
            return self._pipe
        if self._closed:
            raise Unexplained("the dashboard is ending")
        context = multiprocessing.get_context("spawn")  # a fork would take the server's threads and sockets with it
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._explain, os.getpid()), daemon=True)
        self._process.start()
        theirs.close()
        self._core = core
        if not self._pipe.poll(_START):
            self._end()
            raise Unexplained(f"a process to run its program in did not begin within {_START:g} s")
        self._pipe.recv()
        return self._pipe

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join(_PATIENCE)
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


def _serve(pipe: Connection, explain: Explain, parent: int) -> None:
    """The life of the process."""
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the dashboard, which ends this one
    with suppress(EOFError, OSError):
        pipe.send("ready")
        while True:
            pipe.send(_answer(explain, *pipe.recv()))


def _answer(
    explain: Callable[[Finding, Program], Explanation], finding: Finding, program: Program
) -> Explanation | str:
    try:
        return explain(finding, program)
    except Unexplained as error:
        return str(error)
    except Exception as error:  # of a core of the user's own
        return f"{type(error).__name__}: {error}"
