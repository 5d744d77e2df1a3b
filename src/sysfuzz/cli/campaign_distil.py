"""`sysfuzz campaign distil`: remove the programs of a campaign that are not needed."""

from datetime import UTC, datetime
from pathlib import Path

import click

from sysfuzz.campaign.core import Changed
from sysfuzz.campaign.durable import Damaged
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.lock import Held
from sysfuzz.campaign.opening import Refused, load_campaign
from sysfuzz.campaign.prune import prune
from sysfuzz.cli.columns import columns, counted
from sysfuzz.cli.errors import CLEAN, BadInput, EngineFault, bad_input, one_line
from sysfuzz.cli.inputs import GivenPath, Named, open_target
from sysfuzz.cli.output import check_writable, json_option, say, write_json
from sysfuzz.engine.process import EngineError


@click.command("distil", short_help="Remove programs that are not needed.")
@click.argument("directory", metavar="DIR", type=GivenPath())
@json_option
def command(directory: Path, json_file: str | None) -> int:
    """Remove the programs of a campaign that show nothing that others do not show, on the core as it is now; not while it runs.

    Programs of which this version of the core has said nothing are run first. Nothing is removed before all features are known to be kept, and
    distilled.jsonl says what was.

    \b
    --json writes {"shards": {SHARD: {"before", "after"}}, "features": {DOMAIN: N}, "surveyed"} with numbers of programs and features.
    """
    check_writable(json_file)
    layout = Layout(directory)
    try:
        with bad_input(Refused, Damaged, Held):
            open_target(Named(load_campaign(layout).target, str(layout.campaign)))
            pruned = prune(layout, lambda: datetime.now(UTC))
    except Changed:
        raise BadInput(
            f"{directory}: sysfuzz or the core has changed meanwhile; nothing was removed, run it again"
        ) from None
    except EngineError as error:
        raise EngineFault(f"{directory}: {one_line(error)}") from error
    total = (
        sum(counts.before for counts in pruned.shards.values()),
        sum(counts.after for counts in pruned.shards.values()),
    )
    rows = [*pruned.shards.items(), ("all", total)]
    for line in columns((name, f"{before:,}", "->", f"{after:,}") for name, (before, after) in rows):
        say(line, json_file)
    features = ", ".join(f"{count:,} {domain}" for domain, count in pruned.features.items())
    say(f"{counted(sum(pruned.features.values()), 'feature')}, none lost: {features}", json_file)
    shards = {name: counts._asdict() for name, counts in pruned.shards.items()}
    write_json(json_file, {"shards": shards, "features": pruned.features, "surveyed": pruned.surveyed})
    return CLEAN
