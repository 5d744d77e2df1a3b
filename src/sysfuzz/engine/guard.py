"""What stands between libFuzzer and the job: every call is journalled and counted, and no exception gets through.

Exceptions of the job are recorded as engine faults and the fuzzing goes on; at the journal's limit the process ends. Knows neither how the
process was started nor what a job does.
"""

import os
from typing import NoReturn

from sysfuzz.engine.driver import Job
from sysfuzz.engine.faults import FaultLog
from sysfuzz.engine.journal import Journal
from sysfuzz.feedback.counters import CounterMap

_STDERR = 2


class Guard:
    """The three calls of libFuzzer around those of the job."""

    def __init__(
        self, job: Job, counters: CounterMap, journal: Journal, faults: FaultLog, quarantine: frozenset[bytes]
    ) -> None:
        self._job = job
        self._counters = counters
        self._journal = journal
        self._faults = faults
        self._quarantine = quarantine
        self._pid = os.getpid()
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
        if os.getpid() != self._pid:  # the core has forked, and this is no worker
            os._exit(0)
        journal.end()
        if shown:
            journal.add_shown()
        if self._seeding:
            self._tally()

    def examine(self, data: bytes) -> None:
        """Have the job look into the death of the worker before this one; that is no execution of this one."""
        try:
            shown = self._job.examine(data)
        except Exception as error:
            self._fault("execute", data, error)
            shown = ()
        self._counters.clear()
        if shown:
            self._journal.add_shown()

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
