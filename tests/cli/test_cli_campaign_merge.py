"""`sysfuzz campaign merge`: programs of other campaigns, of corpora and of files are given to one."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from commandline import assert_refused, run

import toy_campaign as toy
from sysfuzz.campaign import lock
from sysfuzz.campaign.check import check
from sysfuzz.campaign.durable import lines
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.lock import hold
from sysfuzz.campaign.state import read as read_state
from sysfuzz.findings.store import Store
from toy_findings import PANIC, record

FORK = "mode amd64\nfork()\n"
UNMAP = "mode amd64\nmunmap(0x5000, 0x1000)\n"
BAD = "mode amd64\nfrok()\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """An empty campaign, `c` of the working directory."""
    monkeypatch.chdir(tmp_path)
    return toy.campaign(Path("c"))


def merged(*sources: object, code: int = 0) -> dict[str, dict[str, object]]:
    """Merge into `c`; what became of each source."""
    result = run("campaign", "merge", "c", *sources, "--json", "out.json")
    assert result.exit_code == code, result.output
    return {one["source"]: one for one in json.loads(Path("out.json").read_text())["sources"]}


def counts(row: dict[str, object]) -> list[object]:
    """Those of programs."""
    return [row[name] for name in ("read", "there", "idle", "kept")]


def contents(directory: Path) -> dict[Path, bytes | None]:
    """All that lies below a directory."""
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(directory.rglob("*"))}


def test_every_program_is_accounted_for(home: Layout) -> None:
    """Of a directory and a file: what shows something new is kept with its features, the same text is there already, the rest shows nothing."""
    Path("corpus/deep").mkdir(parents=True)
    Path("corpus/a.prog").write_text(UNMAP)
    Path("corpus/deep/b.prog").write_text(f"# the same\n{UNMAP}")
    Path("corpus/c.prog").write_text(UNMAP.replace("0x5000", "0x7000"))
    Path("f.prog").write_text(FORK)
    before = contents(Path("corpus"))
    found = merged("corpus", "f.prog")
    assert (counts(found["corpus"]), counts(found["f.prog"])) == ([3, 1, 1, 1], [1, 0, 0, 1])
    assert contents(Path("corpus")) == before
    assert found["corpus"]["findings"] == {"run": 0, "shown": 0, "new": 0}

    names = home.program_names("seeds")
    (features,) = (home.home / "features").glob("*/seeds.jsonl")
    shown = [line.record["features"] for line in lines(features)]
    total = {(domain, name) for row in shown for domain, names in row.items() for name in names}
    gained = sum(count for one in found.values() for count in one["gained"].values())
    assert (len(names), len(shown), gained) == (2, 2, len(total))
    assert (check(home).problems, check(home).remarks) == ((), ())

    again = merged("corpus", "f.prog")
    assert (counts(again["corpus"]), counts(again["f.prog"])) == ([3, 2, 1, 0], [1, 1, 0, 0])
    assert home.program_names("seeds") == names


def test_the_state_has_it_at_once(home: Layout) -> None:
    """Whoever looks after a merge sees its programs and features, and not only after the next run."""
    Path("f.prog").write_text(FORK)
    gained = merged("f.prog")["f.prog"]["gained"]
    state = read_state(home.home, datetime(2026, 11, 23, tzinfo=UTC))
    assert (state.programs, dict(state.features)) == (1, gained)
    assert (state.series[-1].programs, dict(state.series[-1].features)) == (1, gained)


def test_what_is_printed(home: Layout) -> None:
    """Each source, their sum, and how the campaign stands; programs that cannot be read are told with their places and stop nothing."""
    Path("corpus").mkdir()
    Path("corpus/a.prog").write_text(FORK)
    Path("corpus/bad.prog").write_text(BAD)
    Path("f.prog").write_text(FORK)
    result = run("campaign", "merge", "c", "corpus", "f.prog")
    assert (result.exit_code, result.stderr) == (0, "")
    first, *told = result.stdout.splitlines()
    assert first.startswith("not read: corpus/bad.prog:2:1: ")
    heads = [line.partition(" with ")[0] for line in told]
    assert heads[0] == "corpus: 1 program read, 0 already there, 0 show nothing new, 1 kept"
    assert told[0].endswith(", 1 that cannot be read")
    assert heads[1] == "f.prog: 1 program read, 1 already there, 0 show nothing new, 0 kept"
    assert heads[2] == "all: 2 programs read, 1 already there, 0 show nothing new, 1 kept"
    assert told[3].startswith("c: 1 program, ")
    assert told[3].endswith(", 0 engine faults")


def test_another_campaign(home: Layout) -> None:
    """Its programs are given, and its findings shown here: a bug that is not known is a finding, of a known one a sighting is counted.

    Nothing that people have said is taken over, and nothing there is changed.
    """
    other = toy.campaign(Path("other"))
    toy.commit(other, "w0", toy.program(1), toy.program(2))
    entry = record(other.findings)
    record(other.findings, text=FORK + PANIC.removeprefix("mode amd64\n"), bucket="made/up", count=7)
    Store(other.findings).set_status(entry.id, "confirmed", why="as its author says")
    other.faults.mkdir()
    (other.faults / "x.prog").write_text(BAD)
    before = contents(Path("other"))
    found = merged("other")["other"]
    assert found["read"] == 4
    assert found["findings"] == {"run": 2, "shown": 2, "new": 1}
    assert contents(Path("other")) == before
    (mine,) = Store(home.findings).entries().entries
    assert (mine.id, mine.finding.status, mine.finding.count) == (entry.id, "new", 2)
    assert str(mine.finding.replays) == "10/10"
    assert merged("other")["other"]["findings"] == {"run": 2, "shown": 2, "new": 0}
    assert Store(home.findings).load(entry.id).finding.count == 4
    assert check(home).problems == ()


def test_a_sound_target_gets_no_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What showed a bug on another target is run on this one, and shows none."""
    monkeypatch.chdir(tmp_path)
    home = toy.campaign(Path("c"), "nosyscalls")
    record(toy.campaign(Path("other")).findings)
    found = merged("other")["other"]
    assert found["findings"] == {"run": 1, "shown": 0, "new": 0}
    assert counts(found) == [1, 0, 0, 1]
    assert Store(home.findings).ids() == []


