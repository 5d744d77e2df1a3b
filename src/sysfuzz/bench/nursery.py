"""The nursery: one warmed interpreter that forks a child for each task, so that a task costs milliseconds to start and cannot hurt the next.

Warm means: started with fixed hashes, the core imported with its marks as a worker has it, everything else imported too. A task is a function
that is called in a child of its own and reports one record; whatever the child does afterwards, or to itself, is over with it. libFuzzer never
returns, so reporting is leaving. The forking process has one thread, or a child could inherit a lock that nobody holds. Knows neither
weaknesses nor mutants.
"""

import faulthandler
import gc
import json
import os
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import IO, Any, Literal, NamedTuple, NoReturn, TypeVar

from sysfuzz.bench import apart
from sysfuzz.engine.lifeline import die_with
from sysfuzz.engine.settings import CODE_COUNTERS, CORE, FACTORY
from sysfuzz.feedback.counters import load_libfuzzer
from sysfuzz.feedback.instrument import NAME, Instrumentation

Record = dict[str, Any]  # as JSON can hold it
Report = Callable[[Mapping[str, object]], NoReturn]  # sends the record and ends the child
Task = Callable[[Report], None]  # runs in the child
Key = TypeVar("Key")

_LAST_WORDS = 2000  # characters: a traceback
_TAIL = 1 << 16  # bytes, of which the last words are taken
_MODULES = "\nExtension modules: "  # with which faulthandler ends, and which can be longer than all else
_MORE_OBJECTS = 20_000  # the worker's threshold of garbage collections (engine/worker.py)
_LONGEST_WAIT = 3600.0  # seconds, after which nobody minds one look too many; select takes no more than some 292 years
_HELD = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}


class Death(NamedTuple):
    """How a child ended that reported nothing."""

    how: Literal["signal", "silent", "timeout"]  # silent: it left on its own, or by an exception
    detail: str  # "SIGSEGV", "exit status 1", "after 10 s"
    words: str  # the end of what it wrote to standard error


class Warm(NamedTuple):
    """What a process is given that was warmed."""

    instrumentation: Instrumentation  # of the core; removed, so that later imports are left alone

    def attach(self, counters: bytearray) -> None:
        """Have the core's marks set these counters, of which there are CODE_COUNTERS, from now on. For a child, before it runs anything."""
        if len(counters) != CODE_COUNTERS:
            raise ValueError(f"{len(counters)} counters; the marks are numbered for {CODE_COUNTERS}")
        for module in dict.fromkeys(point.module for point in self.instrumentation.points):
            setattr(sys.modules[module], NAME, counters)


def warm() -> Warm:
    """Import all that a worker does, the core with its marks, in a process that has imported no core. ImportError: it has."""
    instrumentation = Instrumentation(bytearray(CODE_COUNTERS), (CORE,))
    instrumentation.install()
    import_module(FACTORY.partition(":")[0])
    instrumentation.remove()
    load_libfuzzer()  # some 40 ms that each child would spend
    gc.set_threshold(_MORE_OBJECTS)
    return Warm(instrumentation)


# -- a process that is warm ---------------------------------------------------------------------------------------------


def enter(function: str, settings: Mapping[str, object]) -> int:
    """Call `function`, a name `module:attribute`, as function(warm, settings) in a fresh process that is warm; the exit code that it returns.

    See `apart.start`.
    """
    return apart.start(f"{__name__}:call", {"function": function, "settings": settings})


def call(settings: apart.Settings) -> int:
    """The fresh process."""
    parts = warm()
    module, _, attribute = settings["function"].partition(":")
    function: Callable[[Warm, Mapping[str, object]], int] = getattr(import_module(module), attribute)
    return function(parts, settings["settings"])


# -- children -----------------------------------------------------------------------------------------------------------


def in_child(task: Task, seconds: float) -> Record | Death:
    """Run `task` in a child that has `seconds` for it: what it reported, or how it died."""
    ((_, result),) = in_children([("", task)], seconds)
    return result


def in_children(
    tasks: Iterable[tuple[Key, Task]], seconds: float, jobs: int = 1
) -> Generator[tuple[Key, Record | Death], None, None]:
    """Run each task in a child of its own, `jobs` at a time, each for `seconds` at most; results by key, as they come.

    A task is taken from `tasks` when there is room for it. With the generator, closed or left by an exception, all children end.
    """
    waiting = iter(tasks)
    living: dict[int, tuple[Key, _Child]] = {}
    try:
        while True:
            while len(living) < jobs and (following := next(waiting, None)) is not None:
                key, task = following
                child = _Child(task, seconds)
                living[child.pipe] = key, child
            if not living:
                return
            over = max(0.0, min(child.deadline for _, child in living.values()) - time.monotonic())
            ready, _, _ = select.select(list(living), [], [], min(over, _LONGEST_WAIT))
            now = time.monotonic()
            for pipe, (key, child) in list(living.items()):
                late = now >= child.deadline
                if (pipe in ready and child.read()) or late:
                    del living[pipe]
                    yield key, child.end(late)
    finally:
        for _, child in living.values():
            child.end(late=True)


class _Child:
    """A running child, seen from its parent."""

    def __init__(self, task: Task, seconds: float) -> None:
        self._seconds = seconds
        self._said = bytearray()
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # `end` closes it
        self.pipe, theirs = os.pipe()
        parent = os.getpid()
        # A signal that came between fork and the child's first steps would be handled there as if it were the parent.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)
        self._pid = os.fork()
        if not self._pid:
            _live(task, theirs, self._words.fileno(), parent, before)
        self.deadline = time.monotonic() + seconds
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(theirs)

    def read(self) -> bool:
        """Take what has come; whether that was all, the pipe being closed."""
        data = os.read(self.pipe, 1 << 16)
        self._said += data
        return not data

    def end(self, late: bool) -> Record | Death:
        """Kill it if it is `late`, reap it, and say what became of it; a record that came in time counts whatever followed."""
        if late:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        _, status = os.waitpid(self._pid, 0)
        os.close(self.pipe)
        with self._words as file:
            if self._said.endswith(b"\n"):
                record: Record = json.loads(self._said)
                return record
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            words = file.read().decode(errors="replace").partition(_MODULES)[0][-_LAST_WORDS:]
        code = os.waitstatus_to_exitcode(status)
        if late:
            return Death("timeout", f"after {self._seconds:g} s", words)
        if code < 0:
            return Death("signal", signal.Signals(-code).name, words)
        return Death("silent", f"exit status {code}", words)


def _live(task: Task, pipe: int, words: int, parent: int, mask: Iterable[int]) -> NoReturn:
    """The child's life."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        die_with(parent)
        gc.freeze()  # collections leave alone, and do not copy, what all children share
        os.dup2(words, 2)
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        faulthandler.enable(2)

        def report(record: Mapping[str, object]) -> NoReturn:
            left = memoryview(json.dumps(record).encode() + b"\n")
            while left:
                left = left[os.write(pipe, left) :]
            os._exit(0)

        task(report)
        os._exit(0)
    except BaseException:  # whatever it is, the child ends here and not in its parent's code
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(1)
