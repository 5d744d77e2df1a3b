"""Campaigns made by hand: programs with features, and epochs, without any fuzzing."""

from datetime import UTC, datetime
from pathlib import Path

from sysfuzz.campaign.durable import dump, make, write
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.records import Campaign, Epoch
from sysfuzz.campaign.seeds import epoch_seed
from sysfuzz.campaign.shard import Program, Shard
from sysfuzz.program.text import parse
from sysfuzz.program.wire import encode

WHEN = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
SEED = 7


def program(number: int, features: dict[str, list[str]] | None = None) -> Program:
    """A program of its own for each number."""
    return Program.of(encode(parse(f"mode amd64\nmunmap({number * 4096:#x}, 0x1000)\n").program), features)


def campaign(home: Path, target: str = "nosyscalls-2011") -> Layout:
    """A campaign that has not run yet."""
    layout = Layout(home)
    make(home)
    write(layout.campaign, dump(Campaign(target=target, seed=SEED, created="2026-01-31T12:00:00Z").record()))
    return layout


def epoch(shard: str, number: int, programs: tuple[Program, ...] = (), core: str = "c0", **more: object) -> Epoch:
    """An epoch that has found these programs."""
    fields: dict[str, object] = {
        "shard": shard, "number": number, "seed": epoch_seed(SEED, shard, number), "core": core, "began": "2026-01-31T12:00:00Z",
        "ended": f"2026-01-31T12:{number % 60:02}:30Z", "seconds": 30.0, "executions": 1000, "corpus": 0, "corpus_hash": "", "runs": 1000,
        "programs": tuple(one.name for one in programs), "dropped": 0, "features": {"calls": number + 1}, "gained": {"calls": 1}, "shown": 3,
        "findings": (), "faults": 0, "restarts": 0, "complete": True, "why": "runs",
    }  # fmt: skip
    return Epoch(**fields | more)  # type: ignore[arg-type]


def commit(layout: Layout, shard: str, *programs: Program, **more: object) -> Epoch:
    """The next epoch of a shard."""
    writer = Shard(layout, shard)
    done = epoch(shard, writer.next_number, programs, **more)
    writer.commit(done, programs)
    return done
