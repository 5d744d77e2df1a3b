"""What is to be said about all findings at once: how many there are of each kind, which are the newest, and who has which id."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from sysfuzz.campaign.state import Finding, State
from sysfuzz.dashboard.latest import latest_findings
from sysfuzz.findings.finding import Status
from sysfuzz.findings.severity import Severity, is_bug
from sysfuzz.report.contents import OPEN

_NEWEST = 5


class Census(NamedTuple):
    """Of a campaign's findings; bugs are those that the design does not state."""

    by_id: Mapping[str, Finding]
    counts: Mapping[tuple[Severity, Status], int]  # 0 for what there is none of
    bugs: int
    open: int  # bugs that somebody has to act on
    newest: tuple[Finding, ...]  # bugs, the newest first
    oracles: tuple[str, ...]  # of bugs, in order


@latest_findings
def census(state: State) -> Census:
    """The census of what was found up to a look."""
    bugs = [found for found in state.findings if is_bug(found.entry.finding.severity)]
    return Census(
        by_id={found.entry.id: found for found in state.findings},
        counts=Counter((found.entry.finding.severity, found.entry.finding.status) for found in state.findings),
        bugs=len(bugs),
        open=sum(found.entry.finding.status in OPEN or found.life == "regression" for found in bugs),
        newest=tuple(sorted(bugs, key=lambda found: found.entry.finding.first_seen, reverse=True)[:_NEWEST]),
        oracles=tuple(sorted({found.entry.finding.oracle for found in bugs})),
    )
