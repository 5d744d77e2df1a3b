"""A campaign on a cluster of real processes: whoever of them dies, it goes on, and the totals are right."""

import json
import os
import re
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")

import sysfuzz
import toy_cluster as toy
from sysfuzz.campaign.check import check
from sysfuzz.campaign.faultbook import faults
from sysfuzz.campaign.layout import Layout
from sysfuzz.program.text import load


def records(layout: Layout) -> list[dict[str, Any]]:
    """All epochs on record."""
    return [json.loads(path.read_text()) for path in sorted(layout.epochs.glob("*/*.json"))]


def is_sound(layout: Layout) -> None:
    """Nothing is wrong, and nothing is left over."""
    checked = check(layout)
    assert (checked.problems, checked.remarks) == ((), ())


def under_way(home: Path, epoch: str = "") -> set[int]:
    """The processes that run an epoch which executes programs just now: any, or `w0-0`."""
    found = set()
    for where, _, files in os.walk(home):
        place = re.search(rf"/sysfuzz-errands-\d+/\w+-{epoch or '.*'}-(\d+)/", where)
        if place and "journal" in files and Path(f"/proc/{place[1]}").exists():
            with suppress(FileNotFoundError), (Path(where) / "journal").open("rb") as journal:
                executions = int.from_bytes(journal.read(16)[8:], "little")  # its second word
                found |= {int(place[1])} if executions > 1 else set()  # the first one is empty
    return found


def test_workers_and_scheduler_die(tmp_path: Path) -> None:
    """A worker killed in its epoch, the scheduler killed with all others, the driver killed: each epoch counts once, and none is missing."""
    layout = Layout(tmp_path / "campaign")
    places = tmp_path / "dask"
    with toy.cluster(places) as cluster:
        cluster.scheduler()
        workers = [cluster.worker(), cluster.worker()]
        driver = toy.Driver(layout.home, cluster.address, epochs=1_000_000)
        driver.said("epoch")
        victim = driver.until(lambda: [one for one in workers if one.pid in under_way(places)])[0]
        victim.kill()
        cluster.worker()
        driver.said("epoch", 4)
        cluster.kill_scheduler()
        cluster.scheduler()
        cluster.worker()
        cluster.worker()
        driver.said("failed")  # it has noticed
        before = len(driver.said("epoch"))
        driver.said("epoch", before + 1)
        driver.kill()
        done = len(records(layout))
        assert done > before
        driver = toy.Driver(layout.home, cluster.address, epochs=4)
        ended = driver.ended()
    assert (ended["why"], ended["epochs"]) == ("epochs", 4)
    known = records(layout)
    assert len(known) == done + 4
    assert all(epoch["why"] == "runs" and epoch["executions"] >= epoch["runs"] for epoch in known)
    assert ended["executions"] == sum(epoch["executions"] for epoch in driver.said("epoch"))
    is_sound(layout)


def test_what_kills_its_workers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs whose worker dies three times are on record with their seeds and what was executed, and the others go on."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    layout = Layout(tmp_path / "campaign")
    driver = toy.Driver(layout.home, "local", epochs=1_000_000, runs=10_000_000)  # none ends by itself
    killed: list[int] = []
    for _ in range(3):  # of two epochs at the one worker: one is executed, and one waits
        killed.append(driver.until(lambda: under_way(tmp_path) - {*killed}).pop())
        os.kill(killed[-1], signal.SIGKILL)
    driver.said("epoch", 2)
    driver.until(lambda: under_way(tmp_path) - {*killed})
    driver.stop()
    ended = driver.ended()
    assert (ended["why"], ended["error"]) == ("stopped", "")
    replaced = [one["why"] for one in driver.said("failed") if "is replaced" in one["why"]]
    assert [re.findall(r"process (\d+) .* signal (\d+)$", why) for why in replaced] == [
        [(str(one), "9")] for one in killed
    ]
    given_up = {
        f"{epoch['shard']} epoch {epoch['number']}": epoch for epoch in records(layout) if epoch["why"] == "gave up"
    }
    assert given_up.keys() == {"w0 epoch 0", "w1 epoch 0"}
    book = {fault.record["where"]: fault for fault in faults(layout)}
    assert book.keys() == given_up.keys()
    for name, epoch in given_up.items():
        assert (epoch["executions"], epoch["complete"]) == (0, False)
        assert (book[name].record["kind"], book[name].record["seed"]) == ("lost", epoch["seed"])
    inputs = [fault for fault in book.values() if fault.record["data"]]
    assert inputs
    assert all(load(layout.faults / f"{fault.name}.prog").program for fault in inputs)
    assert any(epoch["why"] == "stopped" and epoch["executions"] for epoch in records(layout))
    is_sound(layout)
    assert not under_way(tmp_path)


