"""The worker: one process that runs one job under libFuzzer until its journal's limit is reached.

Started as `python -m sysfuzz.engine.worker DIRECTORY`, never imported into a process that must go on: libFuzzer ends it. The worker looks at
no clock; the parent (`process.py`) does. What happens at each call of libFuzzer is the business of `guard.py`.
"""

import faulthandler
import gc
import json
import signal
import sys
from pathlib import Path
from typing import NoReturn

import sysfuzz
from sysfuzz.engine.assignment import Assignment
from sysfuzz.engine.driver import load_factory, run
from sysfuzz.engine.faults import FaultLog
from sysfuzz.engine.flags import flags
from sysfuzz.engine.guard import Guard
from sysfuzz.engine.journal import Journal
from sysfuzz.engine.lifeline import die_with
from sysfuzz.feedback import ahead
from sysfuzz.feedback.counters import MAP_SIZE, CounterMap
from sysfuzz.feedback.instrument import DOMAIN, Instrumentation

_MORE_OBJECTS = 20_000
_PACKAGE = Path(sysfuzz.__file__).parent


def _libfuzzer_arguments(assignment: Assignment, directory: Path) -> list[str]:
    arguments = [
        *flags(assignment.seed, assignment.max_len, assignment.rss_limit_mb),
        f"-artifact_prefix={directory}/artifacts/",
        *assignment.flags,
    ]
    if (directory / "seeds.list").stat().st_size:
        arguments.append(f"-seed_inputs=@{directory}/seeds.list")
    return [*arguments, f"{directory}/corpus"]


def main(directory: Path) -> NoReturn:
    """Build the job that assignment.json names, write layout.json, and fuzz."""
    assignment = Assignment.read(directory)
    die_with(assignment.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    counters = CounterMap()
    prepared = bool(assignment.packages) and ahead.is_prepared(_PACKAGE)
    code = bytearray()
    if assignment.packages:
        code = counters.slice(DOMAIN, assignment.code_counters, ahead.counters() if prepared else None)
    instrumentation = Instrumentation(code, assignment.packages)
    if not prepared:
        instrumentation.install()
    job = load_factory(assignment.factory)(assignment.settings, counters)
    points = ahead.points(_PACKAGE) if prepared else instrumentation.points
    counters.register()
    layout = json.dumps({"slices": dict(counters.layout()), "points": points})
    (directory / "layout.json").write_text(layout, encoding="utf-8")
    journal = Journal(directory / "journal", assignment.max_len, MAP_SIZE)
    quarantine = frozenset(map(bytes.fromhex, assignment.quarantine))
    guard = Guard(job, counters, journal, FaultLog(directory / "faults", assignment.seed), quarantine)
    # A program leaves no garbage, yet looking for some, whenever there are 700 objects more than before, took 2 to 4 % of the time. A core of
    # the user's own may leave some, so that there are collections all the same.
    gc.freeze()
    gc.set_threshold(_MORE_OBJECTS)
    journal.ready()
    if assignment.suspect is not None:
        guard.examine(bytes.fromhex(assignment.suspect))
    run(guard.execute, guard.mutate, guard.crossover, _libfuzzer_arguments(assignment, directory))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
