"""The known weaknesses of a campaign's target beside what was found: which of them are, by which finding, and what is none of them."""

from typing import NamedTuple

from sysfuzz.campaign.state import Finding, State
from sysfuzz.dashboard.latest import latest_findings
from sysfuzz.findings.severity import is_bug
from sysfuzz.targets.designs import DESIGNS, Weakness


class Row(NamedTuple):
    """A weakness, and the findings that show it, the worst first."""

    weakness: Weakness
    findings: tuple[Finding, ...]


class Known(NamedTuple):
    """A design's weaknesses; `others` are bugs that are none of them."""

    design: str
    summary: str
    rows: tuple[Row, ...]
    others: tuple[Finding, ...]

    @property
    def found(self) -> int:
        """How many were found."""
        return sum(bool(row.findings) for row in self.rows)


@latest_findings
def known(state: State) -> Known | None:
    """The weaknesses of the target; None if it is no design of ours."""
    design = DESIGNS.get(state.campaign.target)
    if design is None:
        return None
    by_weakness: dict[Weakness | None, list[Finding]] = {}
    for found in state.findings:
        finding = found.entry.finding
        if finding.target == design.name:
            by_weakness.setdefault(design.weakness(finding.bucket), []).append(found)
    rows = tuple(Row(weakness, tuple(by_weakness.get(weakness, ()))) for weakness in design.weaknesses)
    others = tuple(found for found in by_weakness.get(None, ()) if is_bug(found.entry.finding.severity))
    return Known(design.name, design.summary, rows, others)
