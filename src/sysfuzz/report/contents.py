"""What a report says, whatever its format: the findings of a store with their programs and explanations, sorted by what is to be done.

A finding that cannot be explained is reported all the same, with the reason. How a target is run and which buckets are
ignored is passed in, as are the time and the versions; this file knows no format.
"""

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sysfuzz.findings.explanation import Explanation
from sysfuzz.findings.files import StoreError, located
from sysfuzz.findings.finding import Finding, Status
from sysfuzz.findings.kin import elders
from sysfuzz.findings.reproducer import replay_command
from sysfuzz.findings.severity import SEVERITIES, Severity, is_bug
from sysfuzz.findings.store import Entry, Listing, Store
from sysfuzz.program.ir import Program
from sysfuzz.program.text import TextError, load

# Somebody has to act on these. The others are kept so that nobody looks at them twice.
OPEN: tuple[Status, ...] = ("new", "confirmed")

TIME = "%Y-%m-%dT%H:%M:%SZ"


class Unexplained(Exception):
    """There is no explanation; `str(error)` is one line that says why."""


# Runs a finding's program on its target. Raises Unexplained.
Explain = Callable[[Finding, Program], Explanation]


class Item(NamedTuple):
    """One finding with what is beside it on disk and what a run of it shows now."""

    entry: Entry
    location: str  # of the program: relative to where the report is made, with `/`
    text: str  # of the program, as it is on disk; "" if it cannot be read
    program: Program | None
    lines: tuple[int, ...]  # of each op in `text`, from 1
    explanation: Explanation | None
    unexplained: str  # why there is none
    ignored: str  # why nobody wants to hear of this bucket; "" if somebody does
    kin_of: str  # id of a simpler finding that may be the same bug; "" if there is none
    notes: str  # people's words

    @property
    def finding(self) -> Finding:
        """What is known."""
        return self.entry.finding

    @property
    def line(self) -> int:
        """Line of the op that the evidence is about; 1 where there is none, as at boot."""
        return self.line_of(self.finding.evidence.op)

    def line_of(self, op: int) -> int:
        """Line of an op; 1 where there is none."""
        return self.lines[op] if 0 <= op < len(self.lines) else 1

    @property
    def is_back(self) -> bool:
        """Whether it is said to be fixed and shows itself all the same."""
        return self.finding.status == "fixed" and self.explanation is not None

    @property
    def is_open(self) -> bool:
        """Whether somebody has to act on it, unless it is ignored."""
        return self.finding.status in OPEN or self.is_back

    @property
    def summary(self) -> str:
        """What went wrong, in one line."""
        return self.explanation.summary if self.explanation else self.evidence

    @property
    def evidence(self) -> str:
        """What the oracle said when the finding was stored."""
        said = self.finding.evidence
        return f"{place(said.op)}: expected {said.expected}, got {said.actual}"

    @property
    def standing(self) -> str:
        """Status with what people said about it: `duplicate of ID (why)`."""
        finding = self.finding
        other = f" of {finding.duplicate_of}" if finding.duplicate_of else ""
        back = ", but shows itself again" if self.is_back else ""
        return f"{finding.status}{other}" + (f" ({finding.why})" if finding.why else "") + back

    @property
    def times(self) -> str:
        """How often it was seen."""
        return "once" if self.finding.count == 1 else f"{self.finding.count:,} times"

    @property
    def commands(self) -> tuple[tuple[str, str], ...]:
        """(what for, command line) from where the report is made."""
        home = self.entry.directory.parent
        options = [] if home == Path("findings") else ["--findings", str(home)]
        return (
            ("replay", replay_command(self.entry.program, self.finding.target)),
            ("minimise", shlex.join(["sysfuzz", "minimise", self.entry.id, *options])),
            ("explain", shlex.join(["sysfuzz", "triage", "explain", self.entry.id, *options])),
            ("regress", shlex.join(["sysfuzz", "regress", self.entry.id, *options])),
        )


class Report(NamedTuple):
    """The findings of one store, the worst first in each part."""

    directory: Path  # as it was given
    made: datetime  # UTC
    versions: Mapping[str, str]  # of sysfuzz and of what it rests on
    open: tuple[Item, ...]
    by_design: tuple[Item, ...]  # open, but the design's own documents state it: no bugs
    closed: tuple[Item, ...]  # fixed, duplicate, rejected
    ignored: tuple[Item, ...]
    damaged: tuple[str, ...]  # what cannot be read, one located line each
    hidden: int  # findings that were not asked for

    @property
    def items(self) -> tuple[Item, ...]:
        """All that can be read."""
        return self.open + self.by_design + self.closed + self.ignored

    @property
    def counts(self) -> dict[Severity, int]:
        """Open bugs by severity, the worst first."""
        return {
            severity: sum(item.finding.severity == severity for item in self.open)
            for severity in SEVERITIES
            if is_bug(severity)
        }


def gather(
    store: Store,
    listing: Listing,
    *,
    root: Path,
    made: datetime,
    versions: Mapping[str, str],
    wanted: Callable[[Finding], bool],
    explain: Explain,
    ignored: Callable[[Finding], str],
) -> Report:
    """The report on `listing`, which was read from `store`.

    `root` is where the report is made: locations are relative to it. `ignored` gives the reason why a finding is, or "".
    """
    damaged = list(listing.damaged)
    chosen = [entry for entry in listing.entries if wanted(entry.finding)]
    kin = elders(listing.entries)
    items = [
        _item(store, entry, root, explain, ignored(entry.finding), kin.get(entry.id, ""), damaged) for entry in chosen
    ]
    heard = [item for item in items if not item.ignored]
    return Report(
        directory=store.directory,
        made=made,
        versions=versions,
        open=tuple(item for item in heard if item.is_open and is_bug(item.finding.severity)),
        by_design=tuple(item for item in heard if item.is_open and not is_bug(item.finding.severity)),
        closed=tuple(item for item in heard if not item.is_open),
        ignored=tuple(item for item in items if item.ignored),
        damaged=tuple(damaged),
        hidden=len(listing.entries) - len(chosen),
    )


def place(op: int) -> str:
    """Where something went wrong."""
    return f"op {op}" if op >= 0 else "boot"


def _item(
    store: Store, entry: Entry, root: Path, explain: Explain, ignored: str, kin_of: str, damaged: list[str]
) -> Item:
    """The finding with its program and explanation; a file of it that cannot be read is added to `damaged`."""
    source, text, notes = None, "", ""
    explanation, unexplained = None, ""
    try:
        with located(entry.program, "cannot read"):
            source = load(entry.program)
            text = entry.program.read_text(encoding="utf-8")
    except (TextError, StoreError) as error:
        unexplained = str(error)
        damaged.append(unexplained)
    else:
        try:
            explanation = explain(entry.finding, source.program)
        except Unexplained as error:
            unexplained = str(error)
    try:
        notes = store.notes(entry.id)
    except StoreError as error:
        damaged.append(str(error))
    return Item(
        entry=entry,
        location=_location(entry.program, root),
        text=text,
        program=source.program if source else None,
        lines=source.lines if source else (),
        explanation=explanation,
        unexplained=unexplained,
        ignored=ignored,
        kin_of=kin_of,
        notes=notes,
    )


def _location(program: Path, root: Path) -> str:
    """Where the program is as seen from `root`; what lies elsewhere is named by its last three parts, which the store itself gives it."""
    path = Path(os.path.normpath(root / program))
    parts: Sequence[str] = path.relative_to(root).parts if path.is_relative_to(root) else path.parts[-3:]
    return "/".join(parts)
