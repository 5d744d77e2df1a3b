"""`sysfuzz triage show`: one finding in full."""

from pathlib import Path

import click

from sysfuzz.cli import render
from sysfuzz.cli.errors import CLEAN, BadInput, bad_input
from sysfuzz.cli.inputs import Named, open_target, read_program
from sysfuzz.cli.running import run
from sysfuzz.cli.triage_explain import told
from sysfuzz.cli.triage_store import facts, findings_option, ignore_option, ignored_by, load_entry, open_store
from sysfuzz.findings.bucket import bucket_of
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.store import FINDING, NOTES
from sysfuzz.program.text import format_source


@click.command("show", short_help="Show one finding in full.")
@click.argument("identity", metavar="ID")
@findings_option
@ignore_option
def command(identity: str, directory: Path, ignore_file: Path | None) -> int:
    """Show one finding: what is known, the program, what it does when it is run now, and people's notes.

    Where there are no notes, the finding is explained, as 'explain ID' does.
    """
    store = open_store(directory)
    entry = load_entry(store, identity)
    ignored = ignored_by(directory, ignore_file)
    with bad_input(StoreError):
        notes = store.notes(identity)
    source = read_program(entry.program)
    for line in facts(entry, ignored.reason(entry.finding)):
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
        if shown and not notes:
            click.echo(f"{entry.directory / NOTES}: empty; explained:\n{_indented(told(entry, source))}")
            return code
    click.echo(f"{entry.directory / NOTES}:\n{_indented(notes)}" if notes else f"{entry.directory / NOTES}: empty")
    return code


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())
