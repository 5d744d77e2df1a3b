"""The worker: one process that runs one job under libFuzzer until its journal's limit is reached.

Started as `python -m sysfuzz.engine.worker DIRECTORY`, never imported into a process that must go on: libFuzzer ends it. Exceptions of the
job are recorded as engine faults and the fuzzing goes on. The worker looks at no clock; the parent (`process.py`) does.
"""

import ctypes
import faulthandler
import json
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import sysfuzz
from sysfuzz.engine.assignment import Assignment
from sysfuzz.engine.driver import Job, load_factory, run
from sysfuzz.engine.faults import FaultLog
from sysfuzz.engine.journal import Journal
from sysfuzz.feedback import ahead
from sysfuzz.feedback.counters import MAP_SIZE, CounterMap
from sysfuzz.feedback.instrument import DOMAIN, Instrumentation

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_STDERR = 2
_PACKAGE = Path(sysfuzz.__file__).parent


class Worker:
    """The three calls of libFuzzer around those of the job."""

    def __init__(
        self, job: Job, counters: CounterMap, journal: Journal, faults: FaultLog, quarantine: frozenset[bytes]
    ) -> None:
        self._job = job
        self._counters = counters
        self._journal = journal
        self._faults = faults
        self._quarantine = quarantine
        self._seeding = True  # libFuzzer executes the corpus that it was given, and has not asked for a mutant yet
        self._position = 0

    def execute(self, data: bytes) -> None:
        """Execute one input, unless the limit is reached: then leave."""
        if self._quarantine and data in self._quarantine:
            return
        journal = self._journal
        if not journal.begin(data):
            self._leave()
        try:
            shown = self._job.execute(data)
        except BaseException as error:  # a SystemExit would end the worker like any other
            self._fault("execute", data, error)
            self._counters.clear()  # half an execution is no behaviour to keep an input for
            shown = ()
        journal.end()
        if shown:
            journal.add_shown()
        if self._seeding:
            self._tally()

    def mutate(self, data: bytes, max_size: int, seed: int) -> bytes:
        """A mutant; `data` itself if the job fails."""
        self._look()
        try:
            return _checked(self._job.mutate(data, max_size, seed), max_size)
        except Exception as error:
            self._fault("mutate", data, error)
            return data[:max_size]

    def crossover(self, first: bytes, second: bytes, max_size: int, seed: int) -> bytes:
        """A cross of two; the first itself if the job fails."""
        self._look()
        try:
            return _checked(self._job.crossover(first, second, max_size, seed), max_size)
        except Exception as error:
            self._fault("crossover", first, error)
            return first[:max_size]

    def _leave(self) -> NoReturn:
        """End the process. libFuzzer, which would go on, has written every input that it keeps; atexit handlers it would not run."""
        try:
            self._job.close()
        except Exception as error:
            self._fault("close", b"", error)
        os._exit(0)

    def _look(self) -> None:
        """Tally the counters if libFuzzer has printed a line since the last look.

        It prints one for each new input, and still has that input's counters in the map while it asks for the next. The log is a file,
        so its position tells for 0.3 us what comparing the counters at each execution would tell for 8.
        """
        position = os.lseek(_STDERR, 0, os.SEEK_CUR)
        if position != self._position:
            self._position = position
            self._seeding = False
            self._tally()

    def _tally(self) -> None:
        self._counters.tally()
        self._journal.publish(self._counters.seen())

    def _fault(self, kind: str, data: bytes, error: BaseException) -> None:
        self._journal.add_fault()
        self._faults.record(kind, data, error)


def _checked(mutant: bytes, max_size: int) -> bytes:
    if len(mutant) > max_size:
        raise ValueError(f"a mutant of {len(mutant)} bytes; at most {max_size} were asked for")
    return mutant


def _libfuzzer_arguments(assignment: Assignment, directory: Path) -> list[str]:
    arguments = [
        "sysfuzz",
        f"-seed={1 + assignment.seed % 0x7FFF_FFFF}",  # an int of C; 0 would mean the time of day
        f"-max_len={assignment.max_len}",
        "-len_control=0",  # length is no measure of a structured input
        "-reload=0",  # nobody else writes into the corpus, and when it is read again would depend on the clock
        f"-rss_limit_mb={assignment.rss_limit_mb}",
        "-timeout=1000000",  # the parent watches, to the second; 0 would mean at once
        "-detect_leaks=0",
        f"-artifact_prefix={directory}/artifacts/",
        # Signals kill, with a traceback in the log, and the parent sees which one.
        *(f"-handle_{name}=0" for name in ("abrt", "bus", "fpe", "ill", "int", "segv", "term", "usr1", "usr2", "xfsz")),
        *assignment.flags,
    ]
    if (directory / "seeds.list").stat().st_size:
        arguments.append(f"-seed_inputs=@{directory}/seeds.list")
    return [*arguments, f"{directory}/corpus"]


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, however that happens."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended already
        os._exit(1)


def main(directory: Path) -> NoReturn:
    """Build the job that assignment.json names, write layout.json, and fuzz."""
    assignment = Assignment.read(directory)
    _die_with(assignment.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    counters = CounterMap()
    code = counters.slice(DOMAIN, assignment.code_counters) if assignment.packages else bytearray()
    instrumentation = Instrumentation(code, assignment.packages)
    prepared = bool(assignment.packages) and ahead.is_prepared(_PACKAGE)
    if not prepared:
        instrumentation.install()
    job = load_factory(assignment.factory)(assignment.settings, counters)
    points = ahead.attach(_PACKAGE, code) if prepared else instrumentation.points
    counters.register()
    layout = json.dumps({"slices": dict(counters.layout()), "points": points})
    (directory / "layout.json").write_text(layout, encoding="utf-8")
    journal = Journal(directory / "journal", assignment.max_len, MAP_SIZE)
    quarantine = frozenset(map(bytes.fromhex, assignment.quarantine))
    worker = Worker(job, counters, journal, FaultLog(directory / "faults", assignment.seed), quarantine)
    journal.ready()
    run(worker.execute, worker.mutate, worker.crossover, _libfuzzer_arguments(assignment, directory))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
