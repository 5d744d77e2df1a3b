"""`sysfuzz campaign run`, `stop`, `status`, `distil`: real campaigns of a few small epochs."""

import fcntl
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from commandline import run

import toy_campaign as toy
from campaign_kills import kill_once
from sysfuzz.campaign import lock
from sysfuzz.campaign.check import check
from sysfuzz.campaign.durable import lines
from sysfuzz.campaign.events import events
from sysfuzz.campaign.layout import Layout
from sysfuzz.findings.store import Store
from toy_findings import PANIC

SMALL = ("--epoch-runs", "150", "--minimise-jobs", "0")
BOOT = "from sysfuzz.targets.designs import DESIGNS\nboot = DESIGNS['nosyscalls'].boot\n"


def names(layout: Layout) -> set[tuple[str, str]]:
    """All features of all programs on the last version of the core, as the files have them, but for programs that are gone."""
    here = {name for shard in layout.shard_names() for name in layout.program_names(shard)}
    core = [event["core"] for event in events(layout) if event["event"] == "started"][-1]
    return {
        (domain, name)
        for shard in layout.shard_names()
        for line in lines(layout.features(core, shard))
        if line.record["program"] in here
        for domain, shown in line.record["features"].items()
        for name in shown
    }


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A campaign of three epochs by two workers, that starts from a corpus; and what its run printed."""
    corpus = tmp_path_factory.mktemp("corpus")
    (corpus / "a.prog").write_text(PANIC)
    (corpus / "b.prog").write_text(PANIC + "munmap(0x5000, 0x1000)\n")
    home = tmp_path_factory.mktemp("campaign") / "deep" / "c"
    result = run(
        "campaign", "run", home, "--target", "nosyscalls-2011", "--seed", 3, "-j", 2, "--epochs", 3, "--corpus", corpus, *SMALL,
        "--on-finding", f"cat >> {corpus}/hooked",
    )  # fmt: skip
    assert result.exit_code == 1, result.output
    assert json.JSONDecoder().raw_decode((corpus / "hooked").read_text())[0]["what"] == "new"
    return home, result.stdout


def test_a_run_is_on_record(first: tuple[Path, str]) -> None:
    """Epochs are numbered from 0 in each shard, their programs lie there under their hashes, and the directory is sound."""
    home, printed = first
    layout = Layout(home)
    checked = check(layout)
    assert (checked.problems, checked.remarks, checked.counts["epochs"]) == ((), (), 3)
    assert set(layout.epoch_shards()) == {"w0", "w1"}
    assert "2 programs given, 1 kept: the others show nothing new" in printed
    assert "panic/sys_mmap: bad flags" in printed
    epochs = [json.loads(path.read_text()) for path in layout.epochs.rglob("*.json")]
    assert all(epoch["executions"] == epoch["runs"] == 150 + epoch["corpus"] for epoch in epochs)
    assert printed.splitlines()[-1].startswith(
        f"3 epochs, {sum(epoch['executions'] for epoch in epochs):,} executions in "
    )
    assert not layout.stop.exists()
    assert list(layout.live("w0").parent.iterdir()) == []


def test_a_campaign_goes_on(first: tuple[Path, str]) -> None:
    """Run again, without a target, numbers go on, nothing is run on the core again, and nothing that was shown is lost."""
    home, _ = first
    layout = Layout(home)
    before, numbers = names(layout), layout.epoch_numbers("w0")
    assert len(before) > 100
    result = run("campaign", "run", home, "--epochs", 1, *SMALL)
    assert result.exit_code in (0, 1), result.output
    assert layout.epoch_numbers("w0") == [*numbers, len(numbers)]
    assert before <= names(layout)
    assert "to be run on this core first" not in result.stdout
    record = json.loads(layout.epoch("w0", len(numbers)).read_text())
    assert record["corpus"] > 0
    status = run("campaign", "status", home, "--json", "-")
    told = json.loads(status.stdout)
    executions = sum(json.loads(path.read_text())["executions"] for path in layout.epochs.rglob("*.json"))
    assert (told["epochs"], told["executions"], told["running"]) == (4, executions, False)
    assert sum(told["features"].values()) == len(names(layout))
    assert told["programs"] == check(layout).counts["programs"]
    assert [finding["life"] for finding in told["findings"]] == ["crashing"] * len(Store(layout.findings).ids())


def test_distilling_keeps_every_feature(first: tuple[Path, str]) -> None:
    """What is removed shows nothing that is not shown any more; a second time nothing is removed; the campaign goes on from there."""
    home, _ = first
    layout = Layout(home)
    before, programs = names(layout), check(layout).counts["programs"]
    for _ in range(2):
        result = run("campaign", "distil", home, "--json", home.parent / "distil.json")
        assert result.exit_code == 0, result.output
        counts = [line.split() for line in result.stdout.splitlines()][-2]
        assert (counts[0], counts[2]) == ("all", "->")
        assert names(layout) == before
        checked = check(layout)
        assert (checked.problems, checked.counts["programs"]) == ((), int(counts[3]))
    assert counts[1] == counts[3] <= str(programs)
    assert run("campaign", "run", home, "--epochs", 1, *SMALL).exit_code in (0, 1)
    assert before <= names(layout)


def test_two_runners_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one says who the first is, exit code 2; so does a distilling, and a repair."""
    monkeypatch.setattr(lock, "_PATIENCE", 0.05)
    layout = toy.campaign(tmp_path)
    layout.runner.write_text('{"pid": 42, "host": "h", "started": "s", "command": "sysfuzz campaign run x"}')
    descriptor = os.open(layout.lock, os.O_CREAT | os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    for verb in (("run",), ("distil",), ("fsck", "--repair")):
        result = run("campaign", *verb, tmp_path)
        assert result.exit_code == 2
        assert (
            result.stderr
            == f"{tmp_path}: another process has this campaign: process 42 on h since s: sysfuzz campaign run x\n"
        )
    assert run("campaign", "stop", tmp_path).stdout.startswith(f"{tmp_path}: asked to end: process 42 on h")
    assert layout.stop.exists()
    os.close(descriptor)
    layout.stop.unlink()
    assert run("campaign", "stop", tmp_path).stdout == f"{tmp_path}: nobody runs this campaign\n"
    assert not layout.stop.exists()


def test_another_campaign_is_refused(tmp_path: Path) -> None:
    """A directory keeps its target and seed; without either there is none to begin."""
    layout = toy.campaign(tmp_path / "c")
    for given, words in (
        (("--target", "nosyscalls"), f"{layout.home}: the campaign's target is nosyscalls-2011, not nosyscalls"),
        (("--seed", 8), f"{layout.home}: the campaign's seed is 7, not 8"),
        (("--webhook", "ftp://x/"), "--webhook: 'ftp://x/' is no URL"),
        (("--webhook", "http://["), "--webhook: 'http://[' is no URL"),
        (("--webhook", "http://.x/"), "--webhook: 'http://.x/' is no URL"),
        (("--forever", "--epochs", 1), "--forever: contradicts --for and --epochs"),
        (("--corpus", tmp_path / "nosuch"), "nosuch: No such file or directory"),
    ):
        result = run("campaign", "run", layout.home, *given)
        assert result.exit_code == 2
        assert words in result.stderr
    result = run("campaign", "run", tmp_path / "new")
    assert (result.exit_code, (tmp_path / "new").exists()) == (2, False)


def test_a_changed_core_is_asked_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version of a core of one's own, or of a module that it imports: all programs are run on it before anything else, once."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "corehelper.py").write_text("")
    (tmp_path / "mycore.py").write_text(f"import corehelper\n{BOOT}")
    layout = Layout(tmp_path / "c")
    arguments = ("campaign", "run", layout.home, "--epochs", 1, *SMALL)
    assert "on this core first" not in run(*arguments, "--target", "mycore:boot").stdout
    programs = check(layout).counts["programs"]
    assert programs > 10
    (tmp_path / "corehelper.py").write_text("# changed\n")
    result = run(*arguments)
    assert "sysfuzz or the core has changed since the last run" in result.stdout
    assert f"{programs} programs of {programs} to be run on this core first" in result.stdout
    cores = [event["core"] for event in events(layout) if event["event"] == "started"]
    assert len(set(cores)) == 2
    assert [json.loads(layout.epoch("w0", number).read_text())["core"] for number in (0, 1)] == cores
    checked = check(layout)
    assert (checked.problems, checked.counts["lines of features"]) == ((), programs + checked.counts["programs"])


def test_a_core_that_changes_meanwhile_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The epoch in flight may have run on both versions: nothing of it is kept, and whoever runs the campaign is told."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "restlesscore.py").write_text(BOOT)
    layout = Layout(tmp_path / "c")

    def change() -> None:
        while not layout.events.exists() or not any(event["event"] == "corpus" for event in events(layout)):
            time.sleep(0.02)  # this is told when the first epoch is about to begin
        (tmp_path / "restlesscore.py").write_text(f"{BOOT}# changed\n")

    changing = threading.Thread(target=change)
    changing.start()
    result = run("campaign", "run", layout.home, "--target", "restlesscore:boot", "--epoch-runs", 300)
    changing.join()
    assert (result.exit_code, result.stderr) == (
        2,
        f"{layout.home}: sysfuzz or the core has changed meanwhile; run it again to go on with the new one\n",
    )
    checked = check(layout)
    assert (checked.problems, checked.counts["epochs"], checked.counts["programs"]) == ((), 0, 0)


@pytest.mark.parametrize("how", ["signal", "stop"])
def test_an_asked_end_loses_nothing(tmp_path: Path, how: str) -> None:
    """SIGTERM, or `campaign stop`: the epoch in flight is cut short, and what it has found is kept."""
    layout = Layout(tmp_path / "c")

    def ask() -> None:
        while not layout.live("w0").exists() or json.loads(layout.live("w0").read_text())["executions"] < 100:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM) if how == "signal" else layout.stop.touch()

    asking = threading.Thread(target=ask)
    asking.start()
    result = run("campaign", "run", layout.home, "--target", "nosyscalls", "--epoch-runs", "1000000")
    asking.join()
    assert result.exit_code == 0, result.output
    epoch = json.loads(layout.epoch("w0", 0).read_text())
    assert (epoch["why"], epoch["complete"]) == ("stopped", False)
    assert 100 <= epoch["executions"] < 1_000_000
    assert len(epoch["programs"]) > 10
    assert check(layout).problems == ()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_kills_at_random_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is killed, and when: no epoch that was on record is lost, the directory is sound, and no process outlives its runner.

    `python tests/campaign_kills.py 200 DIR` does the same for longer.
    """
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # what the last runner leaves there goes with the test
    rng = random.Random(5)
    for _ in range(2):
        kill_once(tmp_path / "c", rng, latest=4.0)
