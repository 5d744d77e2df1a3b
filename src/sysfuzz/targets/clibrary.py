"""Libraries of cores written in C: `--target ./libcore.so`.

Opening one says in one line what is wrong with it. In the process of a worker the core runs as it is, for speed, and the worker dies with it;
everywhere else it runs in a process of its own (`contained`). What is passed to and fro is the business of `ccore`.
"""

import ctypes
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from sysfuzz.kernel.protocol import Core, KernelPanic, Memory
from sysfuzz.program.ir import Mode, Program
from sysfuzz.program.outcome import PANIC, Outcome, Panic, Step
from sysfuzz.spec.promise import REFERENCE
from sysfuzz.targets.ccore import CCore, Host
from sysfuzz.targets.contained import cpu_seconds
from sysfuzz.targets.declared import DeclarationError, declared
from sysfuzz.targets.emulated import EmulatedTarget
from sysfuzz.targets.marks import Marks

ABI = 1  # SYSFUZZ_ABI of harnesses/c/sysfuzz_core.h
SUMMARY = "a core in C of your own"

_STDERR = 2

_POINTER, _U32, _U64, _I64, _TEXT = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_int64, ctypes.c_char_p
# What a library must offer: result and arguments, the core being the first but for abi and boot.
_FUNCTIONS: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "sysfuzz_abi": (_U32, ()),
    "sysfuzz_boot": (_POINTER, (_POINTER, _U32)),
    "sysfuzz_destroy": (None, (_POINTER,)),
    "sysfuzz_call": (_I64, (_POINTER, _U32, _U32, _TEXT, _POINTER, _U32)),
    "sysfuzz_enter": (None, (_POINTER, _U32, _U32, _POINTER, _POINTER)),
    "sysfuzz_fault": (None, (_POINTER, _U32, _U32, _POINTER, _U32, _U64, _POINTER)),
    "sysfuzz_fill": (_U64, (_POINTER, _U32, _U64, _U32)),
    "sysfuzz_poke": (_I64, (_POINTER, _U32, _U64, _TEXT, _U64)),
    "sysfuzz_peek": (_I64, (_POINTER, _U32, _U64, _POINTER, _U64)),
    "sysfuzz_alive": (_U32, (_POINTER, _U32, _U32)),
    "sysfuzz_sysenter_enabled": (_U32, (_POINTER, _U32)),
    "sysfuzz_segments": (_U32, (_POINTER, _U32, _POINTER, _U32)),
    "sysfuzz_views": (_U32, (_POINTER, _POINTER, _U32, _POINTER, _U32)),
    "sysfuzz_transitions": (_TEXT, (_POINTER,)),
    "sysfuzz_check": (_TEXT, (_POINTER,)),
}
# What it may offer.
_OPTIONAL: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "sysfuzz_promise": (_TEXT, ()),
    "sysfuzz_unsupported": (_TEXT, ()),
    "sysfuzz_guard": (_U32, (_POINTER, _U32, _POINTER, _U32)),
}


class LibraryError(ValueError):
    """The file is no library with a core; the message says what is supported."""


