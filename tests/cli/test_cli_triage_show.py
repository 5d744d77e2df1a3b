"""`sysfuzz triage show`: one finding in full."""

import shutil
from pathlib import Path

import pytest
from commandline import run
from recorded import LOCK, MERGED, record, store, three

NOTES = Path(f"findings/{MERGED}/notes.md")


@pytest.fixture(autouse=True)
def _findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test finds three findings where it runs."""
    monkeypatch.chdir(tmp_path)
    three()


def test_show() -> None:
    """What is known, the program, what it does now, and the notes."""
    NOTES.write_text("Seen by *us*, too.\n")
    result = run("triage", "show", MERGED)
    assert (result.exit_code, result.stderr) == (0, "")
    facts, program, now = result.stdout.split("\n\n", 2)
    assert facts.splitlines() == [
        f"id        {MERGED}",
        "bucket    attribute/mmap/merge",
        "severity  critical (escape)",
        "status    new",
        "target    nosyscalls-2011",
        "evidence  op 3: expected SIGILL, got getpid dispatched",
        "seen      1,200 times from 2026-01-31T12:00:00Z to 2026-01-31T12:00:00Z",
        "faces     escape 1,200",
        "replays   10/10",
        "found by  seed 7, epoch 0, worker 1, execution 1,234",
        "versions  sysfuzz 0.1.0, unicorn 2.1.4",
        f"replay    sysfuzz exec findings/{MERGED}/program.prog --target nosyscalls-2011",
    ]
    assert program.splitlines()[:2] == [f"findings/{MERGED}/program.prog:", "  # target: nosyscalls-2011"]
    assert program.splitlines()[-1] == "  run(0x11000)"
    assert now.startswith("run now, it shows the bug:\n    0  mmap(0x10000, ")
    assert now.endswith(f"\n  2 verdicts\n\n{NOTES}:\n  Seen by *us*, too.\n")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (("confirmed",), "confirmed"),
        (("rejected", "as the manual has it"), "rejected (as the manual has it)"),
        (("duplicate", "one cause", LOCK), f"duplicate of {LOCK} (one cause)"),
    ],
)
def test_what_people_said(said: tuple[str, ...], status: str) -> None:
    """The status comes with its reason and the original."""
    store().set_status(MERGED, *said)
    assert f"\nstatus    {status}\n" in run("triage", "show", MERGED).stdout


def test_what_is_ignored() -> None:
    """That nobody wants to hear of it, and why, is told."""
    Path("mine.txt").write_text("*  attribute/*  # known since 2011\n")
    assert "\nignored   known since 2011\n" in run("triage", "show", MERGED, "--ignore", "mine.txt").stdout
    assert "\nignored" not in run("triage", "show", MERGED).stdout


def test_without_notes_it_is_explained() -> None:
    """Where people have written nothing, not even a file, the explanation stands; it is not written for them."""
    story = [f"  {line}".rstrip() for line in run("triage", "explain", MERGED).stdout.partition("\n\n")[2].splitlines()]
    result = run("triage", "show", MERGED)
    start = f"\n{NOTES}: empty; explained:\n"
    assert (result.exit_code, start in result.stdout) == (0, True)
    assert result.stdout.partition(start)[2].splitlines() == story
    assert NOTES.read_text() == ""
    NOTES.unlink()
    assert run("triage", "show", MERGED).stdout == result.stdout


def test_a_target_that_is_not_here() -> None:
    """A finding of somebody's own core is shown all the same; that it was not run is told."""
    identity = record("lock", "lock/syscall", "their.core:boot")
    result = run("triage", "show", identity)
    assert result.exit_code == 2
    assert f"id        {identity}\n" in result.stdout
    assert result.stdout.endswith("notes.md: empty\n")
    assert result.stderr.startswith(
        f"findings/{identity}/finding.json: target 'their.core:boot': importing their.core failed"
    )


def test_a_bug_that_is_gone() -> None:
    """A program that no longer shows its bug is said to, and nothing is explained."""
    result = run("triage", "show", LOCK)
    assert result.exit_code == 0
    assert "\nrun now, it does not show the bug:\n" in result.stdout
    assert result.stdout.endswith("notes.md: empty\n")


def test_a_program_that_is_gone() -> None:
    """A finding without its program is told in one line."""
    program = Path(f"findings/{MERGED}/program.prog")
    program.unlink()
    result = run("triage", "show", MERGED)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"{program}: No such file or directory\n"


def test_a_directory_behind_a_link(tmp_path: Path) -> None:
    """Findings that lie elsewhere are findings here, too, if a link leads there; one that leads nowhere is none."""
    shutil.move(tmp_path / "findings" / MERGED, tmp_path / "elsewhere")
    Path(f"findings/{MERGED}").symlink_to(tmp_path / "elsewhere")
    Path("findings/broken").symlink_to("nowhere")
    assert run("triage", "show", MERGED).exit_code == 0
    assert run("triage", "list").stdout.endswith("\n3 findings\n")
