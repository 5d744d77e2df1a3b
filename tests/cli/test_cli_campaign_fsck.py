"""`campaign fsck`: a sound directory is called sound, and each way to be unsound is told with its place."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from commandline import run

import toy_campaign as toy
from sysfuzz.campaign.durable import append, show
from sysfuzz.campaign.layout import Layout
from toy_findings import record

ONE, TWO = toy.program(1, {"calls": ["a"]}), toy.program(2, {"calls": ["b"]})


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Two epochs, a log, a finding."""
    layout = toy.campaign(tmp_path)
    toy.commit(layout, "w0", ONE)
    toy.commit(layout, "w0", TWO)
    append(layout.events, [{"when": "2026-01-31T12:00:00Z", "event": "stopped"}])
    show(layout.runner, {"pid": 1, "started": "2026-01-31T12:00:00Z"})
    record(layout.findings)
    return layout


def edit(path: Path, **fields: object) -> None:
    """Change fields of a record."""
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_sound(layout: Layout) -> None:
    """A sound directory has no problem, and what was looked at is counted."""
    result = run("campaign", "fsck", layout.home, "--json", layout.home.parent / "out.json")
    assert result.exit_code == 0, result.output
    assert result.stdout == "2 epochs, 2 programs, 2 lines of features, 1 event, 1 finding, 0 faults: 0 problems\n"
    record = json.loads((layout.home.parent / "out.json").read_text())
    assert (record["checked"]["programs"], record["problems"], record["remarks"], record["repaired"]) == (2, [], [], [])


def old_stray(layout: Layout) -> None:
    """Older than the runner that wrote runner.json."""
    path = layout.shards / "w0" / ".new-x.prog"
    path.write_text("")
    os.utime(path, (0, 0))


PROBLEMS: list[tuple[Callable[[Layout], object], str]] = [
    (
        lambda lay: lay.program("w0", ONE.name).unlink(),
        f"00000000.json: names program {ONE.name}, which does not exist",
    ),
    (
        lambda lay: lay.program("w0", ONE.name).write_text(TWO.text),
        f"{ONE.name}.prog: is not what was written: its text's hash is {TWO.name}",
    ),
    (lambda lay: lay.program("w0", ONE.name).write_text("frok()\n"), f"{ONE.name}.prog:1:1: "),
    (lambda lay: lay.program("w0", ONE.name).write_bytes(b"\xff"), f"{ONE.name}.prog: cannot be read"),
    (lambda lay: lay.epoch("w0", 0).unlink(), "w0: epoch 0 is missing"),
    (lambda lay: lay.epoch("w0", 1).rename(lay.epoch("w0", 2)), "w0: epoch 1 is missing"),
    (lambda lay: lay.epoch("w0", 1).write_text("{"), "00000001.json: is not JSON"),
    (lambda lay: edit(lay.epoch("w0", 1), seed=1), "00000001.json: seed: 1 is not that of the campaign's seed 7"),
    (lambda lay: edit(lay.epoch("w0", 1), shard="w1"), "00000001.json: is epoch 1 of w1"),
    (
        lambda lay: edit(lay.epoch("w0", 1), executions="many"),
        "00000001.json: executions: expected a whole number, got 'many'",
    ),
    (lambda lay: edit(lay.epoch("w0", 1), schema=9), "00000001.json: schema: expected 1, got 9"),
    (lambda lay: lay.features("c0", "w0").write_text("junk\n"), "w0.jsonl at byte 0: is not JSON"),
    (
        lambda lay: append(lay.features("c0", "w0"), [{"program": "f" * 16, "size": 1, "features": {}}]),
        "names program ffffffffffffffff, which does not exist",
    ),
    (lambda lay: append(lay.distilled, [{"x": 1}]), "distilled.jsonl at byte 0: program: expected text, got nothing"),
    (lambda lay: next(lay.findings.glob("*/program.prog")).unlink(), "program.prog: No such file"),
    (lambda lay: next(lay.findings.glob("*/finding.json")).write_text("{}"), "finding.json: "),
    (old_stray, ".new-x.prog: was not written to its end, and is older than the last runner"),
]


@pytest.mark.parametrize(("damage", "words"), PROBLEMS)
def test_unsound(layout: Layout, damage: Callable[[Layout], object], words: str) -> None:
    """Exit code 1, and one of the lines says what is wrong and where."""
    damage(layout)
    result = run("campaign", "fsck", layout.home)
    assert result.exit_code == 1
    assert words in result.stdout


def test_what_a_kill_leaves_is_repaired(layout: Layout) -> None:
    """Half a line and an unfinished file are remarks; with --repair they go, and nothing else does."""
    with layout.events.open("a") as file:
        file.write('{"half')
    (layout.epochs / "w0" / ".new-00000002.json").write_text("{")
    result = run("campaign", "fsck", layout.home)
    assert result.exit_code == 0
    assert result.stdout.count("remark: ") == 2
    before = layout.program("w0", ONE.name).read_text()
    result = run("campaign", "fsck", layout.home, "--repair")
    assert result.exit_code == 0
    assert "remark" not in result.stdout
    assert "half a line at its end, 6 bytes, removed" in result.stdout
    assert run("campaign", "fsck", layout.home).stdout.count("\n") == 1
    assert layout.program("w0", ONE.name).read_text() == before


def test_distilled_away_is_no_loss(layout: Layout) -> None:
    """A program that is on record as distilled away may be gone."""
    append(layout.distilled, [{"program": ONE.name, "shard": "w0"}])
    layout.program("w0", ONE.name).unlink()
    assert run("campaign", "fsck", layout.home).exit_code == 0


def test_no_campaign(tmp_path: Path) -> None:
    """A directory that holds none is bad input."""
    result = run("campaign", "fsck", tmp_path)
    assert (result.exit_code, result.stderr) == (2, f"{tmp_path}: holds no campaign\n")