class Library:
    """One library, opened. It has one core at a time."""

    def __init__(self, name: str) -> None:
        """Open the file. Raises LibraryError."""
        path = Path(os.path.realpath(name))  # Path.resolve raises at a link to itself
        if not path.is_file():
            raise LibraryError(
                f"{name}: no such file; supported: a shared library built with harnesses/c/sysfuzz_core.h"
            )
        try:
            self._functions = ctypes.CDLL(str(path))
        except OSError as error:
            why = str(error).removeprefix(f"{path}: ")
            raise LibraryError(f"{name}: {why}; supported: a shared library for this machine") from error
        for symbol, (result, arguments) in _FUNCTIONS.items():
            function = getattr(self._functions, symbol, None)
            if function is None:
                hint = "; one file must define SYSFUZZ_IMPLEMENTATION" if symbol == "sysfuzz_abi" else ""
                raise LibraryError(f"{name}: no symbol {symbol}; supported: all of harnesses/c/sysfuzz_core.h{hint}")
            function.restype, function.argtypes = result, arguments
        for symbol, (result, arguments) in _OPTIONAL.items():
            function = getattr(self._functions, symbol, None)
            if function is not None:
                function.restype, function.argtypes = result, arguments
        version = self._functions.sysfuzz_abi()
        if version != ABI:
            raise LibraryError(f"{name}: built for version {version} of sysfuzz_core.h; supported: {ABI}")
        try:
            self.promise = declared(self._word("promise") or REFERENCE.name, self._word("unsupported").split())
        except DeclarationError as error:
            raise LibraryError(f"{name}: {error}") from error
        self.marks = Marks()
        self._host = Host()
        self._core: CCore | None = None

    def boot(self, mode: Mode, memory: Memory) -> Core:
        """Implements kernel.protocol.Boot."""
        self.release()
        self._core = CCore(self._functions, self._host, self.marks, mode, memory)
        return self._core

    def release(self) -> None:
        """Destroy the core. Raises KernelPanic."""
        core, self._core = self._core, None
        if core is not None:
            core.destroy()

    def _word(self, what: str) -> str:
        """What the library says about itself; "" if it does not."""
        ask = getattr(self._functions, f"sysfuzz_{what}", None)
        return "" if ask is None else (ask() or b"").decode(errors="replace")

    def counters(self) -> Iterator[tuple[int, int]]:
        """Where the library counts its branches, as (address, number of bytes); known once a core has been booted."""
        find = getattr(self._functions, "sysfuzz_counters", None)
        if find is None:
            return
        start, stop = ctypes.c_void_p(), ctypes.c_void_p()
        index = 0
        while find(_U32(index), ctypes.byref(start), ctypes.byref(stop)):
            yield start.value or 0, (stop.value or 0) - (start.value or 0)
            index += 1


class LibraryTarget:
    """A core in C in this very process, which it can take along: by a crash, an exit, or more CPU time than a program needs."""

    def __init__(self, name: str, *, quiet: bool = False) -> None:
        """Open the library. `quiet`: what the core writes to standard error is lost. Raises LibraryError."""
        self.name = name
        self.summary = SUMMARY
        self.library = Library(name)
        self.promise = self.library.promise
        self._target = EmulatedTarget(name, SUMMARY, self.library.boot, self.promise)
        self._quiet = (os.dup(_STDERR), os.open(os.devnull, os.O_WRONLY)) if quiet else None

    def run(self, program: Program) -> Outcome:
        """Run a valid program, and destroy its core."""
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds(program))  # SIGPROF, which ends the process
        if self._quiet:
            os.dup2(self._quiet[1], _STDERR)
        try:
            outcome = self._released(self._target.run(program))
        finally:
            if self._quiet:
                os.dup2(self._quiet[0], _STDERR)
            signal.setitimer(signal.ITIMER_PROF, 0)
        _reap()
        return outcome if outcome.panic is None else self._placed(outcome, outcome.panic, program)

    def _released(self, outcome: Outcome) -> Outcome:
        """Destroy the core; a panic in that is one of the program."""
        try:
            self.library.release()
        except KernelPanic as error:
            if outcome.panic is None:
                steps = (*outcome.steps, Step(PANIC, 1, (), (), ()))
                return outcome._replace(steps=steps, panic=Panic(str(error), f"{CCore.__module__}:destroy"))
        return outcome

    def _placed(self, outcome: Outcome, panic: Panic, program: Program) -> Outcome:
        """Name a place in the library, not one in the adapter, which knows no more than the op."""
        if not panic.where.startswith(f"{CCore.__module__}:"):
            return outcome
        op = len(outcome.steps) - 1
        place = program.ops[op].call if 0 <= op < len(program.ops) else "core"
        return outcome._replace(panic=panic._replace(where=f"{Path(self.name).name}:{place}"))

    def counters(self) -> Iterator[tuple[int, int]]:
        """See Library; boots a core to know."""
        self.run(Program())
        return self.library.counters()


def _reap() -> None:
    """Forget the children that the core has forked and that are gone."""
    try:
        while os.waitpid(0, os.WNOHANG)[0]:  # of this process group: whatever sysfuzz starts leads a group of its own
            pass
    except ChildProcessError:
        pass
