"""Distilling a campaign: programs that are not needed to show what all of them show are removed, and every removal is on record before it
happens.

Only while nobody runs the campaign. What is told of a removed program for other versions of the core stays, and means nothing any more.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from sysfuzz.campaign.core import Core
from sysfuzz.campaign.durable import append, dump, lines, sync, write
from sysfuzz.campaign.events import EventLog
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.opening import Contents, load_campaign, tidy
from sysfuzz.campaign.visit import visit
from sysfuzz.findings.times import stamp


class Counts(NamedTuple):
    """Programs of a shard before and after."""

    before: int
    after: int


class Pruned(NamedTuple):
    """What was done."""

    shards: dict[str, Counts]
    features: dict[str, int]  # by domain, before as after
    surveyed: int  # programs that had to be run on this version of the core first


def prune(layout: Layout, clock: Callable[[], datetime]) -> Pruned:
    """Distil a campaign. Raises Held, Refused, Damaged, EngineError, Changed, OSError; then nothing is lost."""
    campaign = load_campaign(layout)
    with visit(layout, clock()) as place:
        tidy(layout)
        target = Core.of(campaign.target)
        core = target.version
        contents = Contents(layout, core)
        missing = len(contents.missing)
        contents.survey(campaign.target, 1, lambda: False, target.check)
        kept = set(contents.cover.smallest())
        place.check()
        _assert_covers(layout, core, kept, contents)
        going = {name: shard for name, shard in contents.shards.items() if name not in kept}
        now = stamp(clock())
        append(
            layout.distilled,
            [{"program": name, "shard": shard, "core": core, "when": now} for name, shard in going.items()],
        )
        for name, shard in going.items():
            layout.program(shard, name).unlink()
        counts = {}
        for shard in layout.shard_names():
            sync(layout.shards / shard)
            path = layout.features(core, shard)
            if path.exists():
                write(path, "".join(dump(line.record) for line in lines(path) if line.record["program"] not in going))
            after = len(layout.program_names(shard))
            counts[shard] = Counts(after + sum(place == shard for place in going.values()), after)
        EventLog(layout, clock, lambda event: None).add("distilled", core=core, removed=len(going), kept=len(kept))
        return Pruned(counts, contents.cover.features(), missing)


def _assert_covers(layout: Layout, core: str, kept: set[str], contents: Contents) -> None:
    """That the files themselves say that no feature goes."""
    shown: dict[str, set[str]] = {}
    for shard in layout.shard_names():
        for line in lines(layout.features(core, shard)):
            if line.record["program"] in kept:
                for domain, names in (line.record["features"] or {}).items():
                    shown.setdefault(domain, set()).update(names)
    after = {domain: len(names) for domain, names in sorted(shown.items()) if names}
    assert after == contents.cover.features(), (
        f"distilling would lose features: {contents.cover.features()} became {after}"
    )
