"""`sysfuzz campaign run`: begin a campaign, or go on with one."""

import random
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from sysfuzz.campaign.durable import Damaged
from sysfuzz.campaign.herald import Ears, is_address
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.lock import Held, Moved
from sysfuzz.campaign.opening import Refused, load_campaign
from sysfuzz.campaign.runner import Ended, Settings, Standing
from sysfuzz.campaign.seeds import MAX_SEED
from sysfuzz.campaign.visit import this_process
from sysfuzz.cli.campaign_words import told
from sysfuzz.cli.cluster_options import cluster_options, way
from sysfuzz.cli.columns import counted
from sysfuzz.cli.display import display
from sysfuzz.cli.duration import to_seconds
from sysfuzz.cli.errors import CLEAN, ENGINE_FAULT, FOUND, BadInput, bad_input, engine_fault
from sysfuzz.cli.inputs import GivenPath, Named, open_target, programs_below, read_program
from sysfuzz.cli.options import corpora_option, workers_option
from sysfuzz.engine import accelerator
from sysfuzz.engine.epoch import Progress
from sysfuzz.engine.interrupt import stop_on_signals
from sysfuzz.engine.process import EngineError
from sysfuzz.findings.files import StoreError
from sysfuzz.program.wire import encode

_EPOCH_RUNS = 50_000  # twenty seconds at 2,600 a second, and what is lost when everything dies
_SEARCH = 5_000  # executions of one round of minimising; a finding of ten ops takes some 300


@click.command("run", short_help="Begin a campaign, or go on with one.")
@click.argument("directory", metavar="DIR", type=GivenPath())
@click.option("--target", metavar="T", help="A name of 'sysfuzz targets', or your own core. A campaign keeps its own.")
@workers_option
@click.option("--for", "seconds", callback=to_seconds, metavar="TIME", help="End after this time: 60s, 10m, 1h, 2d.")
@click.option("--epochs", type=click.IntRange(min=1), metavar="N", help="End after this many epochs of all workers.")
@click.option("--forever", is_flag=True, help="End at Ctrl-C or 'campaign stop' only; the default.")
@click.option(
    "--epoch-runs",
    type=click.IntRange(min=1),
    default=_EPOCH_RUNS,
    show_default=True,
    metavar="N",
    help="Executions of an epoch, besides those of the programs that it starts from.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, MAX_SEED),
    metavar="S",
    help="Of all random choices. Default: any; a campaign keeps its own.",
)
@corpora_option("They are only read.")
@click.option(
    "--rss-limit",
    type=click.IntRange(min=64),
    default=2048,
    show_default=True,
    metavar="MB",
    help="Memory of one worker.",
)
@click.option(
    "--minimise-jobs",
    type=click.IntRange(0, 64),
    default=1,
    show_default=True,
    metavar="K",
    help="Findings made smaller at a time.",
)
@click.option(
    "--on-finding", metavar="CMD", help="A shell command that gets each new finding as JSON on standard input."
)
@click.option("--webhook", metavar="URL", help="Where each new finding is sent by POST, as JSON.")
@cluster_options
def command(
    directory: Path,
    target: str | None,
    workers: int,
    seconds: float | None,
    epochs: int | None,
    forever: bool,
    epoch_runs: int,
    seed: int | None,
    corpora: tuple[Path, ...],
    rss_limit: int,
    minimise_jobs: int,
    on_finding: str | None,
    webhook: str | None,
    scheduler: str | None,
    depot: str | None,
) -> int:
    """Begin a campaign in DIR, or go on with the one that is there.

    Whatever ends it, also a crash of the machine, it goes on where it was; at most the epochs in flight are lost. Ctrl-C, or 'sysfuzz campaign
    stop' from elsewhere, ends it with what the epochs in flight have found; a second Ctrl-C at once.

    If sysfuzz or the core has changed since, all programs are run again first. If one changes meanwhile, the run ends: start it again.

    A failing --on-finding or --webhook is told, and stops nothing. Both get {"what", "campaign", "id", "bucket", "oracle", "severity", "status",
    "target", "count", "first_seen", "last_seen", "finding", "program"}, where what is "new", "worse" or "reappeared".

    Exit code 1 if this run has noticed new findings, 3 if the engine had a fault.
    """
    if forever and (seconds or epochs):
        raise BadInput("--forever: contradicts --for and --epochs")
    if webhook is not None and not is_address(webhook):
        raise BadInput(f"--webhook: {webhook!r} is no URL; supported: http://HOST/... and https://HOST/... in ASCII")
    chosen = way(scheduler, depot, workers)
    layout = Layout(directory)
    given = [encode(read_program(path).program) for place in corpora for path in programs_below(_directory(place))]
    with bad_input(Refused, Damaged):
        known = load_campaign(layout).target if layout.campaign.exists() else target
    if known is None:
        raise BadInput(f"{directory}: holds no campaign yet: --target is needed to begin one")
    open_target(Named(known, "--target" if target else str(layout.campaign)))
    compiled = None if ":" in known else accelerator.ready()
    minimiser = (sys.executable, "-m", "sysfuzz", "minimise", "--executions", str(_SEARCH))
    settings = Settings(
        home=directory,
        target=target,
        seed=seed,
        otherwise=random.SystemRandom().randint(0, MAX_SEED),
        workers=chosen.workers,
        epoch_runs=epoch_runs,
        epochs=epochs,
        seconds=seconds,
        rss_limit_mb=rss_limit,
        given=tuple(given),
        sources="" if compiled is None else str(compiled),
        jobs=minimise_jobs,
        minimiser=minimiser if minimise_jobs else (),
        ears=Ears(on_finding, webhook),
        who=this_process(datetime.now(UTC)),
    )
    seen = {"findings": 0}
    with display(stderr=False) as shown, stop_on_signals() as interrupted:

        def hear(event: dict[str, object]) -> None:
            seen["findings"] += event["event"] == "finding" and event["what"] == "new"
            for line in told(event):
                shown.say(line)

        def stands(standing: Standing) -> None:
            shown.progress(_progress(standing), standing.findings, standing.faults)

        try:
            with bad_input(Held, Refused, Damaged, StoreError):
                ended = chosen.run(settings, lambda: datetime.now(UTC), hear, stands, interrupted)
        except EngineError as error:
            raise engine_fault(error) from error
    return _exit(ended, directory, seen["findings"])


