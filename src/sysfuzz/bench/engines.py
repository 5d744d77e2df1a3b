"""The engines that are compared: where the next input comes from, and which feedback libFuzzer is shown. All else is the same for each.

Every input, whoever made it, is bytes and takes the one way of the fuzzing job: decoded, run, its features marked, its outcome judged. A domain
that is switched off is marked like all others, and only libFuzzer does not see it, so that an execution costs the same. Each engine but afl is
deterministic for its seed. When a trial ends is not known here: `execute` leaves.
"""

import ctypes
import random
from collections.abc import Callable, Mapping
from typing import NamedTuple, NoReturn

from sysfuzz.bench import afl
from sysfuzz.bench.nursery import Warm
from sysfuzz.engine.driver import run
from sysfuzz.engine.flags import flags
from sysfuzz.engine.job import FuzzJob
from sysfuzz.engine.replay import REPLAYS, Replayed
from sysfuzz.engine.settings import CODE_COUNTERS
from sysfuzz.feedback.counters import CounterMap, load_libfuzzer
from sysfuzz.feedback.features import DOMAINS
from sysfuzz.feedback.instrument import DOMAIN as CODE
from sysfuzz.generate.fresh import fresh
from sysfuzz.program.ir import Program
from sysfuzz.program.wire import MAX_WIRE, encode
from sysfuzz.targets.table import Target

Execute = Callable[[bytes], None]  # executes one input, and does not return from the last

_RSS_LIMIT_MB = 2048
# Mean 64: of 2,000 fresh programs the median was 68 bytes. Longer ones are nothing but more ops.
_UNIFORM_BYTES = 128


class Bench(NamedTuple):
    """What an engine is given: the job on the target, the map that it marks, and a seed."""

    job: FuzzJob
    counters: CounterMap
    seed: int


class Engine(NamedTuple):
    """One way to choose inputs."""

    summary: str
    drive: Callable[[Bench, Execute], NoReturn]
    without: tuple[str, ...] = ()  # feature domains that libFuzzer is not shown
    missing: Callable[[], str] = lambda: ""  # why it cannot run here, in a line


def build(engine: Engine, warm: Warm, target: Target, seed: int) -> Bench:
    """The job as a worker has it, on `target`, which no other job has run: without a store, and with no replays but the benefit of the doubt."""
    counters = CounterMap()
    warm.attach(counters.slice(CODE, CODE_COUNTERS))
    return Bench(FuzzJob(target, counters, None, seed, 0, _believed, engine.without), counters, seed)


def _believed(program: Program, bucket: str, oracle: str) -> Replayed:
    """Replays take a process and 0.3 s; targets here are ours, and deterministic."""
    return Replayed(REPLAYS)


def _fuzz(bench: Bench, execute: Execute) -> NoReturn:
    bench.counters.register()
    run(execute, bench.job.mutate, bench.job.crossover, _flags(bench.seed))


def _atheris(bench: Bench, execute: Execute) -> NoReturn:
    """Both calls for a mutant go to libFuzzer's own mutators, crossing included, one of which LLVMFuzzerMutate takes at random."""
    bench.counters.register()
    function = load_libfuzzer()["LLVMFuzzerMutate"]
    function.argtypes, function.restype = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t], ctypes.c_size_t

    def mutate(data: bytes, max_size: int, _seed: int) -> bytes:
        buffer = ctypes.create_string_buffer(data[:max_size], max_size)
        return buffer.raw[: function(buffer, min(len(data), max_size), max_size)]

    def crossover(first: bytes, _second: bytes, max_size: int, seed: int) -> bytes:
        return mutate(first, max_size, seed)

    run(execute, mutate, crossover, _flags(bench.seed))


def _flags(seed: int) -> list[str]:
    """There is no corpus, neither to start from nor on disk: libFuzzer keeps it in memory."""
    return [*flags(seed, MAX_WIRE, _RSS_LIMIT_MB), "-exact_artifact_path=/dev/null"]


def _uniform(bench: Bench, execute: Execute) -> NoReturn:
    rng = random.Random(bench.seed)
    while True:
        execute(rng.randbytes(rng.randint(1, _UNIFORM_BYTES)))


def _generator(bench: Bench, execute: Execute) -> NoReturn:
    rng = random.Random(bench.seed)
    while True:
        execute(encode(fresh(rng)))


def _afl(bench: Bench, execute: Execute) -> NoReturn:
    afl.drive(bench.counters, bench.seed, execute)


ENGINES: Mapping[str, Engine] = {
    "full": Engine("what 'sysfuzz fuzz' does", _fuzz),
    "uniform": Engine("uniform random bytes, no feedback", _uniform),
    "generator": Engine("fresh programs, no feedback", _generator),
    "atheris": Engine("libFuzzer's own mutators of bytes, with the feedback", _atheris),
    "afl": Engine("afl-fuzz's own mutators of bytes, with the feedback", _afl, missing=afl.missing),
    **{
        f"without-{domain}": Engine(f"full, but {domain} is no feedback", _fuzz, (domain,))
        for domain in (CODE, *DOMAINS)
    },
}