def test_who_ran_it_last_stays(home: Layout) -> None:
    """A merge runs no campaign: runner.json says the same before and after, or nothing."""
    Path("f.prog").write_text(FORK)
    merged("f.prog")
    assert not home.runner.exists()
    home.runner.write_text('{"pid": 42}\n')
    for verb in (("merge", "c", "f.prog"), ("distil", "c"), ("fsck", "c", "--repair")):
        assert run("campaign", *verb).exit_code == 0
        assert home.runner.read_text() == '{"pid": 42}\n'


def test_a_running_campaign_is_left_alone(home: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has it is named, and nothing is given."""
    monkeypatch.setattr(lock, "_PATIENCE", 0.05)
    Path("f.prog").write_text(FORK)
    with hold(home, {"pid": 42, "host": "h", "started": "s", "command": "sysfuzz campaign run c"}):
        result = run("campaign", "merge", "c", "f.prog")
    message = "c: another process has this campaign: process 42 on h since s: sysfuzz campaign run c"
    assert_refused(result, message)
    assert home.shard_names() == []


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (["nosuch"], "nosuch: No such file or directory"),
        (["empty"], "empty: no *.prog file in this directory"),
        (["bare"], "bare: the campaign has no programs yet"),
        (
            ["c/../c"],
            "c/../c: is the campaign itself; supported: another one, a directory of *.prog files, or such a file",
        ),
    ],
)
def test_what_has_no_programs(home: Layout, sources: list[str], message: str) -> None:
    """It is refused before anything is given, also beside a source that has some."""
    Path("f.prog").write_text(FORK)
    Path("empty").mkdir()
    toy.campaign(Path("bare"))
    assert_refused(run("campaign", "merge", "c", "f.prog", *sources), message)
    assert home.shard_names() == []


def test_programs_of_which_none_can_be_read(home: Layout) -> None:
    """The first is told with its place, and how many more there are."""
    Path("corpus").mkdir()
    Path("corpus/a.prog").write_text(BAD)
    Path("corpus/b.prog").write_text(BAD)
    result = run("campaign", "merge", "c", "corpus")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("corpus/a.prog:2:1: ")
    assert result.stderr.endswith(" (and 1 more)\n")
    assert home.shard_names() == []


def test_no_campaign_to_merge_into(tmp_path: Path) -> None:
    """There is none to begin: a campaign needs a target."""
    (tmp_path / "f.prog").write_text(FORK)
    assert_refused(run("campaign", "merge", tmp_path, tmp_path / "f.prog"), f"{tmp_path}: holds no campaign")
    assert os.listdir(tmp_path) == ["f.prog"]
