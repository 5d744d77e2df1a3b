"""The directory of findings: one subdirectory for each bug, which people read, edit and commit.

    findings/<slug>/finding.json    what is known
                    program.prog    shows the bug; smaller once it is minimised
                    original.prog   as it was found
                    notes.md        people's words: made empty, written only while it is

Several processes may record at once. What was recorded is never lost: each step leaves the old state or the new. There
is no clock here.
"""

import errno
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sysfuzz.findings import record
from sysfuzz.findings.bucket import slug_of
from sysfuzz.findings.files import StoreError, add_directory, located, locked, read_text, replace_files
from sysfuzz.findings.finding import Evidence, Finding, Replays, Sighting, Status
from sysfuzz.findings.reproducer import reproducer
from sysfuzz.findings.severity import rank
from sysfuzz.program.ir import Program
from sysfuzz.program.text import TextError
from sysfuzz.program.text import load as load_program

FINDING, PROGRAM, ORIGINAL, NOTES = "finding.json", "program.prog", "original.prog", "notes.md"

_NOTHING = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


class Entry(NamedTuple):
    """A finding and the subdirectory that holds it, whose name is the finding's id."""

    id: str
    finding: Finding
    directory: Path

    @property
    def program(self) -> Path:
        """The program that shows the bug."""
        return self.directory / PROGRAM


