"""Merging into a campaign: programs from elsewhere are given to it, of which it keeps those that show it anything new.

Only while nobody runs the campaign. Programs that showed a bug elsewhere are also run as an epoch would run them: what they show here is
replayed and counted in the store, whatever anybody has said of it there. Where programs come from, and how they were read, is not known here.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from sysfuzz.campaign.core import Core
from sysfuzz.campaign.events import Event, EventLog
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.ledger import Ledger, Limits
from sysfuzz.campaign.opening import load_campaign, tidy
from sysfuzz.campaign.records import Campaign
from sysfuzz.campaign.shard import Program
from sysfuzz.campaign.visit import visit
from sysfuzz.engine.replayer import Replayer
from sysfuzz.findings.store import Store
from sysfuzz.program.source import Source
from sysfuzz.program.wire import encode
from sysfuzz.targets.table import Target

_NO_EPOCH = Limits(runs=0, rss_limit_mb=0, sources="")


class Given(NamedTuple):
    """What became of programs; the last three make up the first."""

    read: int
    there: int  # the campaign had it, or the same program was given before
    idle: int  # shows nothing new
    kept: int
    gained: dict[str, int]  # features that the campaign did not have, by domain


class Rerun(NamedTuple):
    """What became of programs that showed a bug elsewhere."""

    run: int
    shown: int  # of them, how many show one here
    new: int  # findings that the campaign did not have
    faults: tuple[str, ...]  # of those that did not repeat, a located line each


class Merge:
    """A campaign that can be merged into, for as long as nobody else has it."""

    def __init__(self, layout: Layout, campaign: Campaign, ledger: Ledger, log: EventLog) -> None:
        self._layout = layout
        self._campaign = campaign
        self._ledger = ledger
        self._log = log

    @property
    def programs(self) -> int:
        """How many the campaign has."""
        return self._ledger.programs()

    @property
    def features(self) -> dict[str, int]:
        """How many it has, by domain."""
        return self._ledger.features()

    @property
    def faults(self) -> int:
        """Distinct ones of the engine, such as programs that end whoever runs them."""
        return len(self._ledger.faults)

    def give(self, sources: Sequence[Source]) -> Given:
        """Give programs to the campaign. Raises EngineError, Changed, OSError: then it has got none of them."""
        known = {name for shard in self._layout.shard_names() for name in self._layout.program_names(shard)}
        new = {program.name: program.data for source in sources if (program := _program(source)).name not in known}
        before, programs = self.features, self.programs
        if new:
            self._ledger.give(tuple(new.values()))
            self._log.add(
                "corpus", programs=self.programs, chosen=self._ledger.chosen(), features=self._ledger.features()
            )
        kept = self.programs - programs
        gained = {domain: more for domain, count in self.features.items() if (more := count - before.get(domain, 0))}
        return Given(len(sources), len(sources) - len(new), len(new) - kept, kept, gained)

    def rerun(self, target: Target, sources: Sequence[Source]) -> Rerun:
        """Run programs on the campaign's target, and record the bugs that they show. Raises StoreError, and what a core of one's own does."""
        store = Store(self._layout.findings)
        before = set(store.ids())
        replayer = Replayer(target, store, self._campaign.seed)
        shown = sum(bool(replayer.run(source)) for source in sources)
        replayer.close()
        return Rerun(len(sources), shown, len(set(store.ids()) - before), tuple(replayer.faults))


@contextmanager
def merging(layout: Layout, clock: Callable[[], datetime], heard: Callable[[Event], None]) -> Iterator[Merge]:
    """Have a campaign to merge into; `heard` gets each event of its log. What its programs show on the core as it is now is asked first.

    Raises Held, Refused, Damaged, EngineError, Changed, OSError.
    """
    campaign = load_campaign(layout)
    with visit(layout, clock()) as place:
        tidy(layout)
        log = EventLog(layout, clock, heard)
        ledger = Ledger(layout, campaign, Core.of(campaign.target), place, log, clock, _NO_EPOCH)
        ledger.survey(1, lambda: False)
        yield Merge(layout, campaign, ledger, log)


def _program(source: Source) -> Program:
    return Program.of(encode(source.program), None)
