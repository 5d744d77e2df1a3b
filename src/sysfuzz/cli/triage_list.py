"""`sysfuzz triage list`: the findings that somebody should look at, worst first, and how many are not among them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import click

from sysfuzz.cli import render
from sysfuzz.cli.columns import columns, counted
from sysfuzz.cli.errors import BAD_INPUT, CLEAN, bad_input
from sysfuzz.cli.output import check_writable, json_option, say, write_json
from sysfuzz.cli.triage_store import TIME, findings_option, ignore_option, ignored_by, open_store
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.finding import STATUSES, Finding, Status
from sysfuzz.findings.ignore import IgnoreList
from sysfuzz.findings.kin import elders
from sysfuzz.findings.severity import SEVERITIES, Severity, is_bug
from sysfuzz.findings.store import Entry

# Nobody has to act on these; a fixed one is shown, for it may come back.
_SETTLED: tuple[Status, ...] = ("duplicate", "rejected")


@click.command("list", short_help="List findings, the worst first.")
@findings_option
@click.option(
    "--severity", "severities", multiple=True, type=click.Choice(SEVERITIES), help="Only these; can be repeated."
)
@click.option("--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Only these; can be repeated.")
@click.option("--target", "targets", multiple=True, metavar="T", help="Only these; can be repeated.")
@click.option(
    "--bucket", "buckets", multiple=True, metavar="PATTERN", help="Only these, such as 'panic/*'; can be repeated."
)
@click.option("--all", "everything", is_flag=True, help="Also duplicate, rejected and ignored ones.")
@ignore_option
@json_option
def command(
    directory: Path,
    severities: tuple[Severity, ...],
    statuses: tuple[Status, ...],
    targets: tuple[str, ...],
    buckets: tuple[str, ...],
    everything: bool,
    ignore_file: Path | None,
    json_file: str | None,
) -> int:
    """List findings, the worst first: severity, status, count, oracle, id.

    Duplicate and rejected ones are shown with --all or where --status asks for them, those that are ignored with --all
    alone; how many are not shown is told in the last line. "may be ID" says that the simpler one may be the same bug: look
    at that first. What cannot be read is named, and the exit code is 2.

    \b
    --json writes [{"id", "bucket", "oracle", "severity", "status", "why", "duplicate_of", "ignored", "kin_of",
                    "target", "count", "replays", "first_seen", "last_seen", "program"}]
    of those that are shown; why, duplicate_of, ignored (the reason) and kin_of (an id) are "" where nothing is said.
    """
    check_writable(json_file)
    store = open_store(directory)
    ignored = ignored_by(directory, ignore_file)
    with bad_input(StoreError):
        listing = store.entries()
    filters = _Filters(severities, statuses, targets, buckets, everything)
    why_hidden = {entry.id: filters.hide(entry.finding, ignored) for entry in listing.entries}
    chosen = [entry for entry in listing.entries if not why_hidden[entry.id]]
    kin = elders(listing.entries)
    for line in columns(_row(entry, ignored, kin) for entry in chosen):
        say(line, json_file)
    say(_sum([entry.finding for entry in chosen], Counter(filter(None, why_hidden.values()))), json_file)
    write_json(json_file, [_record(entry, ignored, kin) for entry in chosen])
    for message in listing.damaged:
        click.echo(message, err=True)
    return BAD_INPUT if listing.damaged else CLEAN


class _Filters(NamedTuple):
    """What the command line asks for; filters of one kind widen, filters of different kinds narrow."""

    severities: tuple[Severity, ...]
    statuses: tuple[Status, ...]
    targets: tuple[str, ...]
    buckets: tuple[str, ...]
    everything: bool

    def hide(self, finding: Finding, ignored: IgnoreList) -> str:
        """Why a finding is not shown, in a word; "" if it is."""
        asked = (
            (not self.severities or finding.severity in self.severities)
            and (not self.statuses or finding.status in self.statuses)
            and (not self.targets or finding.target in self.targets)
            and (not self.buckets or any(fnmatchcase(finding.bucket, pattern) for pattern in self.buckets))
        )
        if not asked:
            return "filtered"
        if self.everything:
            return ""
        if ignored.reason(finding):
            return "ignored"
        return finding.status if finding.status in _SETTLED and not self.statuses else ""


def _row(entry: Entry, ignored: IgnoreList, kin: Mapping[str, str]) -> tuple[str, ...]:
    finding = entry.finding
    reason = ignored.reason(finding)
    remarks = [
        f"of {finding.duplicate_of}" if finding.duplicate_of else "",
        f"may be {kin[entry.id]}" if entry.id in kin else "",
        reason and f"ignored: {reason}",
    ]
    return (
        render.coloured(finding.severity),
        finding.status,
        f"{finding.count:,}",
        finding.oracle,
        entry.id,
        ", ".join(filter(None, remarks)),
    )


def _sum(shown: Sequence[Finding], hidden: Counter[str]) -> str:
    """`3 findings, 1 of them by design, 2 not shown (1 duplicate, 1 ignored)`."""
    documented = sum(not is_bug(finding.severity) for finding in shown)
    by_design = f", {documented:,} of them by design" if documented else ""
    parts = ", ".join(f"{count:,} {why}" for why, count in sorted(hidden.items()))
    return counted(len(shown), "finding") + by_design + (f", {hidden.total():,} not shown ({parts})" if hidden else "")


def _record(entry: Entry, ignored: IgnoreList, kin: Mapping[str, str]) -> dict[str, object]:
    finding = entry.finding
    return {
        "id": entry.id,
        "bucket": finding.bucket,
        "oracle": finding.oracle,
        "severity": finding.severity,
        "status": finding.status,
        "why": finding.why,
        "duplicate_of": finding.duplicate_of,
        "ignored": ignored.reason(finding),
        "kin_of": kin.get(entry.id, ""),
        "target": finding.target,
        "count": finding.count,
        "replays": str(finding.replays),
        "first_seen": f"{finding.first_seen:{TIME}}",
        "last_seen": f"{finding.last_seen:{TIME}}",
        "program": str(entry.program),
    }
