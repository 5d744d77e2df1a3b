"""`sysfuzz corpus`: the group of verbs about corpora, each in a file of its own."""

import click

from sysfuzz.cli import corpus_distil, corpus_export


@click.group("corpus")
def command() -> None:
    """Look after a corpus."""


for _verb in (corpus_distil, corpus_export):
    command.add_command(_verb.command)
