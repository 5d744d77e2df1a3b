"""`sysfuzz campaign status`: how a campaign stands, once or again and again."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from sysfuzz.campaign.durable import Damaged
from sysfuzz.campaign.opening import Refused
from sysfuzz.campaign.state import Finding, Reader, State
from sysfuzz.campaign.workers import Worker
from sysfuzz.cli.columns import columns, counted
from sysfuzz.cli.errors import CLEAN, BadInput, bad_input
from sysfuzz.cli.inputs import GivenPath
from sysfuzz.cli.output import check_writable, json_option, replace_text, say, write_json
from sysfuzz.cli.render import coloured
from sysfuzz.cli.screen import Part, fitted
from sysfuzz.dashboard.drawing import stand_alone
from sysfuzz.dashboard.plots import PLOTS
from sysfuzz.dashboard.plots import plots as drawings
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.times import stamp, time_of

_SECONDS = 2.0  # between two looks


@click.command("status", short_help="Show how a campaign stands.")
@click.argument("directory", metavar="DIR", type=GivenPath())
@click.option("--watch", is_flag=True, help="Look again every two seconds; Ctrl-C ends it, with exit code 0.")
@click.option(
    "--plots",
    metavar="OUTDIR",
    type=GivenPath(),
    help="Draw how it went over time into SVG files of this directory, too.",
)
@json_option
def command(directory: Path, watch: bool, plots: Path | None, json_file: str | None) -> int:
    """Show how the campaign in DIR stands, whether it runs or not.

    \b
    --json writes {"target", "seed", "core", "running", "epochs", "executions", "execs_per_second": {"recent", "total"}, "seconds",
      "features": {DOMAIN: N}, "programs", "findings": [{"id", "bucket", "severity", "status", "life", "count", "replays", "minimised",
        "kin_of"}],
      "workers": [{"shard", "alive", "epoch", "epochs", "executions", "rate"}], "faults": [{"kind", "where", "epochs"}],
      "last_feature", "last_finding"}
    where life is crashing, incubating, gone, regression, fixed, rejected or duplicate, kin_of is the id of a simpler finding that may be
    the same bug, or "", and times are UTC or null.
    """
    check_writable(json_file)
    if watch and json_file is not None:
        raise BadInput("--watch: contradicts --json")
    if watch and plots is not None:
        raise BadInput("--watch: contradicts --plots")
    reader = Reader(directory)

    def look() -> State:
        with bad_input(Refused, Damaged, StoreError):
            return reader.read(datetime.now(UTC))

    state = look()
    if watch:
        _watch(look, state)
        return CLEAN
    for part in _parts(state):
        for line in (*part.head, *part.rows):
            say(line, json_file)
    if plots is not None:
        for path in _draw(state, plots):
            say(str(path), json_file)
    write_json(json_file, as_json(state))
    return CLEAN


def as_json(state: State) -> dict[str, object]:
    """A state as `--json` has it."""
    return {
        "target": state.campaign.target,
        "seed": state.campaign.seed,
        "core": state.core,
        "running": state.running,
        "epochs": state.epochs,
        "executions": state.executions,
        "execs_per_second": {"recent": round(state.recent_rate, 1), "total": round(state.rate, 1)},
        "seconds": state.seconds,
        "features": dict(state.features),
        "programs": state.programs,
        "findings": [
            {
                "id": one.entry.id,
                "bucket": one.entry.finding.bucket,
                "severity": one.entry.finding.severity,
                "status": one.entry.finding.status,
                "life": one.life,
                "count": one.entry.finding.count,
                "replays": one.replays,
                "minimised": one.minimised,
                "kin_of": one.kin_of,
            }
            for one in state.findings
        ],
        "workers": [
            {
                "shard": worker.shard,
                "alive": worker.alive,
                "epoch": worker.live.number if worker.live else worker.epochs - 1,
                "epochs": worker.epochs,
                "executions": worker.executions,
                "rate": round(worker.rate, 1),
            }
            for worker in state.workers
        ],
        "faults": [{"kind": fault.kind, "where": fault.where, "epochs": fault.epochs} for fault in state.faults],
        "last_feature": state.last_feature and stamp(state.last_feature),
        "last_finding": state.last_finding and stamp(state.last_finding),
    }


def _draw(state: State, directory: Path) -> Iterator[Path]:
    """Write the plots; each file, once it is there."""
    charts = drawings(state, PLOTS)
    if not charts:
        raise BadInput(
            f"--plots: {state.home}: nothing has happened yet; supported: a campaign that has finished an epoch"
        )
    with bad_input():
        directory.mkdir(parents=True, exist_ok=True)
    span = f"{_time((state.series[-1].when - time_of(state.campaign.created)).total_seconds())} from {state.campaign.created} on"
    for chart in charts:
        path = directory / f"{chart.key}.svg"
        replace_text(path, stand_alone(chart, f"{state.campaign.target}, {span}"))
        yield path


def _watch(look: Callable[[], State], state: State) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        raise BadInput("--watch: needs a terminal; supported elsewhere: --json")
    with Live(console=console, auto_refresh=False, screen=True) as live:
        try:
            while True:
                live.update(fitted(_parts(state), console), refresh=True)
                time.sleep(_SECONDS)
                state = look()
        except KeyboardInterrupt:
            return


def _parts(state: State) -> list[Part]:
    """What people see."""
    campaign, runner = state.campaign, state.runner
    who = (
        f"runs since {runner.get('started')} as process {runner.get('pid')} on {runner.get('host')}"
        if state.running
        else "does not run"
    )
    title = f"{click.style(str(state.home), bold=True)}: {campaign.target}, seed {campaign.seed}, since {campaign.created}; {who}"
    sums = columns(
        [
            (
                "executions",
                f"{state.executions:,} in {_time(state.seconds)}, {state.recent_rate:,.0f}/s now, {state.rate:,.0f}/s in all",
            ),
            ("epochs", f"{state.epochs:,}"),
            ("programs", f"{state.programs:,}"),
            (
                "features",
                f"{sum(state.features.values()):,}: {', '.join(f'{n:,} {domain}' for domain, n in state.features.items())}",
            ),
            ("last new feature", _ago(state, state.last_feature)),
            ("last new finding", _ago(state, state.last_finding)),
            ("engine faults", f"{len(state.faults):,}"),
        ]
    )
    severities = ", ".join(f"{count:,} {coloured(severity)}" for severity, count in state.by_severity().items())
    found = f"{counted(len(state.findings), 'finding')}{': ' if severities else ''}{severities}"
    faults = [f"engine fault: {one.kind}: {one.where} in {counted(one.epochs, 'epoch')}" for one in state.faults]
    return [
        Part([title, *sums], []),
        Part([""] if state.workers else [], columns(map(_worker, state.workers))),
        Part(["", found], columns(map(_finding, state.findings))),
        Part([], [*faults, *state.damaged]),
    ]


def _worker(worker: Worker) -> tuple[str, ...]:
    live = worker.live
    if worker.alive and live is not None:
        doing = f"epoch {live.number}: {live.executions:,} of {live.runs:,} from {counted(live.corpus, 'program')}"
    else:
        doing = "does not run"
    return (
        worker.shard,
        doing,
        f"{worker.rate:,.0f}/s",
        f"{counted(worker.epochs, 'epoch')} done",
        counted(worker.restarts, "restart"),
    )


def _finding(one: Finding) -> tuple[str, ...]:
    finding = one.entry.finding
    kin = f"may be {one.kin_of}" if one.kin_of else ""
    return coloured(finding.severity), one.life, f"{finding.count:,}", one.entry.id, one.minimised, kin


def _ago(state: State, when: datetime | None) -> str:
    return "none yet" if when is None else f"{_time((state.now - when).total_seconds())} ago"


def _time(seconds: float) -> str:
    """`3 d 4 h`, `2 h 5 min`, `3 min 20 s`, `20 s`."""
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    rest, parts = int(max(seconds, 0)), list[str]()
    for name, size in units:
        count, rest = divmod(rest, size)
        if count or (name == "s" and not parts):
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])
