"""`sysfuzz triage explain`: why a finding happens, in words, and as its notes where people have written none."""

from pathlib import Path

import click

from sysfuzz.cli.errors import CLEAN, FOUND, bad_input
from sysfuzz.cli.inputs import Named, open_target, read_program
from sysfuzz.cli.running import located
from sysfuzz.cli.triage_store import facts, findings_option, ignore_option, ignored_by, load_entry, open_store
from sysfuzz.findings.explain import explain
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.store import FINDING, NOTES, Entry
from sysfuzz.findings.story import story
from sysfuzz.program.text import Source


@click.command("explain", short_help="Explain why a finding happens.")
@click.argument("identity", metavar="ID")
@click.option("--save", is_flag=True, help="Also write it to the finding's notes.md, if that is empty.")
@findings_option
@ignore_option
def command(identity: str, save: bool, directory: Path, ignore_file: Path | None) -> int:
    """Explain a finding: the op where core and spec part, the life of the page that mattered, the entry, the rule.

    The program is run for it. Exit code 1 if it does not show its bug any more; then there is nothing to explain. What
    --save has written counts as people's notes and is never written again, so minimise first.
    """
    store = open_store(directory)
    entry = load_entry(store, identity)
    ignored = ignored_by(directory, ignore_file)
    text = told(entry, read_program(entry.program))
    for line in facts(entry, ignored.reason(entry.finding)):
        click.echo(line)
    if not text:
        click.echo("\nrun now, the program does not show the bug: nothing to explain")
        return FOUND
    click.echo(f"\n{text.rstrip()}")
    if save:
        with bad_input(StoreError):
            written = store.write_notes(identity, text)
        notes = entry.directory / NOTES
        click.echo(f"\n{notes}: {'written' if written else 'has notes already; nothing is written'}")
    return CLEAN


def told(entry: Entry, source: Source) -> str:
    """The story of a finding, as Markdown; "" if its program, run now, does not show it."""
    target = open_target(Named(entry.finding.target, str(entry.directory / FINDING)))
    with located(target, source):
        explanation = explain(target, source.program, entry.finding.bucket)
    return "" if explanation is None else story(explanation, source.program)
