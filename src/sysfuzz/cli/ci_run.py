"""The work of `sysfuzz ci`: what is known is read, and one target after the other is put to the test.

A target's golden programs and known findings come first, since they say most for the least time; then it is fuzzed. Everything that shows
itself is in the run's own store afterwards. What it means is the business of `ci_outcome`.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from sysfuzz.ci import change
from sysfuzz.ci.base import Base, BaseError, of_revision, of_store
from sysfuzz.ci.change import Checked
from sysfuzz.cli.corpora import Corpus
from sysfuzz.cli.display import Display
from sysfuzz.cli.errors import BadInput, bad_input, engine_fault
from sysfuzz.cli.inputs import choose_target, programs_below, read_program
from sysfuzz.cli.running import located
from sysfuzz.cli.session import Session
from sysfuzz.engine import accelerator
from sysfuzz.engine.epoch import run_epoch
from sysfuzz.engine.process import EngineError
from sysfuzz.engine.replayer import Replayer
from sysfuzz.engine.settings import FACTORY, HANG_SECONDS, NATIVE_HANG_SECONDS, EpochSettings
from sysfuzz.engine.survey import packages_of
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.store import Entry, Store
from sysfuzz.program.golden import Golden, StatesNothing, golden
from sysfuzz.program.text import TextError
from sysfuzz.targets.table import Target, is_library, is_own


class Budget(NamedTuple):
    """How each target is fuzzed: until the one or the other is used up."""

    seconds: float | None
    runs: int | None
    seed: int
    workers: int


class Run(NamedTuple):
    """What the run of one target came to."""

    target: str
    executions: int  # of fuzzing
    seconds: float
    seed: int
    checked: tuple[Checked, ...]
    gone: tuple[Entry, ...]  # open findings whose programs do not show them any more
    faults: int  # of the engine; they have been told
    whole: bool  # nobody has ended it before all golden programs and known findings were run, and fuzzing began


def base_of(known: Path, revision: str | None) -> Base:
    """What was known, at a revision or now."""
    try:
        with bad_input(StoreError):
            return of_store(known) if revision is None else of_revision(known, revision)
    except BaseError as error:
        raise BadInput(str(error) if revision is None else f"--base: {error}") from error


def known_findings(known: Path) -> tuple[Entry, ...]:
    """The findings that lie in the store now, whose programs are run again."""
    with bad_input(StoreError):
        listing = Store(known).entries()
    if listing.damaged:
        raise BadInput("\n".join(listing.damaged))
    return listing.entries


def stated_programs(given: Path | None, default: Path) -> list[Golden]:
    """The golden programs below `given`, or below `default` if that is there."""
    directory = given or default
    if not directory.is_dir():
        if given is not None:
            raise BadInput(f"--regressions: {directory}: no such directory")
        return []
    with bad_input(TextError, StatesNothing):
        return [golden(read_program(path)) for path in programs_below(directory)]


def of_target(stated: Golden, target: str) -> bool:
    """Whether a golden program is to be run on a target: it names that, or none."""
    named = choose_target(None, stated.source)
    return named.name == target or named.where == "--target"  # where the name stands: in no file


def run_target(
    target: Target,
    store: Store,
    stated: Iterable[Golden],
    known: Iterable[Entry],
    corpus: Corpus,
    budget: Budget,
    session: Session,
    shown: Display,
    interrupted: Callable[[], bool],
) -> Run:
    """Replay what is known about a target, then fuzz it."""
    mine = [one for one in stated if of_target(one, target.name)]
    entries = [entry for entry in known if entry.finding.target == target.name]
    replayed = _replay(target, store, mine, entries, budget.seed, interrupted)
    checked, gone, faults = tuple(replayed.checked), tuple(replayed.gone), len(replayed.faults)
    for fault in replayed.faults:
        shown.say(f"engine fault: {fault}")
    session.look()
    if not replayed.whole:
        return Run(target.name, 0, 0.0, budget.seed, checked, gone, faults, whole=False)
    shown.say(f"fuzzing {target.name} with seed {budget.seed}")
    settings = _settings(target.name, store.directory, corpus, budget)
    try:
        result = run_epoch(settings, session.hear, lambda: interrupted() or session.over())
    except EngineError as error:
        raise engine_fault(error) from error
    corpus.add(result.inputs)  # first of all: whatever fails from here on, they are on disk
    if session.unheard is None:
        session.look()
    if session.broken:
        raise BadInput(session.broken)
    if session.unheard is not None:
        raise session.unheard
    faults += len(session.faults)
    return Run(target.name, result.executions, result.seconds, budget.seed, checked, gone, faults, whole=True)


class _Replayed(NamedTuple):
    """What the programs that are there have shown."""

    checked: list[Checked]
    gone: list[Entry]  # known findings that do not show any more
    faults: list[str]  # of the engine
    whole: bool


def _replay(
    target: Target,
    store: Store,
    stated: Sequence[Golden],
    entries: Sequence[Entry],
    seed: int,
    interrupted: Callable[[], bool],
) -> _Replayed:
    """Run the golden programs and those of known findings, until somebody ends it."""
    known = [(entry, read_program(entry.program)) for entry in entries]
    replayer = Replayer(target, store, seed)
    checked, gone = [], []
    with bad_input(StoreError):
        for one in stated:
            if interrupted():
                break
            with located(target, one.source):
                checked.append(change.check(target, one, replayer.run(one.source)))
        for entry, source in known:
            if interrupted():
                break
            with located(target, source):
                buckets = replayer.run(source)
            if entry.finding.status in ("new", "confirmed") and entry.finding.bucket not in buckets:
                gone.append(entry)
        replayer.close()
    return _Replayed(checked, gone, replayer.faults, whole=not interrupted())


def _settings(target: str, directory: Path, corpus: Corpus, budget: Budget) -> EpochSettings:
    compiled = None if is_own(target) else accelerator.ready()
    return EpochSettings(
        factory=FACTORY,
        job={"target": target, "findings": str(directory)},
        packages=packages_of(target),
        own=is_own(target),
        hang_seconds=NATIVE_HANG_SECONDS if is_library(target) else HANG_SECONDS,
        inputs=corpus.inputs,
        seed=budget.seed,
        workers=budget.workers,
        runs=budget.runs,
        seconds=budget.seconds,
        sources="" if compiled is None else str(compiled),
    )
