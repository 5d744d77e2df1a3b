"""`sysfuzz fuzz`: one bounded fuzzing run, from the command line to the exit code."""

import random
from collections.abc import Iterator
from pathlib import Path

import click

from sysfuzz.campaign.scratch import scratch
from sysfuzz.cli.columns import columns, counted
from sysfuzz.cli.corpora import Corpus
from sysfuzz.cli.display import display
from sysfuzz.cli.duration import to_seconds
from sysfuzz.cli.errors import CLEAN, ENGINE_FAULT, FOUND, BadInput, bad_input, engine_fault
from sysfuzz.cli.inputs import GivenPath, Named, open_target
from sysfuzz.cli.options import MAX_SEED, any_seed_option, corpora_option, workers_option
from sysfuzz.cli.output import STDOUT, check_writable, json_option, say, write_json
from sysfuzz.cli.render import coloured
from sysfuzz.cli.session import Session
from sysfuzz.cli.triage_store import ignore_option, ignored_by
from sysfuzz.cli.watch import Seen, Watch
from sysfuzz.engine import accelerator
from sysfuzz.engine.epoch import EpochResult, run_epoch
from sysfuzz.engine.harness import FACTORY
from sysfuzz.engine.interrupt import stop_on_signals
from sysfuzz.engine.process import EngineError
from sysfuzz.engine.settings import HANG_SECONDS, NATIVE_HANG_SECONDS, EpochSettings
from sysfuzz.engine.survey import packages_of
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.ignore import IgnoreList
from sysfuzz.findings.kin import elders
from sysfuzz.findings.severity import is_bug
from sysfuzz.findings.store import Store
from sysfuzz.targets.table import is_library, is_own


@click.command("fuzz")
@click.option(
    "--target",
    required=True,
    metavar="T",
    help="A name of 'sysfuzz targets', or your own core as module:attribute or ./library.so.",
)
@click.option(
    "--for",
    "seconds",
    callback=to_seconds,
    metavar="TIME",
    help="Stop after this time: 60s, 10m, 1h. Default: at Ctrl-C.",
)
@click.option("--runs", type=click.IntRange(min=1), metavar="N", help="Stop after this many executions.")
@any_seed_option
@workers_option
@corpora_option(
    "The first directory also gets the new inputs. Can be repeated; without it the run starts from nothing."
)
@click.option(
    "--findings",
    "directory",
    metavar="DIR",
    default="findings",
    show_default=True,
    type=GivenPath(),
    help="Where findings are recorded.",
)
@ignore_option
@json_option
def command(
    target: str,
    seconds: float | None,
    runs: int | None,
    seed: int | None,
    workers: int,
    corpora: tuple[Path, ...],
    directory: Path,
    ignore_file: Path | None,
    json_file: str | None,
) -> int:
    """Fuzz a target. Each bug is recorded when it is met, printed with the command that replays it, and the run goes on.

    Ctrl-C ends the run as its budget would. Exit code 1 if there were findings that are neither ignored nor by design, 3 if the engine had
    a fault.

    \b
    --json writes {"target", "executions", "seconds", "execs_per_second", "seed", "features", "corpus",
      "findings": [{"id", "bucket", "oracle", "severity", "count", "program", "ignored"}], "engine_faults"}
    where a finding's count is of this run, ignored is the reason or "", and engine_faults is a number.
    """
    check_writable(json_file)
    open_target(Named(target, "--target"))
    corpus = Corpus(corpora)
    store = Store(directory)
    ignored = ignored_by(directory, ignore_file)
    watch = _watched(store)
    settings = EpochSettings(
        factory=FACTORY,
        job={"target": target, "findings": str(directory)},
        packages=packages_of(target),
        own=is_own(target),
        hang_seconds=NATIVE_HANG_SECONDS if is_library(target) else HANG_SECONDS,
        inputs=corpus.inputs,
        seed=random.SystemRandom().randint(0, MAX_SEED) if seed is None else seed,
        workers=workers,
        runs=runs,
        seconds=seconds,
        sources=_compiled(target),
    )
    with scratch(), display(stderr=json_file == STDOUT) as shown, stop_on_signals() as interrupted:
        how = ", compiled" if settings.sources else ""
        start = f"{counted(workers, 'worker')}{how}, {counted(len(corpus.inputs), 'input')} to start from"
        shown.say(f"fuzzing {target} with seed {settings.seed}: {start}; Ctrl-C ends the run")
        session = Session(target, store, watch, shown, ignored)
        try:
            result = run_epoch(settings, session.hear, lambda: interrupted() or session.over())
        except EngineError as error:
            raise engine_fault(error) from error
        try:
            corpus.add(result.inputs)  # first of all: whatever fails from here on, they are on disk
        except BadInput as error:
            session.broken = session.broken or error.message
        if session.unheard is None:
            session.look()
        given_up = not (result.complete or interrupted() or session.over())
    with bad_input(StoreError):
        seen = watch.seen()
    write_json(json_file, _report(target, settings, result, seen, ignored, len(session.faults)))
    if session.unheard is not None:
        raise session.unheard
    for line in _summary(result, seen, ignored, len(session.faults), settings.seed, kept=bool(corpora)):
        say(line, json_file)
    if given_up:
        say(_given_up(result, seconds, runs), json_file)
    if session.broken:
        raise BadInput(session.broken)
    if session.faults:
        return ENGINE_FAULT
    if any(is_bug(entry.finding.severity) and not ignored.reason(entry.finding) for entry, _ in seen):
        return FOUND
    return ENGINE_FAULT if given_up else CLEAN


