"""The findings of a store, read again only where they have changed: thousands of them cost a look each, and not a parse."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sysfuzz.findings.files import StoreError, located
from sysfuzz.findings.store import FINDING, Entry, Store

_FEW = 10


class Change(NamedTuple):
    """A finding that is not as it was at the last look; `before` is None if it is new."""

    before: Entry | None
    entry: Entry


class Shelf:
    """A store as it was at the last look."""

    def __init__(self, directory: Path) -> None:
        self.entries: dict[str, Entry] = {}  # by id
        self.damaged: dict[str, str] = {}  # a line for each that cannot be read, by id
        self._store = Store(directory)
        self._read: dict[str, tuple[int, int]] = {}  # time and inode of the file that was read

    def look(self) -> list[Change]:
        """What has changed since the last look, by id. A finding that somebody has removed is forgotten. Raises StoreError."""
        states = self._states()
        for gone in self._read.keys() - states.keys():
            self.entries.pop(gone, None)
            self.damaged.pop(gone, None)
        changed = [identity for identity, state in states.items() if self._read.get(identity) != state]
        self._read = states
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

    def _states(self) -> dict[str, tuple[int, int]]:
        """Time and inode of each finding's file, by id and in order: what `Store.ids` lists, with one look each."""
        directory = self._store.directory
        with located(directory, "cannot read the directory"):
            try:
                names = sorted(os.listdir(directory))
            except FileNotFoundError:
                return {}
            states = {}
            for name in names:
                if name[0] != ".":
                    with suppress(FileNotFoundError, NotADirectoryError):
                        state = os.stat(f"{directory}/{name}/{FINDING}")
                        states[name] = state.st_mtime_ns, state.st_ino
        return states

    def _load(self, ids: list[str]) -> Iterator[tuple[str, Entry | str]]:
        """Each finding, or why it cannot be read."""
        if len(ids) > _FEW:  # to load one by its id the store looks at the names of all
            known = {entry.id: entry for entry in self._store.entries().entries}
            for identity in ids:
                if identity in known:
                    yield identity, known[identity]
            ids = [identity for identity in ids if identity not in known]
        for identity in ids:
            try:
                yield identity, self._store.load(identity)
            except KeyError:
                continue
            except StoreError as error:
                yield identity, str(error)
