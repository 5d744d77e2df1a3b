"""`sysfuzz triage set`: what people think of a finding, said with as small a diff as possible."""

import difflib
import multiprocessing
import os
import subprocess
from pathlib import Path

import pytest
from commandline import assert_refused, run, spawn
from recorded import LOCK, MERGED, PANIC, store, three


@pytest.fixture(autouse=True)
def _findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test finds three findings where it runs."""
    monkeypatch.chdir(tmp_path)
    three()


def contents() -> dict[str, str]:
    """All that a version control would see."""
    return {str(path): path.read_text() for path in sorted(Path("findings").glob("*/*")) if path.is_file()}


def changed(before: dict[str, str]) -> list[str]:
    """The lines that came and went since, as a diff has them."""
    after = contents()
    assert before.keys() == after.keys()
    lines = []
    for path, text in before.items():
        diff = difflib.unified_diff(text.splitlines(), after[path].splitlines(), n=0, lineterm="")
        lines += [line for line in diff if line[:3] not in ("---", "+++") and line[0] != "@"]
    return lines


@pytest.mark.parametrize(
    ("said", "told", "lines"),
    [
        (["confirmed"], "new -> confirmed", ['+  "status": "confirmed",']),
        (["fixed"], "new -> fixed", ['+  "status": "fixed",']),
        (
            ["fixed", "--why", "in r1234"],
            "new -> fixed (in r1234)",
            ['+  "status": "fixed",', '+  "why": "in r1234",'],
        ),
        (
            ["rejected", "--why", "  wie gewünscht  "],
            "new -> rejected (wie gewünscht)",
            ['+  "status": "rejected",', '+  "why": "wie gewünscht",'],
        ),
        (
            ["duplicate", LOCK],
            f"new -> duplicate of {LOCK}",
            ['+  "status": "duplicate",', f'+  "duplicate_of": "{LOCK}",'],
        ),
        (
            ["duplicate", LOCK, "--why", "one cause"],
            f"new -> duplicate of {LOCK} (one cause)",
            ['+  "status": "duplicate",', '+  "why": "one cause",', f'+  "duplicate_of": "{LOCK}",'],
        ),
    ],
)
def test_only_what_was_said_changes(said: list[str], told: str, lines: list[str]) -> None:
    """The diff says what was said; to say it again changes nothing; to take it back leaves no trace."""
    before = contents()
    result = run("triage", "set", MERGED, *said)
    assert (result.exit_code, result.output) == (0, f"{MERGED}: {told}\n")
    assert changed(before) == ['-  "status": "new",', *lines]
    after = contents()
    again = run("triage", "set", MERGED, *said)
    assert (again.exit_code, again.output) == (0, f"{MERGED}: {told.removeprefix('new -> ')} already\n")
    assert contents() == after
    assert run("triage", "set", MERGED, "new").exit_code == 0
    assert contents() == before


def test_a_reason_stays_with_its_status() -> None:
    """To say a status again without its reason does not lose the reason; another status does."""
    run("triage", "set", MERGED, "confirmed", "--why", "seen on the board")
    assert run("triage", "set", MERGED, "confirmed").output == f"{MERGED}: confirmed (seen on the board) already\n"
    assert run("triage", "set", MERGED, "fixed").output == f"{MERGED}: confirmed (seen on the board) -> fixed\n"


_NEEDS_ORIGINAL = "status duplicate needs the id of the finding that it duplicates, and no other takes one"
_NEEDS_REASON = "status rejected needs a reason: --why TEXT"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (["duplicate"], _NEEDS_ORIGINAL),
        (["duplicate", ""], _NEEDS_ORIGINAL),
        (["confirmed", LOCK], _NEEDS_ORIGINAL),
        (["rejected"], _NEEDS_REASON),
        (["rejected", "--why", "  "], _NEEDS_REASON),
        (["fixed", "--why", "a\nb"], "Invalid value for --why: supported: one line of printable text, got 'a\\nb'"),
        (
            ["fixed", "--why", "\x1b[2J"],
            "Invalid value for --why: supported: one line of printable text, got '\\x1b[2J'",
        ),
    ],
)
def test_what_cannot_be_said(said: list[str], message: str) -> None:
    """What is missing, too much or unprintable is refused in one line, and nothing is written."""
    before = contents()
    result = run("triage", "set", MERGED, *said)
    assert_refused(result, f"sysfuzz triage set: {message} ('sysfuzz triage set --help' says more)")
    assert contents() == before


def test_an_unknown_status() -> None:
    """A misspelt status is told with those that there are."""
    result = run("triage", "set", MERGED, "confimed")
    assert (result.exit_code, result.stdout) == (2, "")
    assert all(status in result.stderr for status in ("new", "confirmed", "fixed", "duplicate", "rejected"))


def test_a_duplicate_of_what_is_not_here() -> None:
    """The original must be a finding of the same directory; that it is the other id that is unknown is to be seen."""
    result = run("triage", "set", MERGED, "duplicate", "nosyscalls--lock--int8")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(
        f"findings: unknown finding 'nosyscalls--lock--int8' (did you mean {LOCK}?); supported: "
    )
    assert store().load(MERGED).finding.status == "new"


def test_duplicates_do_not_go_round() -> None:
    """A finding is no duplicate of itself, nor of one that is a duplicate of it, by whatever way."""
    path = f"findings/{MERGED}/finding.json"
    leads_back = f"{path}: duplicate_of: leads back: "
    assert_refused(run("triage", "set", MERGED, "duplicate", MERGED), f"{leads_back}{MERGED} -> {MERGED}")
    run("triage", "set", LOCK, "duplicate", PANIC)
    run("triage", "set", PANIC, "duplicate", MERGED)
    way = f"{MERGED} -> {LOCK} -> {PANIC} -> {MERGED}"
    assert_refused(run("triage", "set", MERGED, "duplicate", LOCK), f"{leads_back}{way}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a read-only disk")
def test_read_only_directory(tmp_path: Path) -> None:
    """A place that cannot be written is told in one line."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", "findings"], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no mount here: {mounted.stderr.strip()}")
    try:
        three()
        subprocess.run(["mount", "-o", "remount,ro", "findings"], check=True)
        before = contents()
        process = spawn("triage", "set", MERGED, "fixed", cwd=tmp_path)
        assert (process.returncode, process.stdout) == (2, "")
        assert process.stderr == "findings/.lock: cannot lock: Read-only file system\n"
        assert contents() == before
    finally:
        subprocess.run(["umount", "findings"], check=True)


def _set_many(directory: Path, identity: str, others: list[str]) -> None:
    os.chdir(directory)
    for turn in range(15):
        run("triage", "set", identity, "duplicate", others[turn % 2])
        run("triage", "set", identity, "confirmed", "--why", f"turn {turn}")
        run("triage", "set", identity, "duplicate", others[turn % 2])


def test_people_who_say_at_once(tmp_path: Path) -> None:
    """Whatever several people say in the same moment, every file is whole and duplicates lead to one that is none."""
    ids = [MERGED, PANIC, LOCK]
    context = multiprocessing.get_context("spawn")
    people = [
        context.Process(target=_set_many, args=(tmp_path, one, [other for other in ids if other != one])) for one in ids
    ]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert [person.exitcode for person in people] == [0, 0, 0]
    listing = store().entries()
    assert (len(listing.entries), listing.damaged) == (3, ())
    assert "confirmed" in {entry.finding.status for entry in listing.entries}
