"""A shard: the programs, features and epochs that one worker adds to a campaign. It has one writer at a time, and what it holds is never
rewritten.

An epoch is committed by its record, which comes last: programs, the features that they show, record. Each of the three is on the disk before the
next begins (`durable`), so that neither a killed process nor a crash of the machine, which may lose any of what is not on the disk yet, leaves
features of a program that is not there, or a record whose programs are not. What either leaves at most are programs that no record names; they
are as good as any, and whoever comes next asks what they show.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sysfuzz.campaign.durable import append, dump, make, write, write_all
from sysfuzz.campaign.layout import Layout, name_of
from sysfuzz.campaign.records import Epoch
from sysfuzz.campaign.task import Features
from sysfuzz.findings.reproducer import program_text
from sysfuzz.program.wire import decode


class Program(NamedTuple):
    """A program of a shard. `features` is None if nobody could tell them: it ends the process that runs it."""

    name: str
    text: str
    data: bytes
    features: Features | None

    @classmethod
    def of(cls, data: bytes, features: Features | None) -> "Program":
        """The program in the engine's canonical form `data`."""
        text = program_text(decode(data))
        return cls(name_of(text), text, data, features)

    def line(self) -> dict[str, Any]:
        """What is written of its features, on one version of the core."""
        return features_line(self.name, len(self.data), self.features)


def features_line(name: str, size: int, features: Features | None) -> dict[str, Any]:
    """The features of a program; `size` is that of the engine's form, in bytes."""
    return {"program": name, "size": size, "features": features}


class Shard:
    """The writer of one shard. OSError: nothing that was committed is touched."""

    def __init__(self, layout: Layout, name: str) -> None:
        """Make what is missing."""
        self.name = name
        self._layout = layout
        make(layout.shards / name)
        self.next_number = max(layout.epoch_numbers(name), default=-1) + 1

    def commit(self, epoch: Epoch, programs: Sequence[Program]) -> None:
        """Add the programs of an epoch, and its record."""
        assert (epoch.shard, epoch.number) == (self.name, self.next_number), "epochs are committed in order"
        self.keep(programs)
        self.add_features(epoch.core, [program.line() for program in programs])
        path = self._layout.epoch(self.name, epoch.number)
        make(path.parent)
        write(path, dump(epoch.record()))
        self.next_number += 1

    def keep(self, programs: Sequence[Program]) -> None:
        """Add programs."""
        write_all({self._layout.program(self.name, program.name): program.text for program in programs})

    def add_features(self, core: str, lines: list[dict[str, Any]]) -> None:
        """Add what programs of this shard show on one version of the core."""
        path = self._layout.features(core, self.name)
        make(path.parent)
        append(path, lines)
