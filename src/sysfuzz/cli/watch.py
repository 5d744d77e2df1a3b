"""What a run adds to a store: told as it happens, and summed up in the end.

The engine's workers record findings themselves; the parent learns of them by looking into the store. Whatever another
run adds to the same directory at the same time is taken for this run's.
"""

from typing import NamedTuple

from sysfuzz.findings.finding import Finding
from sysfuzz.findings.store import Entry, Store


class News(NamedTuple):
    """Something about a finding that people should hear at once."""

    entry: Entry
    what: str  # "new", "worse" (a more severe face of a known bug), "reappeared" (it is said to be fixed)


class Seen(NamedTuple):
    """A finding that the run has met, and in how many executions."""

    entry: Entry
    executions: int


class Watch:
    """A store as it was, and what has changed since. Raises StoreError if it cannot be read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._before: dict[str, Finding] = {entry.id: entry.finding for entry in store.entries().entries}
        self._told = dict(self._before)

    def news(self) -> list[News]:
        """What was not told yet, the worst first."""
        news = []
        for entry in self._store.entries().entries:
            told = self._told.get(entry.id)
            if told is None:
                news.append(News(entry, "new"))
            elif told.oracle != entry.finding.oracle:
                news.append(News(entry, "worse"))
            elif entry.finding.status == "fixed" and entry.finding.count > told.count == self._count_before(entry):
                news.append(News(entry, "reappeared"))
            self._told[entry.id] = entry.finding
        return news

    def seen(self) -> list[Seen]:
        """The findings of this run, the worst first."""
        entries = self._store.entries().entries
        seen = (Seen(entry, entry.finding.count - self._count_before(entry)) for entry in entries)
        return [one for one in seen if one.executions > 0]

    def _count_before(self, entry: Entry) -> int:
        before = self._before.get(entry.id)
        return before.count if before else 0
