"""The measure of buckets: what it counts, and that it is the same each time."""

import json
from pathlib import Path

import pytest

from sysfuzz.bench.buckets import Faces, faces, merges, splits
from sysfuzz.bench.weaknesses import target
from sysfuzz.cli.bench import command
from sysfuzz.cli.errors import BadInput
from sysfuzz.program.text import load
from sysfuzz.targets.table import get

PROGRAMS = Path(__file__).parent.parent / "weaknesses"


def known(name):
    return load(PROGRAMS / f"{name}.prog").program


def row(name, *buckets):
    return Faces(name, 1, 10, None, (), dict.fromkeys(buckets, 1), {bucket: bucket for bucket in buckets})


def test_a_weakness_shows_in_fresh_programs():
    """The first fresh program that shows it is counted from 1, and its bucket is among those counted."""
    found = faces("frame_pc", 1, target("frame_pc"), None, 50, 1)
    assert found.first is not None
    assert 1 <= found.first <= 50
    assert list(found.buckets) == ["frame/pc"] == list(found.bugs)
    assert found.oracles == ("sigill-frame",)


def test_the_known_program_is_run():
    """What no fresh program shows is shown by the known one at least once."""
    found = faces("unwire_panics", 4, target("unwire_panics"), known("unwire_panics"), 1, 1)
    assert found.buckets["panic/uvm_fault_unwire: page not wired"] >= 1


def test_the_reference_shows_nothing():
    """Neither stream finds anything where nothing is planted."""
    found = faces("nosyscalls", 1, get("nosyscalls"), known("merge_ignores"), 30, 1)
    assert (found.first, found.oracles, found.buckets, found.bugs) == (None, (), {}, ())


def test_the_same_arguments_give_the_same_answer():
    """All choices come from the seed, and other seeds make others."""
    one, again = (faces("clip_loses", 2, target("clip_loses"), known("clip_loses"), 60, 3) for _ in range(2))
    assert one == again
    assert one.buckets != faces("clip_loses", 2, target("clip_loses"), known("clip_loses"), 60, 4).buckets


def test_splits_and_merges_are_told_by_name():
    """More than one bucket of a weakness is a split, more than one weakness of a bucket a merge."""
    rows = [row("a", "x", "y"), row("b", "x"), row("c", "z"), row("d")]
    assert splits(rows) == {"a": ("x", "y")}
    assert merges(rows) == {"x": ("a", "b")}


def test_the_command_writes_what_it_prints(tmp_path, capsys):
    """A row by weakness in the table and in the JSON, in the table's order."""
    out = tmp_path / "out.json"
    arguments = [
        "buckets",
        "--runs",
        "5",
        "--only",
        "frame_pc",
        "--only",
        "flag_panic",
        "--programs",
        str(PROGRAMS),
        "--json",
        str(out),
    ]
    assert command.main(arguments, standalone_mode=False) == 0
    written = json.loads(out.read_text(encoding="utf-8"))
    assert [weakness["name"] for weakness in written["weaknesses"]] == ["flag_panic", "frame_pc"]
    assert written["weaknesses"][1]["elders"] == {"frame/pc": "frame/pc"}
    assert (written["splits"], written["merges"]) == ({}, {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["weakness", "flag_panic", "frame_pc"]


@pytest.mark.parametrize(
    "arguments",
    [["--only", "no_such"], ["--only", "frame_pc", "--programs", "/nowhere"]],
)
def test_bad_input_is_refused(arguments):
    """A name that is no row, and a directory without its program, are bad input before anything is run."""
    with pytest.raises(BadInput):
        command.main(["buckets", *arguments], standalone_mode=False)
