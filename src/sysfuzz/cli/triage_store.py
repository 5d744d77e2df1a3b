"""What the verbs of `triage` share: the directory of findings, one of them by its id, what is ignored, and its facts as lines."""

from pathlib import Path

import click

from sysfuzz.cli import render
from sysfuzz.cli.columns import columns, counted
from sysfuzz.cli.errors import BadInput, bad_input
from sysfuzz.cli.inputs import GivenPath
from sysfuzz.findings import ignore
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.finding import Finding
from sysfuzz.findings.ignore import IgnoreList
from sysfuzz.findings.reproducer import replay_command
from sysfuzz.findings.store import Entry, Store
from sysfuzz.program.lexer import unknown

TIME = "%Y-%m-%dT%H:%M:%SZ"

findings_option = click.option(
    "--findings",
    "directory",
    metavar="DIR",
    default="findings",
    show_default=True,
    type=GivenPath(),
    help="Where the findings are.",
)

ignore_option = click.option(
    "--ignore",
    "ignore_file",
    metavar="FILE",
    type=GivenPath(),
    help="Known, accepted behaviour: lines 'TARGET BUCKET  # REASON', with patterns as of a shell. "
    "Default: ignore.txt beside the findings, if it is there.",
)


def open_store(directory: Path) -> Store:
    """The store, which must exist: a misspelt directory is no proof of being clean."""
    if not directory.is_dir():
        raise BadInput(f"{directory}: no such directory; 'sysfuzz fuzz --findings {directory}' makes it")
    return Store(directory)


def ignored_by(directory: Path, ignore_file: Path | None) -> IgnoreList:
    """What `--ignore`, or else the directory's own list, tells to ignore."""
    try:
        return ignore.of_store(directory, ignore_file)
    except StoreError as error:
        raise BadInput(str(error)) from error  # the number of spaces in it matters


def load_entry(store: Store, identity: str) -> Entry:
    """The finding with this id."""
    try:
        with bad_input(StoreError):
            return store.load(identity)
    except KeyError:
        raise unknown_finding(store, identity) from None


def unknown_finding(store: Store, identity: str) -> BadInput:
    """The complaint about an id that nothing here has."""
    return BadInput(f"{store.directory}: {unknown('finding', identity, store.ids())}")


def facts(entry: Entry, ignored: str = "") -> list[str]:
    """What is known about a finding, a line each; `ignored` is the reason why it is."""
    finding = entry.finding
    evidence, provenance = finding.evidence, finding.provenance
    run_of = f"seed {provenance.seed}, epoch {provenance.epoch}, worker {provenance.worker}"
    rows = [
        ("id", entry.id),
        ("bucket", finding.bucket),
        ("severity", f"{render.coloured(finding.severity)} ({finding.oracle})"),
        ("status", said(finding)),
        ("ignored", ignored),
        ("target", finding.target),
        ("evidence", f"{render.place(evidence.op)}: expected {evidence.expected}, got {evidence.actual}"),
        ("seen", f"{counted(finding.count, 'time')} from {finding.first_seen:{TIME}} to {finding.last_seen:{TIME}}"),
        ("faces", ", ".join(f"{oracle} {count:,}" for oracle, count in finding.faces.items())),
        ("replays", str(finding.replays)),
        ("found by", f"{run_of}, execution {provenance.executions:,}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in provenance.versions.items())),
        ("replay", replay_command(entry.program, finding.target)),
    ]
    return columns(row for row in rows if row[1])


def said(finding: Finding) -> str:
    """What people say of a finding: `rejected (as the manual has it)`."""
    of = f" of {finding.duplicate_of}" if finding.duplicate_of else ""
    return f"{finding.status}{of}{f' ({finding.why})' if finding.why else ''}"
