"""`sysfuzz triage`: looking through findings."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from commandline import assert_refused, run

from programs import MERGE
from sysfuzz.findings.finding import Evidence, Replays, Sighting
from sysfuzz.findings.provenance import Provenance
from sysfuzz.findings.store import Store
from sysfuzz.program.text import parse

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
SLUG = "nosyscalls-2011--attribute--mmap--merge"


def record(oracle: str, bucket: str, target: str = "nosyscalls-2011", count: int = 1) -> str:
    """Record a finding in ./findings; its id."""
    sighting = Sighting(
        bucket=bucket,
        oracle=oracle,
        target=target,
        program=parse(MERGE).program,
        evidence=Evidence(3, "SIGILL", "getpid dispatched"),
        replays=Replays(10, 10),
        provenance=Provenance({"sysfuzz": "0.1.0", "unicorn": "2.1.4"}, seed=7, epoch=0, worker=1, executions=1234),
        count=count,
        faces={oracle: count},
    )
    return Store(Path("findings")).record(sighting, NOON).entry.id


@pytest.fixture(autouse=True)
def _findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test finds three findings where it runs."""
    monkeypatch.chdir(tmp_path)
    record("lock", "lock/int80", "nosyscalls")
    record("escape", "attribute/mmap/merge", count=1200)
    record("panic", "panic/mmap/bad flags")


def test_list() -> None:
    """Findings are listed by severity, in aligned columns: severity, status, count, oracle, id."""
    result = run("triage", "list")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        f"""\
critical  new  1,200  escape  {SLUG}
high      new  1      panic   nosyscalls-2011--panic--mmap--bad-flags-682652bb
low       new  1      lock    nosyscalls--lock--int80
3 findings
"""
    )


@pytest.mark.parametrize(
    ("filters", "oracles"),
    [
        (["--severity", "high"], ["panic"]),
        (["--severity", "low", "--severity", "critical"], ["escape", "lock"]),
        (["--target", "nosyscalls"], ["lock"]),
        (["--status", "new"], ["escape", "panic", "lock"]),
        (["--status", "fixed"], []),
        (["--target", "nosyscalls-2011", "--severity", "low"], []),
    ],
)
def test_filters(filters: list[str], oracles: list[str]) -> None:
    """Filters of one kind widen, filters of different kinds narrow; how much is hidden is told."""
    result = run("triage", "list", *filters, "--json", "out.json")
    assert result.exit_code == 0
    assert [record["oracle"] for record in json.loads(Path("out.json").read_text())] == oracles
    last = result.stdout.splitlines()[-1]
    hidden = 3 - len(oracles)
    assert last == f"{len(oracles)} finding{'' if len(oracles) == 1 else 's'}" + (
        f", {hidden} not shown" if hidden else ""
    )


def test_json() -> None:
    """The JSON has just the promised keys."""
    result = run("triage", "list", "--severity", "critical", "--json", "-")
    assert json.loads(result.stdout) == [
        {
            "id": SLUG,
            "bucket": "attribute/mmap/merge",
            "oracle": "escape",
            "severity": "critical",
            "status": "new",
            "target": "nosyscalls-2011",
            "count": 1200,
            "replays": "10/10",
            "first_seen": "2026-01-31T12:00:00Z",
            "last_seen": "2026-01-31T12:00:00Z",
            "program": f"findings/{SLUG}/program.prog",
        }
    ]
    assert "1 finding, 2 not shown" in result.stderr


def test_damaged_findings_are_named() -> None:
    """What cannot be read is named behind what can, and the exit code says so."""
    Path(f"findings/{SLUG}/finding.json").write_text('{"schema": 1}')
    result = run("triage", "list")
    assert result.exit_code == 2
    assert result.stdout.endswith("\n2 findings\n")
    assert result.stderr == f"findings/{SLUG}/finding.json: evidence: is missing\n"


@pytest.mark.parametrize("verb", [["list"], ["show", SLUG]])
def test_missing_directory(verb: list[str]) -> None:
    """A misspelt directory is no proof of being clean."""
    message = "finds: no such directory; 'sysfuzz fuzz --findings finds' makes it"
    assert_refused(run("triage", *verb, "--findings", "finds"), message)


def test_show() -> None:
    """What is known, the program, what it does now, and the notes."""
    Path(f"findings/{SLUG}/notes.md").write_text("Seen by *us*, too.\n")
    result = run("triage", "show", SLUG)
    assert (result.exit_code, result.stderr) == (0, "")
    facts, program, now = result.stdout.split("\n\n", 2)
    assert facts.splitlines() == [
        f"id        {SLUG}",
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
        f"replay    sysfuzz exec findings/{SLUG}/program.prog --target nosyscalls-2011",
    ]
    assert program.splitlines()[:2] == [f"findings/{SLUG}/program.prog:", "  # target: nosyscalls-2011"]
    assert program.splitlines()[-1] == "  run(0x11000)"
    assert now.startswith("run now, it shows the bug:\n    0  mmap(0x10000, ")
    assert now.endswith(f"\n  2 verdicts\n\nfindings/{SLUG}/notes.md:\n  Seen by *us*, too.\n")


def test_unknown_id() -> None:
    """A misspelt id is told with the closest one."""
    result = run("triage", "show", "nosyscalls--lock--int81")
    assert (result.exit_code, result.stdout) == (2, "")
    start = "findings: unknown finding 'nosyscalls--lock--int81' (did you mean nosyscalls--lock--int80?); supported: "
    assert result.stderr.startswith(start)
    assert result.stderr.count("\n") == 1


def test_a_target_that_is_not_here() -> None:
    """A finding of somebody's own core is shown all the same; that it was not run is told."""
    identity = record("lock", "lock/syscall", "their.core:boot")
    result = run("triage", "show", identity)
    assert result.exit_code == 2
    assert f"id        {identity}\n" in result.stdout
    assert "notes.md: empty" in result.stdout
    assert result.stderr.startswith(
        f"findings/{identity}/finding.json: target 'their.core:boot': importing their.core failed"
    )


def test_a_bug_that_is_gone() -> None:
    """A program that no longer shows its bug is said to."""
    identity = record("escape", "attribute/mmap/merge", "nosyscalls")
    result = run("triage", "show", identity)
    assert result.exit_code == 0
    assert "\nrun now, it does not show the bug:\n" in result.stdout


def test_no_subcommand_shows_help() -> None:
    """`sysfuzz triage` names what it can do."""
    result = run("triage")
    assert result.exit_code == 2
    assert "list  " in result.stdout
    assert "show  " in result.stdout
