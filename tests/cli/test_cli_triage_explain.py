"""`sysfuzz triage explain`: the story of a finding, and where it is written."""

import os
from pathlib import Path

import pytest
from commandline import assert_refused, run
from recorded import LOCK, MERGED, record, three

NOTES = Path(f"findings/{MERGED}/notes.md")


@pytest.fixture(autouse=True)
def _findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test finds three findings where it runs."""
    monkeypatch.chdir(tmp_path)
    three()


def test_explain() -> None:
    """The facts, then the story: the page, the op that lost its attribute, the entry, what was due; nothing is written."""
    result = run("triage", "explain", MERGED)
    assert (result.exit_code, result.stderr) == (0, "")
    facts, _, story = result.stdout.partition("\n\n")
    assert facts == run("triage", "show", MERGED).stdout.partition("\n\n")[0]
    assert story.startswith("# ")
    for word in ("attribute/mmap/merge", "0x11000", "MAP_NOSYSCALLS", "getpid", "syscall", "SIGILL", "semantics.md"):
        assert word in story
    assert NOTES.read_text() == ""


def test_save() -> None:
    """The story becomes the notes, by itself: Markdown without the facts, which finding.json has."""
    result = run("triage", "explain", MERGED, "--save")
    assert result.exit_code == 0
    assert result.stdout.endswith(f"\n{NOTES}: written\n")
    text = NOTES.read_text()
    assert text.endswith("\n")
    assert text.strip() == run("triage", "explain", MERGED).stdout.partition("\n\n")[2].strip()
    assert sorted(os.listdir(NOTES.parent)) == ["finding.json", "notes.md", "original.prog", "program.prog"]


def test_people_s_words_are_not_overwritten() -> None:
    """Where there are notes, none is written, and that is told; what was saved counts as people's."""
    NOTES.write_text("mine")
    result = run("triage", "explain", MERGED, "--save")
    assert result.exit_code == 0
    assert result.stdout.endswith(f"\n{NOTES}: has notes already; nothing is written\n")
    assert NOTES.read_text() == "mine"


@pytest.mark.parametrize("options", [[], ["--save"]])
def test_a_bug_that_is_gone(options: list[str]) -> None:
    """What the program does not show is not explained: exit code 1, and no notes."""
    result = run("triage", "explain", LOCK, *options)
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.endswith("\n\nrun now, the program does not show the bug: nothing to explain\n")
    assert Path(f"findings/{LOCK}/notes.md").read_text() == ""


def test_a_target_that_is_not_here() -> None:
    """Without the target there is nothing to run: one line, exit code 2."""
    identity = record("lock", "lock/syscall", "their.core:boot")
    result = run("triage", "explain", identity)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"findings/{identity}/finding.json: target 'their.core:boot': importing")
    assert result.stderr.count("\n") == 1


def test_a_damaged_program() -> None:
    """Damage is told with line and column."""
    Path(f"findings/{MERGED}/program.prog").write_text("mode amd64\n)\n")
    result = run("triage", "explain", MERGED, "--save")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"findings/{MERGED}/program.prog:2:1: ")
    assert NOTES.read_text() == ""


def test_notes_that_cannot_be_read() -> None:
    """What lies in the way of the notes is told, and stays."""
    NOTES.unlink()
    NOTES.mkdir()
    assert_refused(run("triage", "show", MERGED), f"{NOTES}: cannot read: Is a directory")
    result = run("triage", "explain", MERGED, "--save")
    assert (result.exit_code, result.stderr) == (2, f"{NOTES}: cannot read: Is a directory\n")
    assert NOTES.is_dir()
