"""A depot: an object store, or any other place that fsspec can reach, that holds all that a campaign's directory holds.

The directory is written first and is what the driver works with. The depot follows, the programs always before the records that name them, so
that it can be opened at any moment as the directory of a killed runner can. It has one driver at a time: whoever has it says so in holder.json,
and a directory that somebody else has gone on without is refused. Knows nothing of what the files mean.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import fsspec

from sysfuzz.campaign.durable import UNFINISHED, Damaged, dump, make, read, show, sync
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.lock import Held
from sysfuzz.campaign.opening import Refused
from sysfuzz.findings.times import stamp, time_of

_HOLDER = "holder.json"
_SNAPSHOTS = "snapshots"
_MARK = "depot.json"  # in the directory: how far the depot has followed it
# In this order; what names others comes after them. Of the first and the fourth no file is ever rewritten.
_GROUPS = ("corpus", "features", "findings", "faults", "distilled.jsonl", "epochs", "events.jsonl", "campaign.json")
_WRITTEN_ONCE = ("corpus", "epochs")
_AT_ONCE = 256  # files under way at a time, where the store takes several
SILENCE = 120.0  # seconds: whoever has said nothing for longer does not live; it does so every few
_CACHED = 4  # snapshots of 50 KB


class Depot:
    """A place by its URL. Raises Refused if there is no such kind of place; anything else that goes wrong there is an OSError."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise Refused(f"{url}: {error}") from None
        self._renames = "file" in _protocols(self._files)  # elsewhere a file is there as a whole or not at all

    # -- the corpus of an epoch ---------------------------------------------------------------------------------------

    def keep(self, packed: bytes) -> str:
        """Keep a corpus for the machines that will ask for it; its name."""
        name = _name(packed)
        self._put({f"{_SNAPSHOTS}/{name}": packed})
        return name

    def snapshot(self, name: str) -> bytes:
        """The corpus with this name. OSError."""
        return _snapshot(self.url, name)

    def forget(self, used: Iterable[str]) -> None:
        """Remove all corpora but those."""
        gone = set(self._names(_SNAPSHOTS)) - {f"{_SNAPSHOTS}/{name}" for name in used}
        self._remove(gone)

    def get(self, name: str) -> bytes:
        """What a file holds. OSError."""
        data: bytes = self._files.cat_file(f"{self._root}/{name}")
        return data

    # -- files --------------------------------------------------------------------------------------------------------

    def _put(self, files: Mapping[str, bytes]) -> None:
        if not self._renames:
            self._files.pipe({f"{self._root}/{name}": data for name, data in files.items()})
            return
        for name, data in files.items():
            path = Path(self._root) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f".new-{path.name}")
            unfinished.write_bytes(data)
            os.replace(unfinished, path)

    def _remove(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            self._files.rm_file(f"{self._root}/{name}")

    def _names(self, below: str) -> list[str]:
        """The files below a directory of the depot; a directory's listing may be remembered by fsspec, and is asked for anew."""
        self._files.invalidate_cache()
        whole = self._files.find(f"{self._root}/{below}" if below else self._root)
        names = [str(path).removeprefix(f"{self._root}/") for path in whole]
        return sorted(name for name in names if not name.rpartition("/")[2].startswith("."))


class Mirror:
    """The depot of one directory, which is locked; one thread at a time. OSError: the depot cannot be reached, and nothing is lost."""

    def __init__(self, depot: Depot, layout: Layout, who: Mapping[str, object], now: datetime) -> None:
        """Make both hold the same. Raises Held, Refused, Damaged."""
        self._depot = depot
        self._layout = layout
        self._me = {name: who.get(name) for name in ("host", "pid", "started", "command")}
        self._sent: dict[str, tuple[int, int]] = {}  # time and size of each file that the depot has
        holder = self._holder()
        mark = read(layout.home / _MARK) if (layout.home / _MARK).exists() else {}
        if holder and not holder["left"] and (now - time_of(holder["when"])).total_seconds() < SILENCE:
            raise Held(
                f"{depot.url}: another process has this campaign: process {holder.get('pid')} on {holder.get('host')}"
            )
        self._number = int(holder.get("number", 0))
        if not layout.campaign.exists():
            self._fetch()
        elif holder and (mark.get("url") != depot.url or mark["number"] < self._number):
            raise Refused(
                f"{layout.home}: the campaign in {depot.url} has gone on without it; supported: an empty directory"
            )
        self._known = set(depot._names(""))
        self.send(now)

    def send(self, now: datetime) -> int:
        """Let the depot hold what the directory holds; how many files that took. Raises Held if somebody else has it by now."""
        holder = self._holder()
        if holder.get("number", 0) > self._number:
            raise Held(
                f"{self._depot.url}: process {holder.get('pid')} on {holder.get('host')} has gone on with this campaign"
            )
        self._number += 1
        show(self._layout.home / _MARK, {"url": self._depot.url, "number": self._number})
        count = 0
        for group in _GROUPS:
            batch: dict[str, bytes] = {}
            for name, path, seen in self._changed(group):
                try:
                    batch[name] = path.read_bytes()
                except FileNotFoundError:  # people may remove a finding at any time
                    continue
                self._sent[name] = seen
                if len(batch) == _AT_ONCE:
                    count += self._through(batch)
            count += self._through(batch)
        gone = {name for name in self._known if name.partition("/")[0] in _GROUPS and not self._exists(name)}
        self._depot._remove(gone)
        self._known -= gone
        self._say(now, left=False)
        return count

    def close(self, now: datetime) -> None:
        """Send the last, and let others have the depot."""
        self.send(now)
        self._say(now, left=True)

    def _through(self, batch: dict[str, bytes]) -> int:
        if batch:
            try:
                self._depot._put(batch)
            except BaseException:
                for name in batch:
                    del self._sent[name]
                raise
            self._known |= batch.keys()
        count = len(batch)
        batch.clear()
        return count

    def _changed(self, group: str) -> Iterator[tuple[str, Path, tuple[int, int]]]:
        """Files that the depot does not hold as they are."""
        top = self._layout.home / group
        if top.is_file():
            yield from self._file(top, group)
            return
        for where, directories, names in os.walk(top):
            directories[:] = sorted(name for name in directories if name[0] != ".")
            for name in sorted(names):
                if name[0] != ".":
                    path = Path(where) / name
                    yield from self._file(path, path.relative_to(self._layout.home).as_posix())

    def _file(self, path: Path, name: str) -> Iterator[tuple[str, Path, tuple[int, int]]]:
        if name in self._known and name.partition("/")[0] in _WRITTEN_ONCE:
            return
        try:
            seen = path.stat()
        except FileNotFoundError:
            return
        if self._sent.get(name) != (seen.st_mtime_ns, seen.st_size):
            yield name, path, (seen.st_mtime_ns, seen.st_size)

    def _exists(self, name: str) -> bool:
        return (self._layout.home / name).exists()

    def _fetch(self) -> None:
        """Let the directory hold what the depot holds; what the campaign is comes last, so that half a copy is no campaign."""
        names = [name for name in self._depot._names("") if name.partition("/")[0] in _GROUPS]
        for name in sorted(names, key=lambda name: (name == "campaign.json", name)):
            path = self._layout.home / name
            make(path.parent)
            _write(path, self._depot.get(name))

    def _holder(self) -> dict[str, Any]:
        try:
            data = self._depot.get(_HOLDER)
        except FileNotFoundError:
            return {}
        try:
            holder: dict[str, Any] = json.loads(data)
            time_of(holder["when"])
        except (ValueError, KeyError, TypeError):
            raise Damaged(f"{self._depot.url}/{_HOLDER}: says nothing about a holder") from None
        return holder

    def _say(self, now: datetime, *, left: bool) -> None:
        record = {**self._me, "when": stamp(now), "number": self._number, "left": left}
        self._depot._put({_HOLDER: dump(record).encode()})


@lru_cache(maxsize=_CACHED)
def _snapshot(url: str, name: str) -> bytes:
    packed = Depot(url).get(f"{_SNAPSHOTS}/{name}")
    if _name(packed) != name:
        raise OSError(f"{url}/{_SNAPSHOTS}/{name}: is not what was written")
    return packed


def _write(path: Path, data: bytes) -> None:
    """As `durable.write`, whatever people have put into a file."""
    unfinished = path.with_name(f"{UNFINISHED}{path.name}")
    with unfinished.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)
    sync(path.parent)


def _name(packed: bytes) -> str:
    return hashlib.sha256(packed).hexdigest()[:16]


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)
