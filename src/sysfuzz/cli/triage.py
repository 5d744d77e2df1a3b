"""`sysfuzz triage`: the group of verbs about findings, each in a file of its own."""

import click

from sysfuzz.cli import triage_explain, triage_list, triage_set, triage_show, triage_verify


@click.group("triage")
def command() -> None:
    """Look through findings."""


for _verb in (triage_list, triage_show, triage_explain, triage_set, triage_verify):
    command.add_command(_verb.command)
