"""`sysfuzz report`: the findings of a directory for people and for CI systems.

Targets are opened here, since only a command line knows where a core of the user's own lies; the time comes from here, too.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from sysfuzz.cli.errors import BAD_INPUT, CLEAN, BadInput, bad_input
from sysfuzz.cli.explaining import Explainer
from sysfuzz.cli.inputs import GivenPath
from sysfuzz.cli.output import STDOUT, replace_text
from sysfuzz.cli.triage_store import findings_option, ignore_option, ignored_by, open_store
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.finding import STATUSES
from sysfuzz.findings.provenance import installed_versions
from sysfuzz.findings.severity import SEVERITIES
from sysfuzz.report import FORMATS, gather

_EPOCH = "SOURCE_DATE_EPOCH"  # of reproducible builds: the time that is written, in seconds


@click.command("report")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@findings_option
@click.option(
    "--severity", "severities", multiple=True, type=click.Choice(SEVERITIES), help="Only these; can be repeated."
)
@click.option("--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Only these; can be repeated.")
@ignore_option
@click.option("-o", "output", metavar="FILE", type=GivenPath(), help="Where to write; default: standard output.")
def command(
    form: str,
    directory: Path,
    severities: tuple[str, ...],
    statuses: tuple[str, ...],
    ignore_file: Path | None,
    output: Path | None,
) -> int:
    """Report findings: each with its program, what a run of it shows now, and the command that replays it.

    Fixed, duplicate, rejected and ignored findings stand apart and are not counted as open. A finding whose target
    cannot be opened is reported with the reason. What cannot be read is named, and the exit code is 2; otherwise it is
    0, whatever there is to report. The time that is written is SOURCE_DATE_EPOCH, if that is set.
    """
    store = open_store(directory)
    ignored = ignored_by(directory, ignore_file)
    made = _now()
    with bad_input(StoreError):
        listing = store.entries()
    report = gather(
        store,
        listing,
        root=Path.cwd(),
        made=made,
        versions=installed_versions(),
        wanted=lambda finding: (
            (not severities or finding.severity in severities) and (not statuses or finding.status in statuses)
        ),
        explain=Explainer(str(directory)),
        ignored=ignored.reason,
    )
    text = FORMATS[form](report)
    if output is None or str(output) == STDOUT:
        click.echo(text, nl=False)
    else:
        replace_text(output, text)
    for message in report.damaged:
        click.echo(message, err=True)
    return BAD_INPUT if report.damaged else CLEAN


def _now() -> datetime:
    """The time of the report, in whole seconds."""
    said = os.environ.get(_EPOCH)
    if said is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return datetime.fromtimestamp(int(said), UTC)
    except (ValueError, OverflowError, OSError):
        raise BadInput(f"{_EPOCH}: expected seconds since 1970, got {said!r}") from None
