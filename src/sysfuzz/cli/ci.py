"""`sysfuzz ci`: one bounded run that fails only for what is new, from the command line to the exit code.

What is known is read first, from the store as it lies there or from git. Then golden programs and the store's own are run, and the target is
fuzzed; whatever shows itself goes into a store of its own, and `ci.change` tells what of it is news.
"""

import random
from pathlib import Path

import click

from sysfuzz.ci import change
from sysfuzz.cli.ci_outcome import Outcome, Outputs
from sysfuzz.cli.ci_run import Budget, Run, base_of, known_findings, of_target, run_target, stated_programs
from sysfuzz.cli.columns import counted
from sysfuzz.cli.corpora import Corpus
from sysfuzz.cli.display import display
from sysfuzz.cli.duration import to_seconds
from sysfuzz.cli.errors import CLEAN, BadInput, bad_input
from sysfuzz.cli.inputs import GivenPath, Named, open_target
from sysfuzz.cli.options import MAX_SEED, any_seed_option, corpora_option, workers_option
from sysfuzz.cli.output import STDOUT, json_option, say
from sysfuzz.cli.session import Session
from sysfuzz.cli.triage_store import ignore_option, ignored_by
from sysfuzz.cli.watch import Watch
from sysfuzz.engine.interrupt import stop_on_signals
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.store import Store

_REGRESSIONS = Path("tests/regressions")
_SECONDS = 120.0  # a run that nobody has bounded must end all the same


@click.command("ci")
@click.option(
    "--target",
    "targets",
    required=True,
    multiple=True,
    metavar="T",
    help="A name of 'sysfuzz targets', or your own core as module:attribute or ./library.so. Can be repeated.",
)
@click.option(
    "--base",
    "revision",
    metavar="REV",
    help="Known is what the store held at this git revision, such as origin/main. Default: what it holds now.",
)
@click.option(
    "--for",
    "seconds",
    callback=to_seconds,
    metavar="TIME",
    help="Fuzz each target for this time: 60s, 10m, 1h. Default, without --runs: 120s.",
)
@click.option("--runs", type=click.IntRange(min=1), metavar="N", help="Fuzz each target for this many executions.")
@any_seed_option
@workers_option
@corpora_option("The first directory also gets the new inputs. Can be repeated.")
@click.option(
    "--regressions",
    metavar="DIR",
    type=GivenPath(),
    help=f"Golden programs that must hold. Default: {_REGRESSIONS}, if it is there.",
)
@click.option(
    "--store",
    "known",
    metavar="DIR",
    default="findings",
    show_default=True,
    type=GivenPath(),
    help="Findings that are known; nothing is written there.",
)
@click.option(
    "--findings",
    "directory",
    metavar="DIR",
    default="build/ci-findings",
    show_default=True,
    type=GivenPath(),
    help="Where what the run shows is recorded.",
)
@ignore_option
@click.option("--sarif", metavar="FILE", type=GivenPath(), help="Write what is new as SARIF 2.1.0.")
@click.option("--junit", metavar="FILE", type=GivenPath(), help="Write all as JUnit XML: what is new fails.")
@json_option
def command(
    targets: tuple[str, ...],
    revision: str | None,
    seconds: float | None,
    runs: int | None,
    seed: int | None,
    workers: int,
    corpora: tuple[Path, ...],
    regressions: Path | None,
    known: Path,
    directory: Path,
    ignore_file: Path | None,
    sarif: Path | None,
    junit: Path | None,
    json_file: str | None,
) -> int:
    """Check a change: run golden programs and known findings again, fuzz for a budget, and fail only for bugs that are new.

    New is a bucket that --store did not hold at --base, or that it said to be fixed. What is ignored, known or by design never fails, nor does
    a golden program that fails for such a bug alone. Golden programs are run on each target, but one that says '# target: T' on T alone; known
    findings on their own.

    Exit code 1 if something is new, or a golden program fails for no known reason; 3 if the engine had a fault. With GITHUB_ACTIONS=true each
    reason is also told as a workflow command. Ctrl-C ends the fuzzing of a target as its budget would; before that, or with another target to
    come, the exit code is 130 unless it is one of these.

    \b
    --json writes {"base": {"source", "commit", "findings"},
      "runs": [{"target", "executions", "seconds", "seed"}],
      "findings": [{"id", "target", "bucket", "oracle", "severity", "standing", "count", "program", "replay"}],
      "golden": [{"file", "target", "standing", "misses": [{"line", "expected", "actual"}], "buckets"}],
      "gone", "engine_faults"}
    where standing is "new", "back", "known", "by design" or "ignored", of a golden program "" if it holds and "broken" if it shows no bug;
    gone are ids of known findings that do not show any more, and engine_faults is a number.
    """
    outputs = Outputs(sarif, junit, json_file)
    outputs.check()
    opened = {name: open_target(Named(name, "--target")) for name in dict.fromkeys(targets)}
    base = base_of(known, revision)
    ignored = ignored_by(known, ignore_file)
    entries = known_findings(known)
    stated = stated_programs(regressions, _REGRESSIONS)
    corpus = Corpus(corpora)
    store = _store(directory, known)
    with bad_input(StoreError):
        watch = Watch(store)
    seed = random.SystemRandom().randint(0, MAX_SEED) if seed is None else seed
    budget = Budget(_SECONDS if seconds is None and runs is None else seconds, runs, seed, workers)
    here = [one for one in stated if any(of_target(one, name) for name in opened)]
    others = f", and {len(stated) - len(here):,} for other targets" if len(stated) > len(here) else ""
    say(f"known: {base.assumed or counted(len(base.findings), 'finding') + f' in {base.source}'}", json_file)
    say(f"golden: {counted(len(here), 'program')}{others}", json_file)
    runs_done: list[Run] = []
    with display(stderr=json_file == STDOUT) as shown, stop_on_signals() as interrupted:
        for target in opened.values():
            if interrupted():
                break
            session = Session(target.name, store, watch, shown, change.accepted(base, ignored))
            runs_done.append(run_target(target, store, here, entries, corpus, budget, session, shown, interrupted))
    with bad_input(StoreError):
        outcome = Outcome.of(base, ignored, watch.seen(), runs_done)
    outputs.write(outcome, store)
    for line in outcome.lines():
        say(line, json_file)
    if outcome.code == CLEAN and not (len(runs_done) == len(opened) and all(run.whole for run in runs_done)):
        raise click.Abort  # what was not asked may be new
    return outcome.code


def _store(directory: Path, known: Path) -> Store:
    """The store for what the run shows, known to be writable and undamaged."""
    if directory.resolve() == known.resolve():
        raise BadInput(f"--findings: {directory} holds what is known; supported: another directory")
    store = Store(directory)
    with bad_input(StoreError):
        store.prepare()
        damaged = store.entries().damaged
    if damaged:
        raise BadInput("\n".join(damaged))
    return store
