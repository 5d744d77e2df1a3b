"""The directory of findings: one subdirectory for each bug, which people read, edit and commit.

    findings/<slug>/finding.json    what is known
                    program.prog    shows the bug; smaller once it is minimised
                    original.prog   as it was found
                    notes.md        people's words: made empty, never written again

Several processes may record at once. What was recorded is never lost: each step leaves the old state or the new. There
is no clock here.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sysfuzz.findings import record
from sysfuzz.findings.bucket import slug_of
from sysfuzz.findings.files import StoreError, add_directory, located, locked, replace_files
from sysfuzz.findings.finding import Finding, Sighting
from sysfuzz.findings.reproducer import reproducer
from sysfuzz.findings.severity import rank

FINDING, PROGRAM, ORIGINAL, NOTES = "finding.json", "program.prog", "original.prog", "notes.md"


class Entry(NamedTuple):
    """A finding and the subdirectory that holds it, whose name is the finding's id."""

    id: str
    finding: Finding
    directory: Path

    @property
    def program(self) -> Path:
        """The program that shows the bug."""
        return self.directory / PROGRAM


class Recorded(NamedTuple):
    """What `Store.record` did. All three false: a known bug was counted."""

    entry: Entry
    new: bool = False  # the bucket was not known
    worsened: bool = False  # a worse face took the place of the old one, and its program
    reappeared: bool = False  # the bug is said to be fixed


class Listing(NamedTuple):
    """The findings of a store, the worst first, and what cannot be read."""

    entries: tuple[Entry, ...]
    damaged: tuple[str, ...]  # one located line each


class Store:
    """Findings under one directory, which is made when the first is recorded."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def prepare(self) -> None:
        """Make the directory and see that it can be written. Raises StoreError."""
        with locked(self.directory):
            pass

    def record(self, sighting: Sighting, when: datetime) -> Recorded:
        """Add a bug, or count one more sighting of a known one.

        Raises StoreError if that cannot be written, or the known one not read; then nothing is changed.
        """
        identity = slug_of(sighting.target, sighting.bucket)
        directory = self.directory / identity
        with locked(self.directory):
            if not directory.exists():
                finding = Finding.first(sighting, when)
                text = self._reproducer(sighting)
                add_directory(directory, {FINDING: record.dump(finding), PROGRAM: text, ORIGINAL: text, NOTES: ""})
                return Recorded(Entry(identity, finding, directory), new=True)
            known = self._read(identity)
            finding = known.after(sighting, when)
            worsened = known.is_worsened_by(sighting)
            programs = dict.fromkeys((ORIGINAL, PROGRAM), self._reproducer(sighting)) if worsened else {}
            replace_files(directory, {**programs, FINDING: record.dump(finding)})
        return Recorded(Entry(identity, finding, directory), worsened=worsened, reappeared=known.status == "fixed")

    def load(self, identity: str) -> Entry:
        """The finding with this id. Raises KeyError if there is none, StoreError if it cannot be read."""
        if identity not in self._ids():
            raise KeyError(identity)
        return Entry(identity, self._read(identity), self.directory / identity)

    def entries(self) -> Listing:
        """All findings; what is no finding is passed over. Raises StoreError if the directory cannot be read."""
        entries: list[Entry] = []
        damaged: list[str] = []
        for identity in self._ids():
            try:
                entries.append(self.load(identity))
            except StoreError as error:
                damaged.append(str(error))
        entries.sort(key=lambda entry: (rank(entry.finding.severity), entry.id))
        return Listing(tuple(entries), tuple(damaged))

    def _ids(self) -> list[str]:
        """Names of the subdirectories that say that they hold a finding; none if there is no store yet."""
        with located(self.directory, "cannot read the directory"):
            try:
                names = sorted(os.listdir(self.directory))
            except FileNotFoundError:
                return []
            return [name for name in names if name[0] != "." and (self.directory / name / FINDING).exists()]

    def _read(self, identity: str) -> Finding:
        path = self.directory / identity / FINDING
        with located(path, "cannot read"):
            text = path.read_bytes().decode(errors="replace")
        try:
            finding = record.load(text, str(path))
        except record.DamagedFinding as error:
            raise StoreError(str(error)) from None
        owner = slug_of(finding.target, finding.bucket)
        if owner != identity:
            raise StoreError(f"{path}: holds the finding of directory {owner}")
        return finding

    def _reproducer(self, sighting: Sighting) -> str:
        # Not the whole path: it is the user's, and the file may be committed.
        path = Path(self.directory.name, slug_of(sighting.target, sighting.bucket), PROGRAM)
        return reproducer(sighting.program, sighting.target, sighting.bucket, path)
