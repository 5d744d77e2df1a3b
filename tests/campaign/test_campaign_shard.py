"""What a shard writes, and in which order: whenever its writer is killed, nothing that an epoch names is missing."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from test_campaign_durable import DIE, ENVIRONMENT

import toy_campaign as toy
from sysfuzz.campaign.check import check
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.opening import Contents, tidy
from sysfuzz.campaign.seeds import MAX_SEED, epoch_seed
from toy_disk import Disk

COMMIT = """
sys.path.insert(0, sys.argv[3])
left += 1000
import toy_campaign as toy
from sysfuzz.campaign.layout import Layout
left -= 1000
toy.commit(Layout(home), "w0", toy.program(3, {"calls": ["c"]}), toy.program(4, {"calls": ["d"]}))
"""


@pytest.mark.parametrize("step", [0, 1, 2, 3, 4, 5, 7, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21])
def test_a_killed_commit_loses_itself_at_most(tmp_path: Path, step: int) -> None:
    """Killed before any step, the directory is sound, the epoch before is whole, and the next runner commits the same epoch again."""
    layout = toy.campaign(tmp_path)
    toy.commit(layout, "w0", toy.program(1, {"calls": ["a"]}), toy.program(2, {"calls": ["b"]}))
    done = subprocess.run(
        [sys.executable, "-c", DIE + COMMIT, str(step), str(tmp_path), str(Path(__file__).parents[1])],
        env=ENVIRONMENT,
        check=False,
    )
    assert done.returncode in (0, 9)
    assert check(layout).problems == ()
    committed = len(layout.epoch_numbers("w0")) == 2
    tidy(layout)
    contents = Contents(layout, "c0")
    assert contents.cover.features()["calls"] + len(contents.missing) == len(contents.shards) >= (4 if committed else 2)
    if not committed:
        toy.commit(layout, "w0", toy.program(3, {"calls": ["c"]}), toy.program(4, {"calls": ["d"]}))
    checked = check(layout)
    assert (checked.problems, checked.remarks) == ((), ())
    assert Contents(layout, "c0").cover.features() == {"calls": 4}


def crashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: int) -> list[str]:
    """What is wrong with what crashes of the machine leave of a campaign that commits the second epoch of one shard and the first of another."""
    layout = toy.campaign(tmp_path / "campaign")
    first = toy.commit(layout, "w0", toy.program(1, {"calls": ["a"]}), toy.program(2, {"calls": ["b"]}))
    with monkeypatch.context() as patch:
        disk = Disk(layout.home, patch)
        second = toy.commit(layout, "w0", toy.program(3, {"calls": ["c"]}), toy.program(4, {"calls": ["d"]}))
        committed = len(disk.steps)
        toy.commit(layout, "w1", toy.program(5, {"calls": ["e"]}), toy.program(6, {"calls": ["f"]}))
    rng = random.Random(1)
    wrong = []
    for sample in range(samples):
        steps = rng.randrange(len(disk.steps) + 1)
        left = Layout(tmp_path / str(sample))
        disk.crash(steps, rng, left.home)
        wrong += check(left).problems
        epochs = [first, second] if steps >= committed else [first]
        wrong += [f"lost: {epoch}" for epoch in epochs if not left.epoch(epoch.shard, epoch.number).exists()]
        if steps == len(disk.steps) and Contents(left, "c0").cover.features() != {"calls": 6}:
            wrong.append("lost: the last")
    return wrong


def test_a_crash_of_the_machine_loses_the_epoch_in_flight_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a crash loses of that which is not on the disk yet, the directory is sound, and what was committed before is there."""
    assert crashed(tmp_path, monkeypatch, 300) == []


def test_without_sync_a_crash_would_lose_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same crashes break a campaign whose syncs do nothing: it is they that keep the promise."""
    monkeypatch.setattr(Disk, "_see_fsync", lambda *_: None)
    wrong = crashed(tmp_path, monkeypatch, 30)
    assert any("is not what was written" in line for line in wrong)
    assert any("which does not exist" in line for line in wrong)
    assert any(line.startswith("lost") for line in wrong)


def test_features_belong_to_a_version_of_the_core(tmp_path: Path) -> None:
    """For another version nothing is known of any program, and what is told of one says nothing about the other."""
    layout = toy.campaign(tmp_path)
    toy.commit(layout, "w0", toy.program(1, {"calls": ["a"]}))
    toy.commit(layout, "w1", toy.program(2, {"calls": ["b"]}), core="c1")
    old, new = Contents(layout, "c0"), Contents(layout, "c1")
    assert [missing.name for missing in old.missing] == [toy.program(2).name]
    assert [missing.name for missing in new.missing] == [toy.program(1).name]
    assert len(Contents(layout, "c2").missing) == 2


def test_seeds() -> None:
    """A seed is a function of campaign, shard and number, in the range that the engine takes, and no two of many are the same."""
    seeds = {
        epoch_seed(seed, shard, number) for seed in (0, 1) for shard in ("w0", "w1", "w10") for number in range(100)
    }
    assert len(seeds) == 600
    assert all(0 <= seed <= MAX_SEED for seed in seeds)
    assert epoch_seed(1, "w0", 0) == epoch_seed(1, "w0", 0)
    # Stated once and for all: records of old campaigns are checked against it. SHA-256 of "1/w0/0" begins with these four bytes.
    import hashlib

    assert epoch_seed(1, "w0", 0) == int(hashlib.sha256(b"1/w0/0").hexdigest()[:8], 16) % 2**31
