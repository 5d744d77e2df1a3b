"""libFuzzer, driven through atheris: the job that it runs, and the call that never returns.

Both ways to run a job go through here: the worker of an epoch, and a harness on its own. Knows neither what a job executes nor what
becomes of the results.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import NoReturn, Protocol

import atheris

from sysfuzz.feedback.counters import CounterMap


class Job(Protocol):
    """What libFuzzer runs. A job is deterministic: equal calls in equal order, equal effects."""

    def execute(self, data: bytes) -> Sequence[str]:
        """Run one input, set its counters, record its findings; return the buckets that it showed, known or new."""

    def mutate(self, data: bytes, max_size: int, seed: int) -> bytes:
        """Another input made from `data`, 1 to `max_size` bytes long; `seed` (32 bits) may be used for it."""

    def crossover(self, first: bytes, second: bytes, max_size: int, seed: int) -> bytes:
        """Another input made from two, 1 to `max_size` bytes long; `seed` (32 bits) may be used for it."""

    def examine(self, data: bytes) -> Sequence[str]:
        """Find out why the worker before this one has died of `data`, and record it; return the buckets that it shows.

        Asked before everything else, and only if the job runs code of the user's (EpochSettings.own).
        """

    def close(self) -> None:
        """Put on disk what is not there yet; nothing is called afterwards. Not called if the process dies, nor in a harness."""


# Called once in the process that runs the job, with the JSON-like settings and the map from which the job takes its counters.
JobFactory = Callable[[Mapping[str, object], CounterMap], Job]


def load_factory(name: str) -> JobFactory:
    """The factory named `module:attribute`. ValueError: not such a name. ImportError, AttributeError: there is none."""
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise ValueError(f"factory {name!r}; supported: module:attribute")
    factory: JobFactory = getattr(import_module(module), attribute)
    return factory


def run(
    execute: Callable[[bytes], None],
    mutate: Callable[[bytes, int, int], bytes],
    crossover: Callable[[bytes, bytes, int, int], bytes],
    argv: Sequence[str],
) -> NoReturn:
    """Hand the process to libFuzzer with the flags and directories of `argv`; register all counters before.

    An exception out of `execute` ends the process with status 77, one out of the other two aborts it.
    """
    atheris.Setup(
        list(argv),
        execute,
        custom_mutator=mutate,
        custom_crossover=crossover,
        internal_libfuzzer=True,
    )
    atheris.Fuzz()
    raise AssertionError("libFuzzer has returned")
