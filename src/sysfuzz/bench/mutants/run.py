"""The whole run: which mutants are left to do, a child for each, and a file of results that a later run goes on with.

A process of its own, since it must not have imported the core: `start` makes it, `main` is its life. Results are JSON lines, each written as
soon as it is known; what is in the file is not done again, unless it survived a smaller budget or the sources have changed since.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, NoReturn

from sysfuzz.bench.mutants import listing
from sysfuzz.bench.mutants.listing import Mutant
from sysfuzz.bench.mutants.results import Result, cut, read
from sysfuzz.bench.mutants.trial import Effort, run
from sysfuzz.bench.nursery import Death, Record, Task, in_child, in_children
from sysfuzz.engine.lifeline import die_with
from sysfuzz.feedback.counters import load_libfuzzer

# What a trial needs and what imports no core: imported once.
_WARM = (
    "sysfuzz.engine.driver",
    "sysfuzz.feedback.features",
    "sysfuzz.findings.store",
    "sysfuzz.generate.fresh",
    "sysfuzz.generate.mutate",
    "sysfuzz.oracles",
    "sysfuzz.x86.decode",
    "unicorn.unicorn",
)
# Executions. Of 155 mutants that 1,500 killed, 800 had killed nine in ten: cut short, a run has told most of it.
_FIRST_ROUND = 2000
_SLOWEST = 50  # executions a second, a fiftieth of what the reference makes on an idle machine; whoever is slower hangs
_START_SECONDS = 60.0


def start(out: Path, chosen: Sequence[Mutant], effort: Effort, jobs: int, sources: str) -> int:
    """Run the chosen mutants in a fresh process that appends to `out`, as results of `sources`, a digest; its exit code.

    It tells on standard error how far it is.
    """
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([path or os.getcwd() for path in sys.path]),
        "PYTHONHASHSEED": "0",  # as a worker
    }
    command = [
        sys.executable,
        "-P",
        "-c",
        f"from {__name__} import main; main()",
        str(out),
        sources,
        str(effort.seed),
        str(effort.runs),
        str(jobs),
    ]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, text=True)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the other's business
    try:
        process.communicate("\n".join(mutant.name for mutant in chosen))
        return process.returncode
    finally:
        process.kill()  # nothing, if it has ended
        signal.signal(signal.SIGINT, before)


def main() -> NoReturn:
    """The fresh process: names of mutants on standard input, the rest in sys.argv."""
    die_with(os.getppid())
    out, sources = Path(sys.argv[1]), sys.argv[2]
    seed, runs, jobs = map(int, sys.argv[3:])
    names = set(sys.stdin.read().split("\n"))
    for module in _WARM:
        import_module(module)
    load_libfuzzer()
    chosen = [mutant for file in listing.files() for mutant in listing.mutants(file) if mutant.name in names]
    try:
        out.touch()
        cut(out)
        with out.open("a", encoding="utf-8") as file:
            _run(out, file, chosen, Effort(seed, runs), jobs, sources)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    sys.exit(0)


def _run(out: Path, file: IO[str], chosen: Sequence[Mutant], effort: Effort, jobs: int, sources: str) -> None:
    known = read(out, sources, effort)
    if known.reached is None:
        _tell(f"the reference, {effort.runs:,} executions")
        _append(file, {"sources": sources, **effort._asdict(), **_reference(effort)})
        known = read(out, sources, effort)
    covered = [mutant for mutant in chosen if known.covers(mutant)]
    for runs in dict.fromkeys((min(_FIRST_ROUND, effort.runs), effort.runs)):
        pending = [mutant for mutant in covered if not known.settled(mutant, runs)]
        for done, (mutant, record) in enumerate(_trials(pending, Effort(effort.seed, runs), jobs), 1):
            result = Result(mutant.name, runs, **_summary(record))
            _append(file, {"sources": sources, "seed": effort.seed, **result._asdict()})
            if done % 50 == 0 or done == len(pending):
                _tell(f"{runs:,} executions each: {done:,} of {len(pending):,} mutants")
        known = read(out, sources, effort)


def _reference(effort: Effort) -> Record:
    result = in_child(lambda report: run(None, effort, report), _seconds(effort))
    if isinstance(result, Death):
        raise RuntimeError(f"the reference: {result.detail}\n{result.words}")
    if result["end"] != "survived":
        raise RuntimeError(f"the reference shows a bug: {result}")
    return result


def _trials(pending: Sequence[Mutant], effort: Effort, jobs: int) -> Iterator[tuple[Mutant, Record | Death]]:
    return in_children(((mutant, _task(mutant, effort)) for mutant in pending), _seconds(effort), jobs)


def _task(mutant: Mutant, effort: Effort) -> Task:
    return lambda report: run(mutant, effort, report)


def _seconds(effort: Effort) -> float:
    return _START_SECONDS + effort.runs / _SLOWEST


def _summary(record: Record | Death) -> Record:
    if isinstance(record, Death):
        hangs = record.how == "timeout" or record.detail == "SIGPROF"
        return {"end": "hang" if hangs else "died", "detail": record.detail}
    return record


def _append(file: IO[str], record: Mapping[str, object]) -> None:
    file.write(json.dumps(record) + "\n")
    file.flush()


def _tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
