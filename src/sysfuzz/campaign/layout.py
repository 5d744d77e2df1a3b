"""The directory of a campaign: where everything lies, and nothing of what it means.

campaign.json                       what the campaign is; written once
.lock                               held by the process that runs it
runner.json                         who that is
live/<shard>.json                   what its worker does just now; may be lost
corpus/<shard>/<hash>.prog          programs, named by the hash of their text
features/<core>/<shard>.jsonl       the features of each program, by version of the core
epochs/<shard>/<number>.json        finished epochs
events.jsonl                        what else has happened, in order
distilled.jsonl                     programs that were removed since others show as much
findings/                           the store
faults/                             the engine's own, each with an input
stop                                asks the runner to end
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

SCHEMA = 1  # of all files together; campaign.json says it for all of them, and each epoch, which may travel alone, for itself
SEEDS = "seeds"  # the shard of the programs that a user has given; the runner writes it
_DIGITS = 16  # of a hash, in hex


class Layout(NamedTuple):
    """The paths of one campaign."""

    home: Path

    @property
    def campaign(self) -> Path:
        """What the campaign is."""
        return self.home / "campaign.json"

    @property
    def lock(self) -> Path:
        """Held by the runner."""
        return self.home / ".lock"

    @property
    def runner(self) -> Path:
        """Who runs it, or ran it last."""
        return self.home / "runner.json"

    @property
    def stop(self) -> Path:
        """Its existence asks the runner to end."""
        return self.home / "stop"

    @property
    def events(self) -> Path:
        """The log."""
        return self.home / "events.jsonl"

    @property
    def distilled(self) -> Path:
        """A line for each program that was removed."""
        return self.home / "distilled.jsonl"

    @property
    def findings(self) -> Path:
        """The store."""
        return self.home / "findings"

    @property
    def faults(self) -> Path:
        """Engine faults."""
        return self.home / "faults"

    @property
    def shards(self) -> Path:
        """The directory of the shards."""
        return self.home / "corpus"

    @property
    def epochs(self) -> Path:
        """The directory of the records, by shard."""
        return self.home / "epochs"

    def live(self, shard: str) -> Path:
        """What the worker of a shard does."""
        return self.home / "live" / f"{shard}.json"

    def program(self, shard: str, program: str) -> Path:
        """A program of a shard."""
        return self.shards / shard / f"{program}.prog"

    def features(self, core: str, shard: str) -> Path:
        """The features of the programs of a shard, on one version of the core."""
        return self.home / "features" / core / f"{shard}.jsonl"

    def epoch(self, shard: str, number: int) -> Path:
        """The record of an epoch."""
        return self.epochs / shard / f"{number:08}.json"

    def shard_names(self) -> list[str]:
        """The shards that hold programs, in order."""
        return _directories(self.shards)

    def program_names(self, shard: str) -> list[str]:
        """The programs of a shard, in order."""
        return sorted(
            path.stem for path in _listed(self.shards / shard) if path.suffix == ".prog" and path.name[0] != "."
        )

    def epoch_numbers(self, shard: str) -> list[int]:
        """The finished epochs of a shard, in order."""
        return sorted(
            int(path.stem) for path in _listed(self.epochs / shard) if path.suffix == ".json" and path.stem.isdecimal()
        )

    def epoch_shards(self) -> list[str]:
        """The shards that have finished an epoch, in order."""
        return _directories(self.epochs)


def name_of(text: str) -> str:
    """The name of the program with this text."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _listed(directory: Path) -> list[Path]:
    return list(directory.iterdir()) if directory.is_dir() else []


def _directories(directory: Path) -> list[str]:
    return sorted(path.name for path in _listed(directory) if path.is_dir() and path.name[0] != ".")
