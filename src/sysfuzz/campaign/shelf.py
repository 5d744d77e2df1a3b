"""The findings of a store, read again only where they have changed: thousands of them cost a look each, and not a parse."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sysfuzz.findings.files import StoreError
from sysfuzz.findings.store import Entry, Mark, Store


class Change(NamedTuple):
    """A finding that is not as it was at the last look; `before` is None if it is new."""

    before: Entry | None
    entry: Entry


class Shelf:
    """A store as it was at the last look."""

    def __init__(self, directory: Path) -> None:
        self.entries: dict[str, Entry] = {}  # by id
        self.damaged: dict[str, str] = {}  # a line for each that cannot be read, by id
        self.version = 0  # grows when a look has seen a change
        self._store = Store(directory)
        self._read: dict[str, Mark] = {}  # of the files that were read

    def look(self) -> list[Change]:
        """What has changed since the last look, by id. A finding that somebody has removed is forgotten. Raises StoreError."""
        marks = self._store.marks()
        if marks == self._read:
            return []
        for gone in self._read.keys() - marks.keys():
            self.entries.pop(gone, None)
            self.damaged.pop(gone, None)
        changed = [identity for identity, state in marks.items() if self._read.get(identity) != state]
        self._read = marks
        self.version += 1
        changes = []
        for identity, found in self._load(changed):
            before = self.entries.pop(identity, None)
            self.damaged.pop(identity, None)
            if isinstance(found, Entry):
                self.entries[identity] = found
                changes.append(Change(before, found))
            else:
                self.damaged[identity] = found
        return changes

    def _load(self, ids: list[str]) -> Iterator[tuple[str, Entry | str]]:
        """Each finding, or why it cannot be read."""
        for identity in ids:
            try:
                yield identity, self._store.load(identity)
            except KeyError:
                continue
            except StoreError as error:
                yield identity, str(error)
