"""`sysfuzz triage`: the findings of a directory, by severity, and one of them in full."""

from pathlib import Path

import click

from sysfuzz.cli import render
from sysfuzz.cli.columns import columns, counted
from sysfuzz.cli.errors import BAD_INPUT, CLEAN, BadInput, bad_input
from sysfuzz.cli.inputs import GivenPath, Named, open_target, read_program
from sysfuzz.cli.output import check_writable, json_option, say, write_json
from sysfuzz.cli.running import run
from sysfuzz.findings.bucket import bucket_of
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.finding import STATUSES
from sysfuzz.findings.reproducer import replay_command
from sysfuzz.findings.severity import SEVERITIES
from sysfuzz.findings.store import FINDING, NOTES, Entry, Store
from sysfuzz.program.lexer import unknown
from sysfuzz.program.text import format_source

_TIME = "%Y-%m-%dT%H:%M:%SZ"

findings_option = click.option(
    "--findings",
    "directory",
    metavar="DIR",
    default="findings",
    show_default=True,
    type=GivenPath(),
    help="Where the findings are.",
)


@click.group("triage")
def command() -> None:
    """Look through findings."""


@command.command("list")
@findings_option
@click.option(
    "--severity", "severities", multiple=True, type=click.Choice(SEVERITIES), help="Only these; can be repeated."
)
@click.option("--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Only these; can be repeated.")
@click.option("--target", "targets", multiple=True, metavar="T", help="Only these; can be repeated.")
@json_option
def list_(
    directory: Path,
    severities: tuple[str, ...],
    statuses: tuple[str, ...],
    targets: tuple[str, ...],
    json_file: str | None,
) -> int:
    """List findings, the worst first. What cannot be read is named, and the exit code is 2.

    \b
    --json writes [{"id", "bucket", "oracle", "severity", "status", "target", "count", "replays",
                    "first_seen", "last_seen", "program"}].
    """
    check_writable(json_file)
    with bad_input(StoreError):
        listing = _store(directory).entries()
    chosen = [
        entry
        for entry in listing.entries
        if (not severities or entry.finding.severity in severities)
        and (not statuses or entry.finding.status in statuses)
        and (not targets or entry.finding.target in targets)
    ]
    rows = [
        (render.coloured(finding.severity), finding.status, f"{finding.count:,}", finding.oracle, identity)
        for identity, finding, _ in chosen
    ]
    for line in columns(rows):
        say(line, json_file)
    hidden = len(listing.entries) - len(chosen)
    say(counted(len(chosen), "finding") + (f", {hidden} not shown" if hidden else ""), json_file)
    write_json(json_file, [_record(entry) for entry in chosen])
    for message in listing.damaged:
        click.echo(message, err=True)
    return BAD_INPUT if listing.damaged else CLEAN


@command.command()
@click.argument("identity", metavar="ID")
@findings_option
def show(identity: str, directory: Path) -> int:
    """Show one finding: what is known, the program, what it does when it is run now, and people's notes."""
    store = _store(directory)
    try:
        with bad_input(StoreError):
            entry = store.load(identity)
    except KeyError:
        known = [path.name for path in sorted(directory.iterdir()) if path.is_dir() and not path.name.startswith(".")]
        raise BadInput(f"{directory}: {unknown('finding', identity, known)}") from None
    source = read_program(entry.program)
    for line in columns(_facts(entry)):
        click.echo(line)
    click.echo(f"\n{entry.program}:\n{_indented(format_source(source))}\n")
    code = CLEAN
    try:
        outcome, verdicts = run(open_target(Named(entry.finding.target, str(entry.directory / FINDING))), source)
    except BadInput as error:
        click.echo(error.message, err=True)
        code = error.exit_code
    else:
        shown = any(bucket_of(verdict) == entry.finding.bucket for verdict in verdicts)
        click.echo(f"run now, it {'shows' if shown else 'does not show'} the bug:")
        click.echo(_indented("\n".join(render.report(source.program, outcome, verdicts))) + "\n")
    with bad_input():
        notes = (entry.directory / NOTES).read_text(encoding="utf-8", errors="replace").strip()
    click.echo(f"{entry.directory / NOTES}:\n{_indented(notes)}" if notes else f"{entry.directory / NOTES}: empty")
    return code


def _store(directory: Path) -> Store:
    """The store, which must exist: a misspelt directory is no proof of being clean."""
    if not directory.is_dir():
        raise BadInput(f"{directory}: no such directory; 'sysfuzz fuzz --findings {directory}' makes it")
    return Store(directory)


def _facts(entry: Entry) -> list[tuple[str, str]]:
    finding = entry.finding
    evidence, provenance = finding.evidence, finding.provenance
    faces = ", ".join(f"{oracle} {count:,}" for oracle, count in finding.faces.items())
    versions = ", ".join(f"{name} {version}" for name, version in provenance.versions.items())
    run_of = f"seed {provenance.seed}, epoch {provenance.epoch}, worker {provenance.worker}"
    return [
        ("id", entry.id),
        ("bucket", finding.bucket),
        ("severity", f"{render.coloured(finding.severity)} ({finding.oracle})"),
        ("status", finding.status),
        ("target", finding.target),
        ("evidence", f"{render.place(evidence.op)}: expected {evidence.expected}, got {evidence.actual}"),
        ("seen", f"{counted(finding.count, 'time')} from {finding.first_seen:{_TIME}} to {finding.last_seen:{_TIME}}"),
        ("faces", faces),
        ("replays", str(finding.replays)),
        ("found by", f"{run_of}, execution {provenance.executions:,}"),
        ("versions", versions),
        ("replay", replay_command(entry.program, finding.target)),
    ]


def _record(entry: Entry) -> dict[str, object]:
    finding = entry.finding
    return {
        "id": entry.id,
        "bucket": finding.bucket,
        "oracle": finding.oracle,
        "severity": finding.severity,
        "status": finding.status,
        "target": finding.target,
        "count": finding.count,
        "replays": str(finding.replays),
        "first_seen": f"{finding.first_seen:{_TIME}}",
        "last_seen": f"{finding.last_seen:{_TIME}}",
        "program": str(entry.program),
    }


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())
