"""afl-fuzz as a peer: its mutators of bytes and its scheduling, with our feedback, on the same job in the same process.

afl-fuzz starts a program and speaks with it over two pipes and two pieces of shared memory. Here that program is a relay, which hands the pipes
to the process of the trial and waits: an execution costs what it costs every other engine, and a turn of the pipes. Our counters are afl's map,
its settings its defaults, without a dictionary. A guard ends afl-fuzz with the trial, and removes what it wrote. afl-fuzz measures speed, and
its choices depend on that: of all engines this one alone is not deterministic.

unicornafl is no peer. Its feedback are the blocks of the emulated code, which is the input here, and nothing of the core.
"""

import ctypes
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple, NoReturn

from sysfuzz.feedback.counters import CounterMap
from sysfuzz.program.wire import MAX_WIRE

_PROGRAM = "afl-fuzz"
_MAX_INPUT = MAX_WIRE
# libFuzzer without a corpus tries nothing at all and then this; afl-fuzz wants a file that is not empty.
_FIRST_INPUT = b"\n"
# No limit of memory, and 60 s for an input: it is the trial that has a budget.
_FLAGS = ("-G", str(_MAX_INPUT), "-m", "none", "-t", "60000")

# afl-fuzz of version 4, include/types.h and config.h: the descriptors of the pipes, and what the first message may say.
_CONTROL, _STATUS = 198, 199
_EXTENDED, _SIZED, _SHARED_INPUT = 0x80000001, 0x40000000, 0x01000000
_MAP_ID, _INPUT_ID = "__AFL_SHM_ID", "__AFL_SHM_FUZZ_ID"
_WORD = 4

_IN_MEMORY = "/dev/shm"  # afl-fuzz writes a file for each input that it keeps; libFuzzer in a trial writes none
_PATIENCE = 10.0  # seconds for afl-fuzz to leave by itself, which gives its shared memory back
_LAST_WORDS = 2000  # bytes
_MESSAGE = 64  # bytes: three numbers

_ENVIRONMENT = {
    "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1",  # what the system does with core files is nothing to us
    "AFL_NO_AFFINITY": "1",
    "AFL_NO_UI": "1",
    "AFL_SKIP_BIN_CHECK": "1",  # the relay is an interpreter without afl's instrumentation
    "AFL_SKIP_CPUFREQ": "1",
}

# The program that afl-fuzz starts, without anything of ours so that it starts fast. argv: the descriptor of the socket to the trial.
_RELAY = f"""\
import os, socket, sys
trial = socket.socket(fileno=int(sys.argv[1]))
message = " ".join([os.environ["{_MAP_ID}"], os.environ["{_INPUT_ID}"], str(os.getpid())])
socket.send_fds(trial, [message.encode()], [{_CONTROL}, {_STATUS}])
os.close({_CONTROL})
os.close({_STATUS})
trial.recv(1)
"""


class AflError(Exception):
    """afl-fuzz could not start, or has ended; its own words are on standard error."""


def missing() -> str:
    """Why there can be no trial with afl-fuzz here, in a line; "" if there can."""
    if shutil.which(_PROGRAM) is None:
        return f"{_PROGRAM} is not installed; supported: AFL++ 4, as in apt install afl++"
    return ""


