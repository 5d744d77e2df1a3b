"""The consistency of a campaign's directory, checked from its files alone: whatever a runner relies on, and whatever a killed one may leave.

* campaign.json, every epoch, fault and line of a log is JSON, and holds what whoever reads it relies on (`records`)
* epochs are numbered without a gap, lie where they say, and have the seed that the campaign gives them
* every program that an epoch names exists, or was distilled away on record; so does every program of which features are told
* every program's name is the hash of its text, and it parses
* findings load, and their programs parse
* nothing is left of a write that a runner before the last one did not end

What the last runner may have left when it was killed is a remark and no problem, since the next one removes it: half a last line, an unfinished
file. So are programs that no epoch names.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sysfuzz.campaign.durable import Damaged, lines, read, strays
from sysfuzz.campaign.faultbook import faults
from sysfuzz.campaign.layout import SEEDS, Layout, name_of
from sysfuzz.campaign.opening import Refused, line_files, load_campaign
from sysfuzz.campaign.records import Campaign, Epoch, sound_distilled, sound_event, sound_features
from sysfuzz.campaign.seeds import epoch_seed
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.store import ORIGINAL, PROGRAM, Store
from sysfuzz.findings.times import time_of
from sysfuzz.program.text import TextError, load, parse


class Checked(NamedTuple):
    """What was looked at, and what was found; problems and remarks are one line each."""

    counts: dict[str, int]  # of what was looked at
    problems: tuple[str, ...]
    remarks: tuple[str, ...]


def check(layout: Layout) -> Checked:
    """Look at everything. A runner may be at work meanwhile. Raises OSError."""
    checking = _Checking(layout)
    problems = list(checking.problems())
    return Checked(checking.counts, tuple(problems), tuple(checking.remarks()))


class _Checking:
    """One check; epochs are read before programs, and these before what was distilled away, so that no runner can be in between."""

    def __init__(self, layout: Layout) -> None:
        self.counts = dict.fromkeys(("epochs", "programs", "lines of features", "events", "findings", "faults"), 0)
        self._layout = layout
        self._named: dict[str, str] = {}  # where a program is named
        self._told: dict[str, str] = {}  # where its features are

    def problems(self) -> Iterator[str]:
        """Everything that is wrong."""
        try:
            campaign = load_campaign(self._layout)
        except (Refused, Damaged, OSError) as error:
            yield _words(error)
            return
        yield from self._epochs(campaign)
        yield from self._features()
        here: set[str] = set()
        yield from self._programs(here)
        yield from self._logs(here)
        for named in (self._named, self._told):
            for program, where in named.items():
                if program not in here:
                    yield f"{where}: names program {program}, which does not exist, and was not distilled away"
        yield from self._findings()
        yield from self._faults()
        yield from self._strays()

    def remarks(self) -> Iterator[str]:
        """What the next runner will put right, or does not matter."""
        for path in line_files(self._layout):
            data = path.read_bytes()
            if data and not data.endswith(b"\n"):
                yield f"{path}: ends with half a line"
        for path in strays(self._layout.home):
            yield f"{path}: was not written to its end"
        for shard in self._layout.shard_names():
            idle = [name for name in self._layout.program_names(shard) if name not in self._named]
            if idle and shard != SEEDS:
                yield f"{self._layout.shards / shard}: {len(idle):,} programs of an epoch that was not finished"

    def _epochs(self, campaign: Campaign) -> Iterator[str]:
        for shard in self._layout.epoch_shards():
            numbers = self._layout.epoch_numbers(shard)
            if numbers != list(range(len(numbers))):
                missing = sorted(set(range(numbers[-1])) - set(numbers))
                yield f"{self._layout.epochs / shard}: epoch {missing[0]} is missing"
            for number in numbers:
                self.counts["epochs"] += 1
                path = self._layout.epoch(shard, number)
                try:
                    epoch = Epoch.load(read(path), str(path))
                except (Damaged, OSError) as error:
                    yield _words(error)
                    continue
                if (epoch.shard, epoch.number) != (shard, number):
                    yield f"{path}: is epoch {epoch.number} of {epoch.shard}"
                if epoch.seed != epoch_seed(campaign.seed, shard, number):
                    yield f"{path}: seed: {epoch.seed} is not that of the campaign's seed {campaign.seed}"
                self._named |= dict.fromkeys(epoch.programs, str(path))

    def _features(self) -> Iterator[str]:
        for path in sorted((self._layout.home / "features").glob("*/*.jsonl")):
            try:
                for line in lines(path, sound=sound_features):
                    self.counts["lines of features"] += 1
                    self._told[line.record["program"]] = str(path)
            except (Damaged, OSError) as error:
                yield _words(error)

    def _programs(self, here: set[str]) -> Iterator[str]:
        for shard in self._layout.shard_names():
            for name in self._layout.program_names(shard):
                self.counts["programs"] += 1
                path = self._layout.program(shard, name)
                try:
                    data = path.read_bytes()
                    text = data.decode()
                    parse(text, str(path))
                except FileNotFoundError:
                    continue  # distilled away just now
                except UnicodeDecodeError as error:
                    yield f"{path}: cannot be read: {error}"
                    continue
                except OSError as error:
                    yield _words(error)
                    continue
                except TextError as error:
                    yield _words(error)
                    continue
                here.add(name)
                if name_of(text) != name:
                    yield f"{path}: is not what was written: its text's hash is {name_of(text)}"

    def _logs(self, here: set[str]) -> Iterator[str]:
        try:
            for _ in lines(self._layout.events, sound=sound_event):
                self.counts["events"] += 1
        except (Damaged, OSError) as error:
            yield _words(error)
        try:
            here |= {line.record["program"] for line in lines(self._layout.distilled, sound=sound_distilled)}
        except (Damaged, OSError) as error:
            yield _words(error)

    def _findings(self) -> Iterator[str]:
        try:
            listing = Store(self._layout.findings).entries()
        except StoreError as error:
            yield _words(error)
            return
        yield from listing.damaged
        for entry in listing.entries:
            self.counts["findings"] += 1
            for name in (PROGRAM, ORIGINAL):
                try:
                    load(entry.directory / name)
                except (OSError, TextError) as error:
                    yield _words(error)

    def _faults(self) -> Iterator[str]:
        try:
            for fault in faults(self._layout):
                self.counts["faults"] += 1
                load(self._layout.faults / f"{fault.name}.prog")
        except (Damaged, OSError, TextError) as error:
            yield _words(error)

    def _strays(self) -> Iterator[str]:
        """Unfinished files that the last runner should have removed when it started."""
        try:
            started = time_of(str(read(self._layout.runner).get("started"))).timestamp()
        except (OSError, Damaged, ValueError):
            return
        for path in strays(self._layout.home):
            if _time(path) < started:
                yield f"{path}: was not written to its end, and is older than the last runner"


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")  # it has just been written to its end