def _directory(place: Path) -> Path:
    if not place.is_dir():
        raise BadInput(f"--corpus: {place}: {'Not a directory' if place.exists() else 'No such file or directory'}")
    return place


def _progress(standing: Standing) -> Progress:
    """As an epoch reports, for the same display."""
    return Progress(
        seconds=standing.seconds,
        executions=standing.executions,
        corpus=standing.programs,
        features=standing.features,
        faults=standing.faults,
        shown=0,
        restarts=0,
        idle=0,
    )


def _exit(ended: Ended, directory: Path, found: int) -> int:
    """The last word, and the exit code."""
    standing = ended.standing
    rate = standing.executions / standing.seconds if standing.seconds else 0.0
    parts = [
        f"{counted(standing.epochs, 'epoch')}, {counted(standing.executions, 'execution')} in {standing.seconds:.0f} s ({rate:,.0f}/s)",
        counted(sum(standing.features.values()), "feature"),
        counted(standing.programs, "program"),
        f"{counted(standing.findings, 'finding')}, {found:,} new",
        counted(standing.faults, "engine fault"),
    ]
    click.echo(", ".join(parts))
    if ended.error is not None:
        if isinstance(ended.error, Moved):
            raise BadInput(str(ended.error))
        if isinstance(ended.error, StoreError | OSError | Damaged):
            raise BadInput(f"{directory}: the campaign has ended: {ended.error}")
        if isinstance(ended.error, EngineError):
            raise engine_fault(ended.error)
        raise ended.error
    if ended.why == "changed":
        raise BadInput(
            f"{directory}: sysfuzz or the core has changed meanwhile; run it again to go on with the new one"
        )
    if standing.faults:
        return ENGINE_FAULT
    return FOUND if found else CLEAN
