"""The whole run: which mutants are left to do, a child for each, and a file of results that a later run goes on with.

A process of its own, since it must not have imported the core: `start` makes it, `main` is its life. Results are JSON lines, each written as
soon as it is known; what is in the file is not done again, unless it survived a smaller budget or the sources have changed since.
"""

import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from sysfuzz.bench import apart
from sysfuzz.bench.lines import Appending, BadLines
from sysfuzz.bench.mutants import listing
from sysfuzz.bench.mutants.listing import Mutant
from sysfuzz.bench.mutants.results import HEAD, BadResults, Result, known
from sysfuzz.bench.mutants.trial import Effort, run
from sysfuzz.bench.nursery import Death, Record, Task, in_child, in_children
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
    names = [mutant.name for mutant in chosen]
    settings = {"out": str(out), "sources": sources, **effort._asdict(), "jobs": jobs, "mutants": names}
    return apart.start(f"{__name__}:main", settings)


def main(settings: apart.Settings) -> int:
    """The fresh process."""
    names = set(settings["mutants"])
    for module in _WARM:
        import_module(module)
    load_libfuzzer()
    chosen = [mutant for file in listing.files() for mutant in listing.mutants(file) if mutant.name in names]
    effort = Effort(settings["seed"], settings["runs"])
    try:
        with Appending(Path(settings["out"]), HEAD) as file:
            known(file.found.lines, settings["sources"], effort)  # they are ours
            file.repair()
            _run(file, chosen, effort, settings["jobs"], settings["sources"])
    except (BadLines, BadResults) as error:
        apart.tell(str(error))
        return apart.BAD_INPUT
    return 0


def _run(file: Appending, chosen: Sequence[Mutant], effort: Effort, jobs: int, sources: str) -> None:
    results = known(file.read().lines, sources, effort)
    if results.reached is None:
        _tell(f"the reference, {effort.runs:,} executions")
        file.add({"sources": sources, **effort._asdict(), **_reference(effort)})
        results = known(file.read().lines, sources, effort)
    covered = [mutant for mutant in chosen if results.covers(mutant)]
    for runs in dict.fromkeys((min(_FIRST_ROUND, effort.runs), effort.runs)):
        pending = [mutant for mutant in covered if not results.settled(mutant, runs)]
        for done, (mutant, record) in enumerate(_trials(pending, Effort(effort.seed, runs), jobs), 1):
            result = Result(mutant.name, runs, **_summary(record))
            file.add({"sources": sources, "seed": effort.seed, **result._asdict()})
            if done % 50 == 0 or done == len(pending):
                _tell(f"{runs:,} executions each: {done:,} of {len(pending):,} mutants")
        results = known(file.read().lines, sources, effort)


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


def _tell(text: str) -> None:
    apart.tell(f"{time.strftime('%H:%M:%S')} {text}")