def version() -> str:
    """The version of afl-fuzz as its help says it, as in 4.04c; "" if there is none."""
    if missing():
        return ""
    said = subprocess.run([_PROGRAM, "-h"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    match = re.search(r"\+\+([0-9][0-9A-Za-z.]*)", said.stdout)
    return match[1] if match else ""


def drive(counters: CounterMap, seed: int, execute: Callable[[bytes], object]) -> NoReturn:
    """Execute what afl-fuzz comes up with until `execute` does not return; the counters are its feedback, cleared before each input.

    Raises AflError, and whatever `execute` raises. afl-fuzz ends with this process.
    """
    relay = _start(seed)
    channel = _Channel.accept(relay)
    slices = list(counters.audible().values())
    view = channel.greet(sum(map(len, slices)))
    ends = list(accumulate(map(len, slices)))
    pieces = [(view[end - len(counter) : end], counter) for counter, end in zip(slices, ends, strict=True)]
    while True:
        data = channel.next()
        counters.clear()
        execute(data)
        for piece, counter in pieces:
            piece[:] = counter
        channel.done()


def _start(seed: int) -> socket.socket:
    """Start the guard, which starts afl-fuzz, which starts the relay; the socket to the last. They see at it when this process ends."""
    ours, theirs = socket.socketpair()
    with theirs:
        descriptor = theirs.fileno()
        subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, str(descriptor), str(seed)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join([path or os.getcwd() for path in sys.path])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[descriptor],
            start_new_session=True,  # Ctrl-C is not for it: it has to clean up
        )
    return ours


class _Channel(NamedTuple):
    """The trial's side of what afl-fuzz shares with the program that it has started."""

    relay: socket.socket  # kept, as its end is this process's
    control: int
    status: int
    map: int  # address
    input: memoryview  # four bytes of length, and the input
    process: bytes  # the relay's id: who afl-fuzz takes for the one that executes, and kills

    @classmethod
    def accept(cls, relay: socket.socket) -> "_Channel":
        """Wait for the relay."""
        message, pipes, _, _ = socket.recv_fds(relay, _MESSAGE, 2)
        if len(pipes) != 2:
            raise AflError(f"{_PROGRAM} has not started")
        map_id, input_id, process = map(int, message.split())
        room = _view(_attach(input_id), _WORD + _MAX_INPUT)
        return cls(relay, pipes[0], pipes[1], _attach(map_id), room, process.to_bytes(_WORD, sys.byteorder))

    def greet(self, size: int) -> memoryview:
        """Say that the map has `size` counters and that the input comes in shared memory; the map."""
        hello = _EXTENDED | _SIZED | _SHARED_INPUT | (size - 1) << 1
        os.write(self.status, hello.to_bytes(_WORD, sys.byteorder))
        self._read()  # it agrees
        return _view(self.map, size)

    def next(self) -> bytes:
        """Wait for an input."""
        self._read()  # whether the last one took too long, which none does
        os.write(self.status, self.process)
        length = int.from_bytes(self.input[:_WORD], sys.byteorder)
        return bytes(self.input[_WORD : _WORD + length])

    def done(self) -> None:
        """The map is set. That is all: what a trial detects ends it, so nothing ever is a crash to afl-fuzz."""
        os.write(self.status, bytes(_WORD))

    def _read(self) -> None:
        if len(os.read(self.control, _WORD)) != _WORD:
            raise AflError(f"{_PROGRAM} has ended")


def _view(address: int, size: int) -> memoryview:
    return memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")


def _attach(identity: int) -> int:
    """The address of a piece of System V shared memory."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype, libc.shmat.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
    address: int = libc.shmat(identity, None, 0)
    if address == ctypes.c_void_p(-1).value:
        raise AflError(f"shared memory {identity}: {os.strerror(ctypes.get_errno())}")
    return address


def guard(trial: socket.socket, seed: int) -> None:
    """Run afl-fuzz until it ends or the trial, at the other end of the socket, does; leave nothing. What it said goes to standard error."""
    in_memory = "TMPDIR" not in os.environ and os.access(_IN_MEMORY, os.W_OK | os.X_OK)
    place = tempfile.TemporaryDirectory(prefix="sysfuzz-afl-", dir=_IN_MEMORY if in_memory else None)
    with place as name, Path(name, "log").open("w+b") as log:
        Path(name, "in").mkdir()
        Path(name, "in", "first").write_bytes(_FIRST_INPUT)
        relay = [sys.executable, "-I", "-S", "-c", _RELAY, str(trial.fileno())]
        process = subprocess.Popen(
            [_PROGRAM, "-i", f"{name}/in", "-o", f"{name}/out", "-s", str(seed), *_FLAGS, "--", *relay],
            env=os.environ | _ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[trial.fileno()],
        )
        with process:
            ready, _, _ = select.select([trial.fileno(), os.pidfd_open(process.pid)], [], [])
            if trial.fileno() not in ready:
                log.seek(0)
                sys.stderr.buffer.write(log.read()[-_LAST_WORDS:])
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


if __name__ == "__main__":
    guard(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
