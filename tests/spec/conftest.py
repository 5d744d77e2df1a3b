"""Fixtures: hand-made programs and outcomes for the spec to follow."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from sysfuzz.program.ir import Mode, Op, Program
from sysfuzz.program.names import PAGE, R8, R9, R10, RAX, RCX, RDI, RDX, RSI
from sysfuzz.program.outcome import Attempt, Event, Outcome, Reply, Result, Step
from sysfuzz.spec import Expected, Page, follow

Call = tuple[Any, ...]


@pytest.fixture
def play() -> Callable[..., Expected]:
    """Follow calls given as (name, argument …); `saw` holds what the core is said to have answered where not 0."""

    def run(
        *calls: Call,
        mode: Mode = "amd64",
        saw: Mapping[int, Result] | None = None,
        events: Mapping[int, Sequence[Event]] | None = None,
    ) -> Expected:
        program = Program(mode=mode, ops=tuple(Op(call[0], tuple(call[1:])) for call in calls)).validate()
        saw, events = saw or {}, events or {}
        steps = tuple(Step(saw.get(i, 0), 1, tuple(events.get(i, ())), (), ()) for i in range(len(calls)))
        return follow(program, Outcome((), steps))

    return run


@pytest.fixture
def check(play: Callable[..., Expected]) -> Callable[..., None]:
    """Assert what `call` must answer after the calls of `setup`, and that it changes nothing if that is an errno."""

    def run(setup: Sequence[Call], call: Call, wanted: Result, mode: Mode = "amd64") -> None:
        expected = play(*setup, call, mode=mode)
        for step in expected.steps[:-1]:
            assert isinstance(step.result, int), "the setup itself must succeed"
        before = expected.steps[-2].states if setup else expected.boot
        assert expected.steps[-1].result == wanted
        if isinstance(wanted, str):
            assert expected.steps[-1].states == before

    return run


@pytest.fixture
def page() -> Callable[..., Page | None]:
    """The page of a process (the first by default) at an address in the last states of an expectation."""

    def at(expected: Expected, addr: int, pid: int = 1) -> Page | None:
        for state in expected.steps[-1].states:
            if state.pid == pid:
                return state.pages.get(addr // PAGE)
        raise AssertionError(f"no process {pid}")

    return at


@pytest.fixture
def enter() -> Callable[..., Event]:
    """A kernel entry by an instruction with opcode at `addr`, asking for `number` with `args` by its mode's ABI."""

    sizes = {"syscall": 2, "sysenter": 2, "int80": 2, "lcall7": 7, "lcall27": 7}

    def make(
        addr: int,
        number: int = 20,
        args: Sequence[int] = (),
        saw: Result = 0,
        mode: Mode = "amd64",
        gate: str = "syscall",
        **changes: Any,
    ) -> Event:
        word, count = (8, 16) if mode == "amd64" else (4, 8)
        regs = [0x1111 * (i + 1) for i in range(count)]
        regs[RAX] = number
        rest = list(args)
        if mode == "amd64":
            for register, value in zip((RDI, RSI, RDX, R10, R8, R9), args, strict=False):
                regs[register] = value
            rest = rest[6:]
        stack = b"".join(value.to_bytes(word, "little") for value in rest)
        size = sizes[gate]
        if gate == "syscall":
            regs[RCX] = addr + size
        attempt = Attempt(
            gate=gate,
            vector=-1,
            start=addr,
            opcode=addr,
            size=size,
            bits=64 if mode == "amd64" else 32,
            base=0,
            pc=0 if gate == "sysenter" else addr + size,
            regs=tuple(regs),
            flags=0x202,
            stack=stack.ljust(64, b"\0"),
        )
        return Event("enter", addr, attempt._replace(**changes), Reply(result=saw))

    return make
