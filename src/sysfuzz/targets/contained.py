"""A core of the user's own in a process of its own, so that whatever it does to that process is an outcome: a panic that says how it ended.

The process is forked once and runs one program after the other until it dies; the next program gets a new one. It dies of a crash, a failed
assertion, an exit, or of its timers. What it prints goes to standard error. Nothing is judged, no library is opened and no module imported here.
"""

import os
import pickle
import re
import select
import signal
import sys
import warnings
from contextlib import suppress
from typing import ClassVar, NamedTuple, NoReturn, Protocol

from sysfuzz.program.ir import DEFAULT_BLOCKS, Program
from sysfuzz.program.outcome import PANIC, Outcome, Panic, Step
from sysfuzz.spec.promise import Promise
from sysfuzz.targets.marks import Marks

# Beyond its CPU time, for a core that sleeps.
WALL_SECONDS = 0.5
# Most programs take a millisecond, in Python as in C: for the slowest of 4,028 the built-in core took 5.4. A block whose code makes a system
# call takes 0.1 of one.
CPU_SECONDS = 0.5
BLOCK_SECONDS = 0.001
_HANG = (signal.SIGPROF, signal.SIGALRM)
# On the clock, beyond both, for a process that its timer does not end: it has stopped, or handles SIGALRM.
_GRACE_SECONDS = 0.5

# Bytes that a program may print; the rest is lost. It is the limit for every file that a core writes, so that it leaves room for a log.
_PRINTED = 64 << 20
_SHOWN = 4000  # of them are told

_SIZE = 8  # bytes of a message's length
_LARGEST = 1 << 32  # what a core writes into a line that is not its own is no length, or a larger one

# glibc's assert: "program: file.c:12: function: Assertion `x' failed."
_ASSERTION = re.compile(r"([^\s:]+):\d+: (?:([^:\n]+): )?Assertion [`'](.*)' failed")
# -fsanitize=undefined -fno-sanitize-recover: "file.c:12:3: runtime error: left shift of …"
_UNDEFINED = re.compile(r"([^\s:]+):\d+:\d+: runtime error: (.*)")


def cpu_seconds(program: Program) -> float:
    """CPU time that a program may take before its core counts as hanging. Time that other processes take is no part of it."""
    blocks = sum(op.args[1] or DEFAULT_BLOCKS for op in program.ops if op.call == "run" and isinstance(op.args[1], int))
    return CPU_SECONDS + blocks * BLOCK_SECONDS


class Runner(Protocol):
    """What runs in the process."""

    name: str
    summary: str
    promise: Promise

    def run(self, program: Program) -> Outcome:
        """Run a valid program."""


class Death(NamedTuple):
    """How a process ended while it ran a program."""

    status: int  # as os.waitstatus_to_exitcode has it
    method: str  # what the core was asked; "" if nothing
    ops: int  # ops done
    printed: str  # the end of it


class Contained:
    """Implements table.Target with a runner whose core notes in `marks` where it is."""

    def __init__(self, runner: Runner, marks: Marks) -> None:
        self.name = runner.name
        self.summary = runner.summary
        self.promise = runner.promise
        self._runner = runner
        self._marks = marks
        self._process: _Process | None = None

    def run(self, program: Program) -> Outcome:
        """Run a valid program. A death is the panic of the op in which it happened; the steps before it are those of a second run."""
        end = self._try(program)
        if isinstance(end, Outcome):
            return end
        panic = self._panic(program, end)
        before = None if end.method == "boot" else self._try(program._replace(ops=program.ops[: end.ops]))
        if not isinstance(before, Outcome) or before.panic is not None:
            return Outcome((), (Step(PANIC, 1, (), (), ()),), panic)
        pid, views = (before.steps[-1].pid, before.steps[-1].views) if before.steps else (1, before.boot)
        return Outcome(before.boot, (*before.steps, Step(PANIC, pid, (), views, ())), panic)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def __del__(self) -> None:
        self.close()

    def _try(self, program: Program) -> Outcome | Death:
        if self._process is None:
            self._process = _Process(self._runner, self._marks)
        try:
            end = self._process.run(program)
        except BaseException:  # its answer, which may come yet, is not the next program's
            self.close()
            raise
        if isinstance(end, Death):
            self._process = None
        return end

    def _panic(self, program: Program, death: Death) -> Panic:
        """What an outcome says of a death: in words that do not change from run to run."""
        place = death.method or "no call"
        if death.method in ("call", "poke", "peek") and death.ops < len(program.ops):
            place = program.ops[death.ops].call
        where = f"{os.path.basename(self.name).partition(':')[0]}:{place}"
        lines = [line.strip() for line in death.printed.splitlines() if line.strip()]
        if undefined := _UNDEFINED.search(death.printed):
            return Panic(f"runtime error: {undefined[2]}", f"{os.path.basename(undefined[1])}:{place}")
        if death.status >= 0:
            return Panic(f"exit status {death.status} in {place}", where)
        if -death.status in _HANG:
            return Panic(f"hang in {place}", where)
        if death.status == -signal.SIGABRT and (failed := _ASSERTION.search(death.printed)):
            return Panic(
                f"abort: assertion '{failed[3]}' failed", f"{os.path.basename(failed[1])}:{failed[2] or place}"
            )
        if death.status == -signal.SIGABRT and lines:
            return Panic(f"abort in {place}: {lines[-1]}", where)
        return Panic(f"killed: {signal.Signals(-death.status).name} in {place}", where)


