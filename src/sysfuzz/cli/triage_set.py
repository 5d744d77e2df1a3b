"""`sysfuzz triage set`: what people think of a finding, written into its file so that the diff says just that."""

from pathlib import Path

import click

from sysfuzz.cli.errors import CLEAN, bad_input
from sysfuzz.cli.triage_store import findings_option, load_entry, open_store, said, unknown_finding
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.finding import STATUSES, Status


@click.command("set", short_help="Set the status of a finding.")
@click.argument("identity", metavar="ID")
@click.argument("status", metavar="STATUS", type=click.Choice(STATUSES))
@click.argument("original", metavar="[OF]", default="")
@click.option("--why", metavar="TEXT", default="", help="The reason, in one line; rejected needs one.")
@findings_option
def command(identity: str, status: Status, original: str, why: str, directory: Path) -> int:
    """Set a finding's status: new, confirmed, fixed, duplicate or rejected.

    A duplicate is one OF another finding, whose id follows: set ID duplicate OF. A reason belongs to the status that it
    was given with. Where all of this is said already, nothing is written.
    """
    why = why.strip()
    if (status == "duplicate") != bool(original):
        raise click.UsageError(
            "status duplicate needs the id of the finding that it duplicates, and no other takes one"
        )
    if status == "rejected" and not why:
        raise click.UsageError("status rejected needs a reason: --why TEXT")
    if not why.isprintable():
        raise click.BadParameter(f"supported: one line of printable text, got {why!r}", param_hint="--why")
    store = open_store(directory)
    before = load_entry(store, identity).finding
    try:
        with bad_input(StoreError):
            after = store.set_status(identity, status, why, original).finding
    except KeyError as error:
        raise unknown_finding(store, error.args[0]) from None
    click.echo(
        f"{identity}: {said(after)} already" if after == before else f"{identity}: {said(before)} -> {said(after)}"
    )
    return CLEAN
