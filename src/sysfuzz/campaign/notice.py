"""Noticing findings: whatever workers, people or searches have changed in the store is told to the log, to the care and to the herald.

Workers record findings themselves, at once; nothing is lost if the runner dies before it has noticed.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from sysfuzz.campaign.care import Care
from sysfuzz.campaign.events import Event, EventLog
from sysfuzz.campaign.herald import Herald
from sysfuzz.campaign.layout import name_of
from sysfuzz.campaign.shelf import Change, Shelf
from sysfuzz.findings.files import StoreError, read_text
from sysfuzz.findings.severity import rank, severity_of
from sysfuzz.findings.store import Entry


class _Due(NamedTuple):
    """A change that is to be told."""

    change: Change
    known: bool  # it was there before this run


class Notice:
    """What is known to have been noticed, and whom to tell of the rest."""

    def __init__(
        self,
        findings: Path,
        core: str,
        log: EventLog,
        past: Iterable[Event],
        ears: list[str],
        care: Care,
        herald: Herald,
    ) -> None:
        """`core` is the version that runs, `ears` those whom the herald tells."""
        self._shelf = Shelf(findings)
        self._core = core
        self._log = log
        self._ears = ears
        self._care = care
        self._herald = herald
        self._oracles: dict[str, str] = {}  # the worst face that was told, by id
        self._seeds: dict[int, list[str]] = {}  # ids of new findings by the seed of the worker that met them
        self._unread: dict[str, _Due] = {}  # by id: what could not be told, since the program could not be read
        self._back: set[str] = set()  # ids of findings that are said to be fixed, and have reappeared in this run
        for event in past:
            if event["event"] == "finding":
                self._oracles[event["finding"]] = event["oracle"]

    def look(self, *, known: bool = False) -> None:
        """Tell what is new. `known`: it was there before this run. Raises StoreError if no finding can be seen.

        One whose program cannot be read is told as a failure, once, and looked at again until it can.
        """
        changes = {change.entry.id: _Due(change, known) for change in self._shelf.look()}
        for identity, due in (self._unread | changes).items():
            was_told = self._unread.pop(identity, None) is not None
            if identity not in self._shelf.entries:
                continue
            try:
                self._tell(due, name_of(read_text(due.change.entry.program)))
            except StoreError as error:
                self._unread[identity] = due
                if not was_told:
                    self._log.add("failed", what="read", finding=identity, why=str(error))

    def remind(self, untold: Iterable[tuple[str, str, str]]) -> None:
        """Tell the herald what the runner before this one could not tell any more."""
        for identity, what, ear in untold:
            if identity in self._shelf.entries:
                self._herald.tell(self._shelf.entries[identity], what, [ear])

    def of_seed(self, seed: int) -> tuple[str, ...]:
        """The new findings that a worker with this seed has met first. One that took a dead worker's place has another seed."""
        return tuple(self._seeds.get(seed, ()))

    def entries(self) -> Mapping[str, Entry]:
        """The findings, by id."""
        return self._shelf.entries

    def _tell(self, due: _Due, program: str) -> None:
        """Tell whoever is to hear of it; `program` is the name of its program. Raises StoreError."""
        entry = due.change.entry
        what = self._what(due.change)
        if what:
            if what == "new":
                self._seeds.setdefault(entry.finding.provenance.seed, []).append(entry.id)
            self._oracles[entry.id] = entry.finding.oracle
            self._log.add(
                "finding", what=what, finding=entry.id, bucket=entry.finding.bucket, oracle=entry.finding.oracle,
                severity=entry.finding.severity, to=self._ears, core="" if due.known else self._core, program=program,
            )  # fmt: skip
            self._herald.tell(entry, what, self._ears)
        self._care.offer(entry, fresh=what in ("new", "worse") and not due.known)

    def _what(self, change: Change) -> str:
        before, entry = change
        oracle = self._oracles.get(entry.id)
        if oracle is None:
            return "new"
        if rank(severity_of(oracle)) > rank(entry.finding.severity):
            return "worse"
        is_back = before is not None and entry.finding.status == "fixed" == before.finding.status
        if is_back and before is not None and entry.finding.count > before.finding.count and entry.id not in self._back:
            self._back.add(entry.id)
            return "reappeared"
        return ""
