"""What a change has brought: the findings of a run, and the golden programs that fail, beside what was known before.

A bug that nobody knew of, or that is said to be fixed, is news; everything else a run may show as often as it likes. Where the knowledge comes
from is the business of `base`, and what becomes of news that of whoever asks.
"""

import glob
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from sysfuzz.ci.base import Base
from sysfuzz.findings.finding import Finding
from sysfuzz.findings.ignore import Ignored, IgnoreList
from sysfuzz.findings.severity import is_bug
from sysfuzz.program.golden import Golden, Miss, misses
from sysfuzz.targets.table import Target

Standing = Literal["new", "back", "known", "by design", "ignored"]

STANDINGS: tuple[Standing, ...] = ("new", "back", "known", "by design", "ignored")
NEWS: tuple[Standing, ...] = ("new", "back")  # what a run must not show

# How a golden program stands that fails and shows no bug: nothing says that this was known.
BROKEN = "broken"


def standing(identity: str, finding: Finding, base: Base, ignored: IgnoreList) -> Standing:
    """How a finding of a run stands to what was known."""
    if ignored.reason(finding):
        return "ignored"
    if not is_bug(finding.severity):
        return "by design"
    known = _spokesman(identity, base.findings)
    if known is None:
        return "new"
    return "back" if known.status == "fixed" else "known"


def accepted(base: Base, ignored: IgnoreList) -> IgnoreList:
    """The ignore list, and behind it an entry for each finding that is known and not said to be fixed: what need not be told."""
    known = [
        Ignored(0, glob.escape(finding.target), glob.escape(finding.bucket), f"{finding.status} in {base.source}")
        for identity, finding in base.findings.items()
        if (speaks := _spokesman(identity, base.findings)) is not None and speaks.status != "fixed"
    ]
    return IgnoreList(ignored.file, (*ignored.entries, *known))


def _spokesman(identity: str, findings: Mapping[str, Finding]) -> Finding | None:
    """The finding whose status counts for a bug: its own, or that of what it is a duplicate of, as far as that is known."""
    seen: set[str] = set()
    while (finding := findings.get(identity)) is not None and identity not in seen:
        seen.add(identity)
        if finding.duplicate_of not in findings:
            return finding
        identity = finding.duplicate_of
    return finding


class Checked(NamedTuple):
    """A golden program that was run on a target."""

    golden: Golden
    target: str
    misses: tuple[Miss, ...]  # none: it holds
    buckets: tuple[str, ...]  # of the bugs that it shows

    @property
    def file(self) -> str:
        """Where it was read from."""
        return self.golden.source.file


def check(target: Target, golden: Golden, buckets: tuple[str, ...]) -> Checked:
    """Compare what a golden program yields with what it states; `buckets` are those that a replay has shown."""
    missed = misses(golden, target.run(golden.source.program))
    return Checked(golden, target.name, tuple(missed), buckets)


def outcome(checked: Checked, standings: Mapping[tuple[str, str], Standing]) -> str:
    """How a golden program stands: "" if it holds, else as the worst of the bugs that it shows does, by target and bucket.

    BROKEN if it shows none.
    """
    if not checked.misses:
        return ""
    return _worst(standings[checked.target, bucket] for bucket in checked.buckets)


def _worst(found: Iterable[Standing]) -> str:
    return min(found, key=STANDINGS.index, default=BROKEN)
