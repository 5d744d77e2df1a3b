"""`sysfuzz campaign stop`: ask whoever runs a campaign to end."""

from pathlib import Path

import click

from sysfuzz.campaign.durable import Damaged
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.lock import holder, is_held
from sysfuzz.campaign.opening import Refused, load_campaign
from sysfuzz.cli.errors import CLEAN, bad_input
from sysfuzz.cli.inputs import GivenPath


@click.command("stop", short_help="Ask a running campaign to end.")
@click.argument("directory", metavar="DIR", type=GivenPath())
def command(directory: Path) -> int:
    """Ask the campaign that runs in DIR, on whichever machine, to end: it commits what its epochs in flight have found."""
    layout = Layout(directory)
    with bad_input(Refused, Damaged):
        load_campaign(layout)
    if not is_held(layout):
        click.echo(f"{directory}: nobody runs this campaign")
        return CLEAN
    with bad_input():
        layout.stop.touch()
    click.echo(f"{directory}: asked to end: {holder(layout)}")
    return CLEAN
