"""`sysfuzz triage list`: which findings are shown, and which are only counted."""

import json
from pathlib import Path

import pytest
from commandline import run
from recorded import LOCK, MERGED, PANIC, store, three


@pytest.fixture(autouse=True)
def _findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test finds three findings where it runs."""
    monkeypatch.chdir(tmp_path)
    three()


def listed(*args: object) -> tuple[list[str], str]:
    """The ids of the findings that are shown, and the last line."""
    result = run("triage", "list", *args, "--json", "out.json")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    ids = [record["id"] for record in json.loads(Path("out.json").read_text())]
    assert len(ids) == len(lines) - 1
    assert all(identity in line for identity, line in zip(ids, lines, strict=False))
    return ids, lines[-1]


def test_list() -> None:
    """Findings are listed by severity, in aligned columns: severity, status, count, oracle, id."""
    result = run("triage", "list")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        f"""\
critical  new  1,200  escape  {MERGED}
high      new  1      panic   {PANIC}
low       new  1      lock    {LOCK}
3 findings
"""
    )


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        (["--severity", "high"], [PANIC]),
        (["--severity", "low", "--severity", "critical"], [MERGED, LOCK]),
        (["--target", "nosyscalls"], [LOCK]),
        (["--status", "new"], [MERGED, PANIC, LOCK]),
        (["--status", "fixed"], []),
        (["--target", "nosyscalls-2011", "--severity", "low"], []),
        (["--bucket", "panic/*", "--bucket", "lock/int80"], [PANIC, LOCK]),
        (["--bucket", "panic"], []),
        (["--bucket", "*flags", "--target", "nosyscalls"], []),
    ],
)
def test_filters(filters: list[str], ids: list[str]) -> None:
    """Filters of one kind widen, filters of different kinds narrow; how much is hidden is told."""
    hidden = 3 - len(ids)
    noun = "finding" if len(ids) == 1 else "findings"
    told = f", {hidden} not shown ({hidden} filtered)" if hidden else ""
    assert listed(*filters) == (ids, f"{len(ids)} {noun}{told}")


def settle() -> None:
    """Let one finding be a duplicate, and one be ignored."""
    store().set_status(PANIC, "duplicate", duplicate_of=MERGED)
    Path("findings/ignore.txt").write_text("*  lock/*  # costs time, nothing else\n")


def test_what_nobody_has_to_act_on_is_counted() -> None:
    """Duplicate, rejected and ignored findings are hidden, and the last line says how many; fixed ones are shown."""
    settle()
    assert listed() == ([MERGED], "1 finding, 2 not shown (1 duplicate, 1 ignored)")
    store().set_status(PANIC, "rejected", "the manual has it")
    assert listed() == ([MERGED], "1 finding, 2 not shown (1 ignored, 1 rejected)")
    store().set_status(PANIC, "fixed")
    assert listed() == ([MERGED, PANIC], "2 findings, 1 not shown (1 ignored)")


def test_what_is_asked_for_is_shown() -> None:
    """A status that is asked for is shown, but what is ignored with --all alone; filters hold there, too."""
    settle()
    assert listed("--status", "duplicate") == ([PANIC], "1 finding, 2 not shown (2 filtered)")
    assert listed("--status", "new") == ([MERGED], "1 finding, 2 not shown (1 filtered, 1 ignored)")
    assert listed("--all") == ([MERGED, PANIC, LOCK], "3 findings")
    assert listed("--all", "--severity", "low") == ([LOCK], "1 finding, 2 not shown (2 filtered)")


def test_why_it_is_usually_not_shown() -> None:
    """Behind a duplicate stands what it duplicates, behind an ignored one the reason."""
    settle()
    assert run("triage", "list", "--all").stdout.splitlines()[:3] == [
        f"critical  new        1,200  escape  {MERGED}",
        f"high      duplicate  1      panic   {PANIC}  of {MERGED}",
        f"low       new        1      lock    {LOCK}{' ' * (len(PANIC) - len(LOCK))}  ignored: costs time, nothing else",
    ]


def test_another_ignore_list() -> None:
    """A list that is named stands in the place of the directory's own."""
    settle()
    Path("other.txt").write_text("nosyscalls-2011  attribute/*  # old\n")
    assert listed("--ignore", "other.txt") == ([LOCK], "1 finding, 2 not shown (1 duplicate, 1 ignored)")


def test_json() -> None:
    """The JSON has just the promised keys."""
    settle()
    result = run("triage", "list", "--all", "--json", "-")
    assert "3 findings\n" in result.stderr
    worst, duplicate, ignored = json.loads(result.stdout)
    assert worst == {
        "id": MERGED,
        "bucket": "attribute/mmap/merge",
        "oracle": "escape",
        "severity": "critical",
        "status": "new",
        "why": "",
        "duplicate_of": "",
        "ignored": "",
        "kin_of": "",
        "target": "nosyscalls-2011",
        "count": 1200,
        "replays": "10/10",
        "first_seen": "2026-01-31T12:00:00Z",
        "last_seen": "2026-01-31T12:00:00Z",
        "program": f"findings/{MERGED}/program.prog",
    }
    assert (duplicate["status"], duplicate["duplicate_of"]) == ("duplicate", MERGED)
    assert (ignored["status"], ignored["ignored"]) == ("new", "costs time, nothing else")


def test_damaged_findings_are_named() -> None:
    """What cannot be read is named behind what can, and the exit code says so."""
    Path(f"findings/{MERGED}/finding.json").write_text('{"schema": 1}')
    result = run("triage", "list")
    assert result.exit_code == 2
    assert result.stdout.endswith("\n2 findings\n")
    assert result.stderr == f"findings/{MERGED}/finding.json: evidence: is missing\n"


def test_an_empty_directory(tmp_path: Path) -> None:
    """No findings are a table without rows."""
    (tmp_path / "empty").mkdir()
    assert run("triage", "list", "--findings", "empty").stdout == "0 findings\n"
