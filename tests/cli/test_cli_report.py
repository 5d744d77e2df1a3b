"""`sysfuzz report`: findings for people and for CI systems."""

import json
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from commandline import assert_refused, run

from programs import MERGE, OWN_CORES
from sysfuzz.findings.finding import Evidence, Replays, Sighting
from sysfuzz.findings.provenance import Provenance
from sysfuzz.findings.store import Store
from sysfuzz.program.text import parse

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
SLUG = "nosyscalls-2011--attribute--mmap--merge"


def record(oracle: str, bucket: str, target: str = "nosyscalls-2011") -> str:
    """Record a finding in ./findings; its id."""
    sighting = Sighting(
        bucket=bucket,
        oracle=oracle,
        target=target,
        program=parse(MERGE).program,
        evidence=Evidence(3, "SIGILL", "getpid dispatched"),
        replays=Replays(10, 10),
        provenance=Provenance({"sysfuzz": "0.1.0"}, seed=7, epoch=0, worker=1, executions=1234),
        count=1,
        faces={oracle: 1},
    )
    return Store(Path("findings")).record(sighting, NOON).entry.id


@pytest.fixture(autouse=True)
def _findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test finds two findings where it runs, at a time that stands still."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(NOON.timestamp())))
    record("escape", "attribute/mmap/merge")
    record("lock", "lock/int80", "nosyscalls")


def report(*args: object) -> dict[str, list[dict[str, object]]]:
    """`sysfuzz report --format json` with further arguments."""
    result = run("report", "--format", "json", *args)
    assert (result.exit_code, result.stderr) == (0, "")
    value: dict[str, list[dict[str, object]]] = json.loads(result.stdout)
    return value


def test_text_is_the_default() -> None:
    """Without options, plain text on standard output; findings are no failure."""
    result = run("report")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(
        "sysfuzz report on findings: 2 open (1 critical, 1 low)\nmade 2026-01-31T12:00:00Z by sysfuzz "
    )
    assert f"sysfuzz exec findings/{SLUG}/program.prog --target nosyscalls-2011" in result.stdout


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit", "html"])
def test_formats(form: str) -> None:
    """Each format is written to a file as to standard output, and the same twice."""
    result = run("report", "--format", form, "-o", "out")
    assert (result.exit_code, result.output) == (0, "")
    text = Path("out").read_text(encoding="utf-8")
    assert text == run("report", "--format", form).stdout == run("report", "--format", form, "-o", "-").stdout
    assert SLUG in text
    if form in ("json", "sarif"):
        json.loads(text)
    elif form == "junit":
        ElementTree.fromstring(text.encode())
    elif form == "html":
        assert text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("filters", "oracles"),
    [
        ([], ["escape", "lock"]),
        (["--severity", "critical"], ["escape"]),
        (["--severity", "low", "--severity", "critical"], ["escape", "lock"]),
        (["--status", "fixed"], []),
        (["--status", "new", "--severity", "low"], ["lock"]),
    ],
)
def test_filters(filters: list[str], oracles: list[str]) -> None:
    """Filters of one kind widen, filters of different kinds narrow; how many are left out is told."""
    value = report(*filters)
    assert [item["oracle"] for item in value["open"]] == oracles
    assert dict(value["summary"])["not_shown"] == 2 - len(oracles)


def test_closed_and_ignored() -> None:
    """What is settled or ignored stands apart; the ignore list is the store's own, or that of --ignore."""
    Store(Path("findings")).set_status(SLUG, "fixed", "in patch 12")
    Path(f"findings/{SLUG}/program.prog").write_text("mode amd64\nexit(0)\n", encoding="utf-8")
    Path("mine.txt").write_text("nosyscalls  lock/*  # costs time, nothing else\n", encoding="utf-8")
    value = report("--ignore", "mine.txt")
    assert [len(value[part]) for part in ("open", "closed", "ignored")] == [0, 1, 1]
    assert value["ignored"][0]["ignored"] == "costs time, nothing else"
    assert [len(report()[part]) for part in ("open", "closed", "ignored")] == [1, 1, 0]
    Path("mine.txt").rename("findings/ignore.txt")
    assert [len(report()[part]) for part in ("open", "closed", "ignored")] == [0, 1, 1]