class Mark(NamedTuple):
    """How a file stands: it has another one once it is replaced or written to."""

    modified: int  # ns
    inode: int
    size: int  # bytes


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
                text = self._reproducer(finding, sighting.program)
                add_directory(directory, {FINDING: record.dump(finding), PROGRAM: text, ORIGINAL: text, NOTES: ""})
                return Recorded(Entry(identity, finding, directory), new=True)
            known = self._read(identity)
            finding = known.after(sighting, when)
            worsened = known.is_worsened_by(sighting)
            programs = (
                dict.fromkeys((ORIGINAL, PROGRAM), self._reproducer(finding, sighting.program)) if worsened else {}
            )
            replace_files(directory, {**programs, FINDING: record.dump(finding)})
        return Recorded(Entry(identity, finding, directory), worsened=worsened, reappeared=known.status == "fixed")

    def replace_program(
        self,
        identity: str,
        program: Program,
        evidence: Evidence,
        replays: Replays,
        instead_of: Program | None = None,
    ) -> Entry:
        """Let `program`, a smaller one, show the bug from now on; the finding's evidence and replays become its own.

        `original.prog` stays. Raises KeyError if there is no such finding, StoreError if all of this is stored already,
        if by now another program than `instead_of` is, as when a worse face has been recorded, or if the finding cannot
        be read or written. A disk that fails between the two files leaves the new program with the old evidence; to do
        it again mends that.
        """
        with locked(self.directory):
            entry = self.load(identity)
            with located(entry.program, "cannot read"):
                try:
                    stored = load_program(entry.program).program
                except TextError as error:
                    raise StoreError(str(error)) from None
            finding = replace(entry.finding, evidence=evidence, replays=replays)
            if (stored, entry.finding) == (program, finding):
                raise StoreError(f"{entry.program}: is that program already")
            if instead_of is not None and stored not in (instead_of, program):
                raise StoreError(f"{entry.program}: has been replaced by another program")
            text = self._reproducer(finding, program)
            replace_files(entry.directory, {PROGRAM: text, FINDING: record.dump(finding)})
        return entry._replace(finding=finding)

    def set_status(self, identity: str, status: Status, why: str = "", duplicate_of: str = "") -> Entry:
        """Say what people think of a finding; nothing is written if that is what it says already.

        `why` is one line of text; without it, that of the same status stays. `duplicate_of` belongs to status
        "duplicate" and names another finding, from which no duplicates lead back. Raises KeyError with the id that is
        not here, StoreError if any of the rest does not hold, or if a finding cannot be read or written; then nothing
        is changed.
        """
        with locked(self.directory):
            entry = self.load(identity)
            if not why.isprintable():
                raise StoreError(f"{entry.directory / FINDING}: why: expected a line of text, got {why!r}")
            if bool(duplicate_of) != (status == "duplicate"):
                raise StoreError(
                    f"{entry.directory / FINDING}: duplicate_of: needed with status duplicate, and only there"
                )
            if duplicate_of:
                self.load(duplicate_of)  # it must be here
            chain = self._chain(duplicate_of)
            if identity in chain:
                way = " -> ".join([identity, *chain[: chain.index(identity) + 1]])
                raise StoreError(f"{entry.directory / FINDING}: duplicate_of: leads back: {way}")
            if (status, duplicate_of) == (entry.finding.status, entry.finding.duplicate_of):
                why = why or entry.finding.why
            finding = replace(entry.finding, status=status, why=why, duplicate_of=duplicate_of)
            if finding != entry.finding:
                replace_files(entry.directory, {FINDING: record.dump(finding)})
        return entry._replace(finding=finding)

    def notes(self, identity: str) -> str:
        """People's words about a finding, without white space around them. Raises StoreError."""
        path = self.directory / identity / NOTES
        return read_text(path).strip() if path.exists() else ""

    def write_notes(self, identity: str, text: str) -> bool:
        """Write notes where there are none; whether there were none. Raises KeyError, and StoreError if that cannot be written."""
        with locked(self.directory):
            entry = self.load(identity)
            if self.notes(identity):
                return False
            replace_files(entry.directory, {NOTES: text})
        return True

    def load(self, identity: str) -> Entry:
        """The finding with this id. Raises KeyError if there is none, StoreError if it cannot be read."""
        if not self._holds(identity):
            raise KeyError(identity)
        return Entry(identity, self._read(identity), self.directory / identity)

    def entries(self) -> Listing:
        """All findings; what is no finding is passed over. Raises StoreError if the directory cannot be read."""
        entries: list[Entry] = []
        damaged: list[str] = []
        for identity in self.ids():
            try:
                entries.append(Entry(identity, self._read(identity), self.directory / identity))
            except StoreError as error:
                damaged.append(str(error))
        entries.sort(key=lambda entry: (rank(entry.finding.severity), entry.id))
        return Listing(tuple(entries), tuple(damaged))

    def ids(self) -> list[str]:
        """Names of the subdirectories that say that they hold a finding, in order; none if there is no store yet. Raises StoreError."""
        return list(self.marks())

    def marks(self) -> dict[str, Mark]:
        """How the file of each finding stands, by id, in order; one with the same mark as before has not changed. Raises StoreError."""
        with located(self.directory, "cannot read the directory"):
            try:
                directory = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except FileNotFoundError:
                return {}
            try:
                names = sorted(name for name in os.listdir(directory) if name[0] != ".")
                found = ((name, _mark(f"{name}/{FINDING}", directory)) for name in names)
                return {name: mark for name, mark in found if mark is not None}
            finally:
                os.close(directory)

    def _holds(self, identity: str) -> bool:
        """Whether `ids` names it; the others are not looked at."""
        if identity[:1] in ("", ".") or "/" in identity:
            return False
        with located(self.directory, "cannot read the directory"):
            return _mark(f"{self.directory}/{identity}/{FINDING}", None) is not None

    def _read(self, identity: str) -> Finding:
        path = self.directory / identity / FINDING
        try:
            finding = record.load(read_text(path), str(path))
        except record.DamagedFinding as error:
            raise StoreError(str(error)) from None
        owner = slug_of(finding.target, finding.bucket)
        if owner != identity:
            raise StoreError(f"{path}: holds the finding of directory {owner}")
        if path.with_name(PROGRAM).is_fifo():  # whoever reads it would wait for ever
            raise StoreError(f"{path.with_name(PROGRAM)}: is a pipe; supported: a file")
        return finding

    def _chain(self, identity: str) -> list[str]:
        """`identity`, what that is a duplicate of, and so on until there is none, it is not here, or it was named before."""
        chain: list[str] = []
        while self._holds(identity) and identity not in chain:
            chain.append(identity)
            identity = self._read(identity).duplicate_of
        return chain

    def _reproducer(self, finding: Finding, program: Program) -> str:
        # As the directory was given, if that was from where the commands are run; a whole path is the user's own, and the file may be committed.
        given = self.directory
        home = given if not given.is_absolute() and ".." not in given.parts else Path(given.name)
        return reproducer(
            program, finding.target, finding.bucket, home / slug_of(finding.target, finding.bucket) / PROGRAM
        )


def _mark(path: str, directory: int | None) -> Mark | None:
    """The mark of a file, which may be seen from an open directory; None if nothing of this name is there, or can be. OSError."""
    try:
        found = os.stat(path, dir_fd=directory)
    except ValueError:  # no name of a file
        return None
    except OSError as error:
        if error.errno in _NOTHING:
            return None
        raise
    return Mark(found.st_mtime_ns, found.st_ino, found.st_size)
