"""Opening a campaign: what the last runner has left is made ready for the next, whatever became of it.

Only the holder of the lock may do this. What nobody lives to end is removed; what the programs show on this version of the core is read,
and where nobody has told yet, asked. Programs are not run otherwise, and nothing else is changed.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from sysfuzz.campaign.cover import Cover
from sysfuzz.campaign.durable import Damaged, append, dump, lines, make, mend, read, strays, write
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.records import Campaign, sound_features
from sysfuzz.campaign.shard import features_line
from sysfuzz.campaign.task import Surveyed, surveyed
from sysfuzz.engine.faults import Fault
from sysfuzz.program.text import TextError, load
from sysfuzz.program.wire import encode

_BATCH = 256  # programs between two looks at whether to stop


class Refused(Exception):
    """The directory holds another campaign, or none; the text is one line."""


class Missing(NamedTuple):
    """A program of which nobody has told what it shows on this version of the core."""

    shard: str
    name: str


def create(layout: Layout, target: str | None, seed: int | None, otherwise: int, now: str) -> Campaign:
    """The campaign of a directory; a new one where there is none, with `otherwise` for its seed if none is given. Raises Refused, Damaged,
    OSError.
    """
    if not layout.campaign.exists():
        if target is None:
            raise Refused(f"{layout.home}: holds no campaign yet: a target is needed to begin one")
        campaign = Campaign(target=target, seed=otherwise if seed is None else seed, created=now)
        write(layout.campaign, dump(campaign.record()))
        return campaign
    campaign = load_campaign(layout)
    for name, wanted, has in (("target", target, campaign.target), ("seed", seed, campaign.seed)):
        if wanted not in (None, has):
            raise Refused(
                f"{layout.home}: the campaign's {name} is {has}, not {wanted}; supported: that, or another directory"
            )
    return campaign


def load_campaign(layout: Layout) -> Campaign:
    """The campaign of a directory. Raises Refused, Damaged, OSError."""
    if not layout.campaign.exists():
        raise Refused(f"{layout.home}: holds no campaign")
    return Campaign.load(read(layout.campaign), str(layout.campaign))


def tidy(layout: Layout) -> list[str]:
    """Remove what a runner that died was writing; a line for each."""
    done = clear(layout)
    for path in layout.live("*").parent.glob("*.json"):
        path.unlink(missing_ok=True)
    return done


def clear(layout: Layout) -> list[str]:
    """Remove unfinished files and half lines; a line for each. The lock is held. Raises OSError.

    What is there is on the disk then. What a killed runner has left may be in memory only, and must not be lost with the machine after this one
    has relied on it.
    """
    os.sync()
    done = []
    for path in strays(layout.home):
        path.unlink()
        done.append(f"{path}: was not written to its end, removed")
    for path in line_files(layout):
        cut = mend(path)
        if cut:
            done.append(f"{path}: half a line at its end, {cut} bytes, removed")
    return done


def line_files(layout: Layout) -> list[Path]:
    """The files that grow by lines, in order."""
    found = [path for path in (layout.events, layout.distilled) if path.exists()]
    return found + sorted((layout.home / "features").glob("*/*.jsonl"))


class Contents:
    """The programs of a campaign, and what they show on one version of the core."""

    def __init__(self, layout: Layout, core: str) -> None:
        """Read who shows what. Raises Damaged, OSError."""
        self.cover = Cover()
        self.shards: dict[str, str] = {}  # by program
        self.missing: list[Missing] = []
        self._layout = layout
        self._core = core
        self._data: dict[str, bytes] = {}
        for shard in layout.shard_names():
            self._read(shard)

    def _read(self, shard: str) -> None:
        names = set(self._layout.program_names(shard)) - self.shards.keys()
        self.shards |= dict.fromkeys(sorted(names), shard)
        for line in lines(self._layout.features(self._core, shard), sound=sound_features):
            name = line.record["program"]
            if name in names:
                names.remove(name)
                self.cover.add(name, line.record["features"] or {}, line.record["size"])
        self.missing += [Missing(shard, name) for name in sorted(names)]

    def data(self, name: str) -> bytes:
        """A program in the engine's canonical form. Raises Damaged, OSError."""
        if name not in self._data:
            path = self._layout.program(self.shards[name], name)
            try:
                self._data[name] = encode(load(path).program)
            except TextError as error:
                raise Damaged(str(error)) from None
        return self._data[name]

    def survey(self, target: str, workers: int, stop: Callable[[], bool], check: Callable[[], None]) -> list[Fault]:
        """Ask what is missing, and write it down, a batch at a time; the faults that came of it. `check` raises whatever it likes if the core is
        not that version any more. Raises EngineError, Damaged, OSError.
        """
        faults: list[Fault] = []
        batches = _batches(self.missing)
        with ThreadPoolExecutor(workers) as pool:
            while (now := list(islice(batches, workers))) and not stop():
                inputs = [[self.data(missing.name) for missing in batch] for batch in now]
                found = list(pool.map(surveyed, [target] * len(now), inputs))
                check()
                for batch, rows in zip(now, found, strict=True):
                    faults += self._surveyed(batch, rows)
        return faults

    def know(self, name: str, shard: str, data: bytes) -> None:
        """Know a program that a shard has got."""
        self.shards[name] = shard
        self._data[name] = data

    def _surveyed(self, batch: list[Missing], rows: list[Surveyed]) -> Iterable[Fault]:
        added: dict[str, list[dict[str, object]]] = {}
        for missing, row in zip(batch, rows, strict=True):
            shown = None if row.fault else row.features
            added.setdefault(missing.shard, []).append(features_line(missing.name, len(row.data), shown))
            self.cover.add(missing.name, shown or {}, len(row.data))
        for shard, records in added.items():
            path = self._layout.features(self._core, shard)
            make(path.parent)
            append(path, records)
        return [row.fault for row in rows if row.fault]


def _batches(missing: list[Missing]) -> Iterator[list[Missing]]:
    for start in range(0, len(missing), _BATCH):
        yield missing[start : start + _BATCH]
