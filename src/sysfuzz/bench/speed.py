"""How fast the pipeline is, against the bare emulator in the same run, and where the time goes.

The compiled sources, if there are any, are measured by this same file in a process that imports them.

Machines differ and are noisy, so that the figure that means something is the ratio of two loops that were timed in turn. The stages are timed
one by one over the inputs that a real epoch has kept; what libFuzzer itself costs is the rest.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from sysfuzz.engine import accelerator
from sysfuzz.engine.epoch import run_epoch
from sysfuzz.engine.settings import CORE, FACTORY, EpochSettings
from sysfuzz.feedback.counters import CounterMap
from sysfuzz.feedback.features import Features
from sysfuzz.generate.mutate import mutate
from sysfuzz.machine.cpu import Machine
from sysfuzz.machine.memory import GuestMemory
from sysfuzz.oracles import judge
from sysfuzz.program.ir import Op, Program
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import Outcome
from sysfuzz.program.wire import decode, encode
from sysfuzz.targets.table import Target, get

_CODE_AT = 0x10000
_STACK_AT = 0x20000
_BLOCKS = 20  # of a bare run, as in the measurements that it is compared with
_CODE_BYTES = 64
_BARE_RUNS = 20_000
_PASSES = 5  # over the sample, in turn with the bare loop; the median is quoted
_PROTECTION = 7


class Stage(NamedTuple):
    """One part of the pipeline: microseconds an execution, the median over the passes."""

    name: str
    microseconds: float


class Speed(NamedTuple):
    """What was measured."""

    pipeline: float  # executions per second of a whole epoch, from its start to its end
    bare: float  # runs per second of the bare emulator loop
    stages: tuple[Stage, ...]
    corpus: int  # inputs that the stages were timed on
    executions: int  # of the epoch


def bare_loop(seed: int, runs: int = _BARE_RUNS) -> float:
    """Runs per second of the machine alone: code on a fresh page each time, a few instructions, ended by a system call; no kernel, no oracle."""
    rng = random.Random(seed)
    memory = GuestMemory()
    machine = Machine("amd64", "amd", memory)
    codes = [_bare_code(rng) for _ in range(64)]
    pages: dict[int, int] = {}

    def fill(vaddr: int, _access: str) -> tuple[int, int] | None:
        paddr = pages.get(vaddr)
        return None if paddr is None else (paddr, _PROTECTION)

    started = time.perf_counter()
    for number in range(runs):
        memory.rewind()
        pages = {_CODE_AT: memory.allocate(), _STACK_AT: memory.allocate()}
        memory.write(pages[_CODE_AT], codes[number % len(codes)])
        machine.begin(fill)
        machine.start(_CODE_AT, _STACK_AT + PAGE - 64, (), _BLOCKS)
        machine.go()
    return runs / (time.perf_counter() - started)


def _bare_code(rng: random.Random) -> bytes:
    """Five to eleven register moves (`mov eax, imm32`), increments and NOPs, then SYSCALL, in 64 bytes."""
    code = b"".join(
        rng.choice((b"\xb8" + rng.randbytes(4), b"\x48\xff\xc0", b"\x90")) for _ in range(rng.randint(5, 11))
    )
    return (code + b"\x0f\x05").ljust(_CODE_BYTES, b"\x90")


def measure(target: str, runs: int, seed: int) -> Speed:
    """Time an epoch of `runs` executions of a built-in `target`, and then its stages in turn with the bare loop."""
    epoch = run_epoch(EpochSettings(factory=FACTORY, job={"target": target}, packages=(CORE,), runs=runs, seed=seed))
    programs = [decode(data) for data in epoch.inputs]
    bare: list[float] = []
    passes: list[list[float]] = []
    for number in range(_PASSES):
        bare.append(bare_loop(seed + number))
        passes.append(_stage_times(programs, get(target), seed + number))
    names = ("mutate", "encode and decode", "core alone", "core and CPU", "features", "spec and oracles")
    columns = [median(column) for column in zip(*passes, strict=True)]
    stages = tuple(Stage(name, value) for name, value in zip(names, columns, strict=True))
    return Speed(epoch.executions / epoch.seconds, median(bare), stages, len(programs), epoch.executions)


def measure_compiled(target: str, runs: int, seed: int) -> Speed | None:
    """The same with the compiled sources; None if there are none."""
    home = accelerator.ready()
    if home is None:
        return None
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(home), *filter(None, sys.path)])}
    command = [sys.executable, "-P", "-m", __name__, target, str(runs), str(seed)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    record = json.loads(done.stdout)
    return Speed(**record | {"stages": tuple(Stage(*stage) for stage in record["stages"])})


def _stage_times(programs: Sequence[Program], target: Target, seed: int) -> list[float]:
    """Microseconds a program of each stage, in the order of the pipeline."""
    rng = random.Random(seed)
    features = Features(CounterMap())
    pairs = [(program, target.run(program)) for program in programs]  # also warms everything up
    stages: tuple[Callable[[Program, Outcome], object], ...] = (
        lambda program, _: mutate(program, rng),
        lambda program, _: decode(encode(program)),
        lambda program, _: target.run(_without_runs(program)),
        lambda program, _: target.run(program),
        features.mark,
        judge,
    )
    times = []
    for stage in stages:
        started = time.perf_counter()
        for program, outcome in pairs:
            stage(program, outcome)
        times.append((time.perf_counter() - started) / len(programs) * 1e6)
    return times


_NOTHING = Op("peek", (0, 1))  # the first page is never mapped: the cheapest op there is


def _without_runs(program: Program) -> Program:
    """The program with a cheap op in the place of each run, so that only the calls cost and all references stay right."""
    ops = tuple(_NOTHING if op.call == "run" else op for op in program.ops)
    return Program(program.mode, program.vendor, program.regs, ops)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))._asdict()))
