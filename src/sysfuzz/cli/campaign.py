"""`sysfuzz campaign`: the group of verbs about campaigns, each in a file of its own."""

import click

from sysfuzz.cli import campaign_distil, campaign_fsck, campaign_merge, campaign_run, campaign_status, campaign_stop


@click.group("campaign")
def command() -> None:
    """Fuzz for days: many workers over one directory, which is all that there is to a campaign."""


for _verb in (campaign_run, campaign_status, campaign_stop, campaign_merge, campaign_distil, campaign_fsck):
    command.add_command(_verb.command)