class _Process:
    """One forked process, and the two ends of its line."""

    told: ClassVar[str] = ""

    def __init__(self, runner: Runner, marks: Marks) -> None:
        self._marks = marks
        self._printed = os.memfd_create("printed")
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            # Threads would be those of whoever calls sysfuzz, and the child needs none of them.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid = os.fork()
        if not self._pid:
            os.close(self._out)
            os.close(self._in)
            _serve(runner, theirs_in, theirs_out, self._printed)
        os.close(theirs_in)
        os.close(theirs_out)
        self._end = os.pidfd_open(self._pid)

    def run(self, program: Program) -> Outcome | Death:
        """Have a program run. RuntimeError: sysfuzz failed at it, and not the core."""
        os.ftruncate(self._printed, 0)
        self._marks.bytes[0:2] = bytes(2)
        with suppress(BrokenPipeError):  # it has ended since the last program
            _send(self._out, pickle.dumps(program, pickle.HIGHEST_PROTOCOL))
        # A process that the core has forked may hold the line open, so the end of this one is waited for by itself.
        seconds = cpu_seconds(program) + WALL_SECONDS + _GRACE_SECONDS
        ready, _, _ = select.select([self._in, self._end], [], [], seconds)
        if not ready:
            printed = self._tell()
            self.kill()
            return Death(-signal.SIGALRM, self._marks.method, self._marks.ops, printed)
        try:
            answer = _receive(self._in) if self._in in ready else None
        except Exception as error:
            raise RuntimeError(f"its process answered what is no outcome: {type(error).__name__}: {error}") from error
        printed = self._tell()
        if answer is None:
            return Death(self._close(), self._marks.method, self._marks.ops, printed)
        if isinstance(answer, Outcome):
            return answer
        raise RuntimeError(answer)

    def kill(self) -> None:
        """End it."""
        os.kill(self._pid, signal.SIGKILL)  # it may not have come to lead its group
        self._close()

    def _close(self) -> int:
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)  # what the core has forked, as long as the number is its own
        _, status = os.waitpid(self._pid, 0)
        for descriptor in (self._in, self._out, self._end, self._printed):
            os.close(descriptor)
        return os.waitstatus_to_exitcode(status)

    def _tell(self) -> str:
        """The end of what was printed, which goes to standard error, but not twice in a row: a search runs one bug over and over."""
        size = os.fstat(self._printed).st_size
        printed = os.pread(self._printed, _SHOWN, max(0, size - _SHOWN)).decode(errors="replace")
        if printed and printed != _Process.told:
            _Process.told = printed
            sys.stderr.write(printed if printed.endswith("\n") else f"{printed}\n")
            sys.stderr.flush()
        return printed


def _serve(runner: Runner, requests: int, answers: int, printed: int) -> NoReturn:
    """The process: run what comes until nothing does any more."""
    import faulthandler
    import fcntl
    import resource

    try:
        os.setpgid(0, 0)  # what the core forks ends with this process, and is not taken for somebody else's child
        faulthandler.disable()  # its traceback would be taken for the core's last words
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # the parent's to handle; without it there is nothing to serve
        for number in _HANG:
            signal.signal(number, signal.SIG_DFL)  # whatever the parent does with them
        nothing = os.open(os.devnull, os.O_RDONLY)
        fcntl.fcntl(printed, fcntl.F_SETFL, os.O_APPEND)
        resource.setrlimit(resource.RLIMIT_FSIZE, (_PRINTED, _PRINTED))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.dup2(nothing, 0)
        os.dup2(printed, 1)
        os.dup2(printed, 2)
        # Line by line: who dies has said what he has said.
        sys.stdout = sys.stderr = open(1, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115  # for the rest of this life
        while isinstance(program := _receive(requests), Program):
            seconds = cpu_seconds(program)
            signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF, which ends the process
            signal.setitimer(signal.ITIMER_REAL, seconds + WALL_SECONDS)  # SIGALRM, which does so, too
            try:
                answer = pickle.dumps(runner.run(program), pickle.HIGHEST_PROTOCOL)
            except BaseException as error:
                answer = pickle.dumps(f"{type(error).__name__}: {error}")
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.setitimer(signal.ITIMER_PROF, 0)
            _send(answers, answer)
    finally:
        os._exit(0)


def _send(line: int, message: bytes) -> None:
    data = len(message).to_bytes(_SIZE, "little") + message
    while data:
        data = data[os.write(line, data) :]


def _receive(line: int) -> object:
    """The next message, or None if there is no whole one. Raises whatever pickle does if it is none."""
    head = _read(line, _SIZE)
    if head is None:
        return None
    size = int.from_bytes(head, "little")
    if size >= _LARGEST:
        raise pickle.UnpicklingError(f"a message that begins with {head!r}")
    data = _read(line, size)
    return None if data is None else pickle.loads(data)


def _read(line: int, count: int) -> bytes | None:
    data = b""
    while len(data) < count:
        piece = os.read(line, count - len(data))
        if not piece:
            return None
        data += piece
    return data
