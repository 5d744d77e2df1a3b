"""Functions that tests have a nursery's warm process call; each writes what it saw to settings["out"] as JSON."""

import json
import os
from pathlib import Path

from sysfuzz.bench.nursery import in_children
from sysfuzz.bench.plan import Budget, Planned
from sysfuzz.bench.trial import run_trial
from sysfuzz.engine.settings import CODE_COUNTERS
from sysfuzz.program.text import load
from sysfuzz.targets.table import get


def look(warm, settings):
    """Marks that a program sets, the order of hashes, and the number of threads."""
    counters = bytearray(CODE_COUNTERS)
    warm.attach(counters)
    get("nosyscalls").run(load(Path(settings["program"])).program)
    write(settings, {"set": sum(counters), "hash": hash("sysfuzz"), "threads": len(os.listdir("/proc/self/task"))})
    return 5


def trials(warm, settings):
    """The records of (weakness, engine, seed, executions, seconds), run one after the other in this order."""
    wanted = [(Planned(*one[:3]), Budget(*one[3:])) for one in settings["trials"]]
    tasks = ((number, lambda report, one=one: run_trial(*one, warm, report)) for number, one in enumerate(wanted))
    results = dict(in_children(tasks, 60))
    write(settings, [results[number] for number in range(len(wanted))])
    return 0


def write(settings, value):
    Path(settings["out"]).write_text(json.dumps(value), encoding="utf-8")