def _watched(store: Store) -> Watch:
    """The store as it is before the run, known to be writable and undamaged."""
    with bad_input(StoreError):
        store.prepare()
        damaged = store.entries().damaged
        if damaged:
            raise BadInput("\n".join(damaged))
        return Watch(store)


def _compiled(target: str) -> str:
    """Where workers find compiled sources; "" if there are none, or for a core of the user's own, which may derive from the built-in one."""
    home = None if is_own(target) else accelerator.ready()
    return "" if home is None else str(home)


def _given_up(result: EpochResult, seconds: float | None, runs: int | None) -> str:
    """That a worker was not replaced any more, and what of the budget is left."""
    left = [
        *([f"{max(0.0, seconds - result.seconds):.0f} s"] if seconds is not None else []),
        *([counted(runs - result.executions, "execution")] if runs is not None else []),
    ]
    before = f", {' and '.join(left)} before the end" if left else ""
    return f"given up after {counted(result.restarts, 'restart')} of dead workers{before}"


def _summary(
    result: EpochResult, seen: list[Seen], ignored: IgnoreList, faults: int, seed: int, kept: bool
) -> Iterator[str]:
    reasons = [ignored.reason(entry.finding) for entry, _ in seen]
    by_design = sum(
        not is_bug(entry.finding.severity) and not why for (entry, _), why in zip(seen, reasons, strict=True)
    )
    bugs = reasons.count("") - by_design
    kin = elders(entry for entry, _ in seen)
    yield from columns(
        (
            coloured(entry.finding.severity),
            entry.finding.oracle,
            f"{count:,}",
            str(entry.program),
            f"ignored: {reason}" if reason else f"may be {kin[entry.id]}" if entry.id in kin else "",
        )
        for (entry, count), reason in zip(seen, reasons, strict=True)
    )
    parts = [
        f"{counted(result.executions, 'execution')} in {result.seconds:.1f} s ({_rate(result):,.0f}/s, seed {seed})",
        counted(sum(map(len, result.features.values())), "feature"),
        counted(len(result.inputs), "new input") + ("" if kept else " (not kept, for want of --corpus)"),
        counted(bugs, "finding") + (f" and {more:,} ignored" if (more := sum(map(bool, reasons))) else ""),
        *([f"{by_design:,} by design"] if by_design else []),
        counted(faults, "engine fault"),
    ]
    yield ", ".join(parts)


def _report(
    target: str, settings: EpochSettings, result: EpochResult, seen: list[Seen], ignored: IgnoreList, faults: int
) -> dict[str, object]:
    return {
        "target": target,
        "executions": result.executions,
        "seconds": round(result.seconds, 3),
        "execs_per_second": round(_rate(result), 1),
        "seed": settings.seed,
        "features": sum(map(len, result.features.values())),
        "corpus": len(settings.inputs) + len(result.inputs),
        "findings": [
            {
                "id": entry.id,
                "bucket": entry.finding.bucket,
                "oracle": entry.finding.oracle,
                "severity": entry.finding.severity,
                "count": count,
                "program": str(entry.program),
                "ignored": ignored.reason(entry.finding),
            }
            for entry, count in seen
        ],
        "engine_faults": faults,
    }


def _rate(result: EpochResult) -> float:
    return result.executions / result.seconds if result.seconds else 0.0