def test_another_core_is_never_mixed_in(tmp_path: Path) -> None:
    """A worker with another version of the core refuses, and gets nothing more; with nobody else there the run ends, and nothing is written."""
    sources = tmp_path / "sources"
    shutil.copytree(Path(sysfuzz.__file__).parent, sources / "sysfuzz", ignore=shutil.ignore_patterns("__pycache__"))
    with (sources / "sysfuzz" / "kernel" / "__init__.py").open("a") as file:
        file.write("# another version\n")
    layout = Layout(tmp_path / "campaign")
    with toy.cluster(tmp_path / "dask") as cluster:
        cluster.scheduler()
        cluster.worker(sources)
        driver = toy.Driver(layout.home, cluster.address, epochs=3)
        ended = driver.ended()
        assert (ended["why"], ended["epochs"]) == ("broken", 0)
        assert re.fullmatch(
            r"no worker can run an epoch: tcp.* has core \w{16}, and the campaign \w{16}", ended["error"]
        )
        cluster.worker()
        driver = toy.Driver(layout.home, cluster.address, epochs=1)
        assert driver.ended()["epochs"] == 1
    core = driver.said("started")[0]["core"]
    assert [epoch["core"] for epoch in records(layout)] == [core]
    is_sound(layout)


def test_a_run_that_is_stopped(tmp_path: Path) -> None:
    """What is under way is cut short and committed, and workers are free at once; a depot holds all of it, and another directory goes on."""
    layout, depot = Layout(tmp_path / "campaign"), (tmp_path / "depot").as_uri()
    places = tmp_path / "dask"
    with toy.cluster(places) as cluster:
        cluster.scheduler()
        cluster.worker()
        driver = toy.Driver(layout.home, cluster.address, epochs=3, runs=10_000_000, depot=depot)
        driver.until(lambda: under_way(places))
        driver.stop()
        assert driver.ended()["why"] == "stopped"
        assert [epoch["why"] for epoch in records(layout)] == ["stopped"]
        assert not under_way(places)
        other = Layout(tmp_path / "other")
        assert toy.Driver(other.home, cluster.address, epochs=2, depot=depot).ended()["epochs"] == 2
    assert len(records(other)) == 3
    is_sound(other)
    is_sound(Layout(tmp_path / "depot"))
    assert records(Layout(tmp_path / "depot")) == records(other)


def test_a_directory_in_the_place_of_the_campaign(tmp_path: Path) -> None:
    """If the directory is moved while it is run, nothing is written to another one in its place, and none of that gets into the depot."""
    layout, depot = Layout(tmp_path / "campaign"), tmp_path / "depot"
    places = tmp_path / "dask"
    with toy.cluster(places) as cluster:
        cluster.scheduler()
        cluster.worker()
        driver = toy.Driver(layout.home, cluster.address, epochs=3, runs=10_000_000, depot=depot.as_uri())
        driver.until(lambda: under_way(places))
        other = tmp_path / "other"
        (other / "findings" / "a").mkdir(parents=True)
        (other / "findings" / "a" / "notes.md").write_text("of another campaign")
        layout.home.rename(tmp_path / "moved")
        other.rename(layout.home)
        ended = driver.ended()
    assert (ended["why"], ended["epochs"]) == ("moved", 0)
    assert [path.name for path in layout.home.rglob("*")] == ["findings", "a", "notes.md"]
    assert not list(depot.rglob("notes.md"))
