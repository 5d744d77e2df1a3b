"""`sysfuzz campaign fsck`: whether a campaign's directory is sound."""

from datetime import UTC, datetime
from pathlib import Path

import click

from sysfuzz.campaign.check import check
from sysfuzz.campaign.durable import Damaged
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.lock import Held
from sysfuzz.campaign.opening import Refused, clear, load_campaign
from sysfuzz.campaign.visit import visit
from sysfuzz.cli.columns import counted
from sysfuzz.cli.errors import CLEAN, FOUND, bad_input
from sysfuzz.cli.inputs import GivenPath
from sysfuzz.cli.output import check_writable, json_option, say, write_json


@click.command("fsck", short_help="Check that a campaign's directory is sound.")
@click.argument("directory", metavar="DIR", type=GivenPath())
@click.option(
    "--repair",
    "repairs",
    is_flag=True,
    help="Remove unfinished files and half lines first; not while the campaign runs.",
)
@json_option
def command(directory: Path, repairs: bool, json_file: str | None) -> int:
    """Check the directory of a campaign; it may run meanwhile.

    Checked are: that campaign.json, every epoch, fault and line of a log parses; that epochs are numbered without a gap and have their seeds;
    that the programs that they name exist, or were distilled away on record; that each program has its text's hash for a name, and parses;
    that findings load; and that nothing unfinished is older than the last runner.

    Half a last line and unfinished files that are newer are remarks: a runner that was killed leaves them, and the next removes them. Exit
    code 1 if there is a problem.

    \b
    --json writes {"checked": {WHAT: N}, "problems", "remarks", "repaired"}, the last three being lists of lines.
    """
    check_writable(json_file)
    layout = Layout(directory)
    with bad_input(Refused, Damaged, Held):
        load_campaign(layout)
        repaired = []
        if repairs:
            with visit(layout, datetime.now(UTC)):
                repaired = clear(layout)
        checked = check(layout)
    for line in (*repaired, *checked.problems, *(f"remark: {line}" for line in checked.remarks)):
        say(line, json_file)
    say(
        f"{', '.join(_number(count, what) for what, count in checked.counts.items())}: {counted(len(checked.problems), 'problem')}",
        json_file,
    )
    record = {"checked": checked.counts, "problems": checked.problems, "remarks": checked.remarks, "repaired": repaired}
    write_json(json_file, record)
    return FOUND if checked.problems else CLEAN


def _number(count: int, what: str) -> str:
    """A number of things, of which `what` is the plural, such as "lines of features"."""
    things, space, rest = what.partition(" ")
    return counted(count, things.removesuffix("s")) + space + rest
