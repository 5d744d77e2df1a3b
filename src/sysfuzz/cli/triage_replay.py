"""A finding's program run again, and what its status makes of that: the judgement behind `triage verify`.

What people said is compared with what the target does now; neither is changed, and nothing is told to anybody here.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Literal, NamedTuple

from sysfuzz.cli.errors import EngineFault
from sysfuzz.cli.inputs import Named, open_target, read_program
from sysfuzz.cli.running import run
from sysfuzz.findings.bucket import group
from sysfuzz.findings.finding import Status
from sysfuzz.findings.ignore import IgnoreList
from sysfuzz.findings.severity import rank, severity_of
from sysfuzz.findings.store import FINDING, Entry
from sysfuzz.targets.table import Target

REPLAYS = 10  # all must agree, as when the finding was recorded

Change = Literal["gone", "back", "milder", "as said", "settled"]

# Whether a finding of this status must show its bucket. About the others people have decided: nothing that they do is news.
_MUST_SHOW: Mapping[Status, bool] = {"new": True, "confirmed": True, "fixed": False}


class Replayed(NamedTuple):
    """What a finding's program showed in each of its replays."""

    shown: bool  # its bucket
    milder: str  # the oracle that shows it now, if that is less severe than what was recorded; else ""
    others: tuple[str, ...]  # further buckets, in order of appearance


class Replayer:
    """Runs programs on the targets of their findings, each of which is opened once."""

    def __init__(self) -> None:
        self._targets: dict[str, Target] = {}

    def replay(self, entry: Entry) -> Replayed:
        """Run the finding's program. Raises BadInput if it or the target cannot be used, EngineFault if two replays differ."""
        source = read_program(entry.program)
        target = self._target(entry)
        shown: Counter[str] = Counter()
        faces: dict[str, str] = {}  # the worst oracle by bucket
        for _ in range(REPLAYS):
            groups = group(run(target, source).verdicts)
            shown.update(groups.keys())
            faces |= {bucket: verdicts[0].oracle for bucket, verdicts in groups.items()}
        differing = [f"{bucket} in {count}" for bucket, count in shown.items() if count != REPLAYS]
        if differing:
            raise EngineFault(f"{entry.program}: {REPLAYS} replays on {target.name} differ: {', '.join(differing)}")
        bucket = entry.finding.bucket
        face = faces.get(bucket, entry.finding.oracle)
        milder = face if rank(severity_of(face)) > rank(entry.finding.severity) else ""
        return Replayed(bucket in shown, milder, tuple(other for other in shown if other != bucket))

    def _target(self, entry: Entry) -> Target:
        name = entry.finding.target
        if name not in self._targets:
            self._targets[name] = open_target(Named(name, str(entry.directory / FINDING)))
        return self._targets[name]


def original(entry: Entry, known: Mapping[str, Entry], ignored: IgnoreList) -> Entry:
    """The finding whose status counts: this one, or if it is a duplicate, the end of its chain as far as that is `known`, by id."""
    seen: set[str] = set()
    while not ignored.reason(entry.finding) and entry.id not in seen and entry.finding.duplicate_of in known:
        seen.add(entry.id)
        entry = known[entry.finding.duplicate_of]
    return entry


def settled(entry: Entry, ignored: IgnoreList) -> str:
    """Why nothing that a finding does is a change: "ignored", or its status; "" if something is."""
    if ignored.reason(entry.finding):
        return "ignored"
    return "" if entry.finding.status in _MUST_SHOW else entry.finding.status


def change(entry: Entry, replayed: Replayed, ignored: IgnoreList) -> Change:
    """What has become of a bug of which people say what `entry` has."""
    if settled(entry, ignored):
        return "settled"
    if _MUST_SHOW[entry.finding.status] != replayed.shown:
        return "back" if replayed.shown else "gone"
    return "milder" if replayed.shown and replayed.milder else "as said"