def test_a_fixed_bug_that_is_back_is_open() -> None:
    """What people say does not hide what a run shows: it is open again in every format, and fails in JUnit."""
    Store(Path("findings")).set_status(SLUG, "fixed")
    assert SLUG in [item["id"] for item in report()["open"]]
    assert "status    fixed, but shows itself again\n" in run("report").stdout
    junit = run("report", "--format", "junit").stdout
    assert "fixed, but shows itself again" in junit.partition("<failure")[2]


def test_what_a_run_shows_now() -> None:
    """A finding that shows is explained; one that does not is reported, and said not to."""
    escape, lock = report()["open"]
    assert escape["explanation"]
    assert (lock["explanation"], lock["unexplained"]) == (
        None,
        "run now on nosyscalls, the program does not show the bug",
    )


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (
            "their.core:boot",
            "findings: target 'their.core:boot': importing their.core failed: ModuleNotFoundError: No module named 'their'",
        ),
        ("nosyscalls-1999", "findings: unknown target 'nosyscalls-1999'"),
        ("cores:raising", "findings: target cores:raising does not boot in mode amd64: "),
        ("cores:boot", "run now on cores:boot, the program does not show the bug"),
    ],
)
def test_own_cores(target: str, reason: str) -> None:
    """A target of the user's own is looked for where the command is run; one that cannot be opened is no error of the report."""
    Path("cores.py").write_text(OWN_CORES, encoding="utf-8")
    identity = record("panic", "panic/x", target)
    (item,) = [item for item in report()["open"] if item["id"] == identity]
    assert item["explanation"] is None
    assert str(item["unexplained"]).startswith(reason)


def test_damaged_findings() -> None:
    """What cannot be read is named after the rest has been written, and the exit code says so."""
    Path("findings/nosyscalls--lock--int80/finding.json").write_text("{}", encoding="utf-8")
    result = run("report", "-o", "out")
    message = "findings/nosyscalls--lock--int80/finding.json: schema: is missing\n"
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", message)
    text = Path("out").read_text(encoding="utf-8")
    assert SLUG in text
    assert message in text


def test_damaged_program() -> None:
    """A finding whose program cannot be read is reported without it."""
    Path(f"findings/{SLUG}/program.prog").write_text("mmap(", encoding="utf-8")
    result = run("report")
    assert result.exit_code == 2
    assert SLUG in result.stdout
    assert result.stderr.startswith(f"findings/{SLUG}/program.prog:1:")


def test_refusals() -> None:
    """A misspelt directory is no proof of being clean; a bad ignore list, time or place to write is told in one line."""
    assert_refused(
        run("report", "--findings", "finds"), "finds: no such directory; 'sysfuzz fuzz --findings finds' makes it"
    )
    assert_refused(run("report", "-o", "none/out"), f"{Path.cwd()}/none/out: cannot write: No such file or directory")
    result = run("report", "--ignore", "none.txt")
    assert (result.exit_code, result.stdout) == (2, "")
    result = run("report", "--format", "pdf")
    assert result.exit_code == 2
    assert "'text', 'json', 'sarif', 'junit', 'html'" in result.stderr


@pytest.mark.parametrize("value", ["noon", "", "1e9", "9" * 30])
def test_bad_time(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """The time of the report is a number of seconds, or a mistake."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
    assert_refused(run("report"), f"SOURCE_DATE_EPOCH: expected seconds since 1970, got {value!r}")


def test_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without SOURCE_DATE_EPOCH the time is that of the clock."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    before = datetime.now(UTC).replace(microsecond=0)
    made = datetime.strptime(str(report()["made"]), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert before <= made <= datetime.now(UTC)
