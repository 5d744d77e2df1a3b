"""`sysfuzz triage verify`: findings that no longer behave as their status says."""

import json
import shutil
from pathlib import Path

import pytest
from commandline import assert_refused, run
from recorded import LOCK, MERGED, PANIC, record, store, three

from programs import FLAKY_CORE, MERGE

CLEAN_CODE, FOUND, BAD, FAULT = range(4)


@pytest.fixture(autouse=True)
def _findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test finds two findings that show their bugs where it runs, and the third said to be fixed, which is true."""
    monkeypatch.chdir(tmp_path)
    three()
    store().set_status(LOCK, "fixed")


def verified(*args: object) -> tuple[int, dict[str, str], list[str]]:
    """The exit code, what became of each finding, and the lines for people."""
    result = run("triage", "verify", *args, "--json", "out.json")
    report = json.loads(Path("out.json").read_text())
    return result.exit_code, {one["id"]: one["change"] for one in report["findings"]}, result.stdout.splitlines()


def fix(identity: str) -> None:
    """Let the finding's program no longer show its bug."""
    (Path("findings") / identity / "program.prog").write_text("mode amd64\nexit(0)\n")


def test_all_is_as_said() -> None:
    """New and confirmed bugs are there, fixed ones are not: nothing to tell, exit code 0."""
    store().set_status(PANIC, "confirmed")
    assert verified() == (
        CLEAN_CODE,
        {MERGED: "as said", PANIC: "as said", LOCK: "as said"},
        ["3 findings replayed: 3 as said"],
    )


@pytest.mark.parametrize("status", ["new", "confirmed"])
def test_a_bug_that_is_gone(status: str) -> None:
    """A new or confirmed bug that the program does not show any more is told; its file stays as it is."""
    store().set_status(MERGED, status)
    fix(MERGED)
    before = Path(f"findings/{MERGED}/finding.json").read_text()
    code, changes, lines = verified()
    assert (code, changes[MERGED]) == (FOUND, "gone")
    assert lines == [
        f"critical  {status}  {MERGED}  does not show its bug any more",
        "3 findings replayed: 1 gone, 2 as said",
    ]
    assert Path(f"findings/{MERGED}/finding.json").read_text() == before


def test_a_bug_that_is_back() -> None:
    """A bug that is said to be fixed and shows itself is a regression."""
    store().set_status(MERGED, "fixed", "in r1234")
    assert verified() == (
        FOUND,
        {MERGED: "back", PANIC: "as said", LOCK: "as said"},
        [f"critical  fixed  {MERGED}  shows its bug again", "3 findings replayed: 1 back, 2 as said"],
    )


@pytest.mark.parametrize("shows", [True, False])
def test_what_is_rejected_is_only_told(shows: bool) -> None:
    """People have decided about it; that it is as it was, or is gone, fails nothing."""
    store().set_status(MERGED, "rejected", "wanted")
    if not shows:
        fix(MERGED)
    code, changes, lines = verified()
    assert (code, changes[MERGED]) == (CLEAN_CODE, "settled")
    what = "still shows its bug" if shows else "does not show its bug any more"
    assert lines == [
        f"critical  rejected  {MERGED}  {what}",
        "3 findings replayed: 2 as said, 1 settled",
    ]


def test_what_is_ignored_is_only_told() -> None:
    """So it is with known, accepted behaviour; an entry that matches nothing is told with its line."""
    Path("findings/ignore.txt").write_text("*  panic/*  # no matter\n*  insane/*  # was so once\n")
    fix(PANIC)
    code, changes, lines = verified()
    assert (code, changes[PANIC]) == (CLEAN_CODE, "settled")
    assert lines == [
        f"high  ignored  {PANIC}  does not show its bug any more",
        "findings/ignore.txt:2: matches no finding: * insane/*",
        "3 findings replayed: 2 as said, 1 settled",
    ]
    assert json.loads(Path("out.json").read_text())["idle"] == ["findings/ignore.txt:2: matches no finding: * insane/*"]


@pytest.mark.parametrize(
    ("status", "shows", "change"),
    [
        ("confirmed", True, "as said"),
        ("confirmed", False, "gone"),
        ("fixed", True, "back"),
        ("fixed", False, "as said"),
        ("rejected", True, "settled"),
    ],
)
def test_a_duplicate_does_what_its_original_does(status: str, shows: bool, change: str) -> None:
    """A duplicate, also of a duplicate, is judged by the status of what stands for it."""
    middle = record("lock", "lock/syscall")
    store().set_status(middle, "duplicate", duplicate_of=LOCK)
    store().set_status(MERGED, "duplicate", duplicate_of=middle)
    store().set_status(LOCK, status, "so")
    if not shows:
        fix(MERGED)
    assert verified(MERGED)[:2] == (FOUND if change in ("gone", "back") else CLEAN_CODE, {MERGED: change})


def test_a_duplicate_without_its_original() -> None:
    """Nothing is expected of a duplicate whose original is not here, or not named, or that is in a circle."""
    store().set_status(MERGED, "duplicate", duplicate_of=PANIC)
    shutil.rmtree(Path("findings") / PANIC)
    assert verified()[:2] == (CLEAN_CODE, {MERGED: "settled", LOCK: "as said"})
    path = Path(f"findings/{MERGED}/finding.json")
    path.write_text(path.read_text().replace(f'  "duplicate_of": "{PANIC}",\n', ""))
    assert verified()[:2] == (CLEAN_CODE, {MERGED: "settled", LOCK: "as said"})
    path.write_text(path.read_text().replace('"duplicate",', f'"duplicate",\n  "duplicate_of": "{MERGED}",'))
    assert verified()[:2] == (CLEAN_CODE, {MERGED: "settled", LOCK: "as said"})


def test_another_bug_in_its_place() -> None:
    """A program that shows another bucket now, and not its own, is told with it; JSON has all that it shows."""
    Path(f"findings/{PANIC}/program.prog").write_text(MERGE)
    code, changes, lines = verified()
    assert (code, changes[PANIC]) == (FOUND, "gone")
    assert lines[0] == f"high  new  {PANIC}  does not show its bug any more; it shows attribute/mmap/merge"


def test_some_of_them() -> None:
    """Ids and targets narrow what is replayed; an id given twice is replayed once."""
    twice = (CLEAN_CODE, {PANIC: "as said", MERGED: "as said"}, ["2 findings replayed: 2 as said"])
    assert verified(PANIC, MERGED, PANIC) == twice
    assert verified("--target", "nosyscalls")[1] == {LOCK: "as said"}
    assert verified("--target", "nosyscalls", "--target", "nosyscalls-2011")[1].keys() == {MERGED, PANIC, LOCK}
    assert verified(PANIC, "--target", "nosyscalls-2011")[1] == {PANIC: "as said"}


def test_a_target_without_findings() -> None:
    """A misspelt target is no proof of being clean."""
    result = run("triage", "verify", "--target", "nosyscall")
    message = (
        "unknown target of a finding 'nosyscall' (did you mean nosyscalls?); supported: nosyscalls, nosyscalls-2011"
    )
    assert_refused(result, f"--target: {message}")


def test_what_cannot_be_replayed_does_not_hide_the_rest() -> None:
    """Damaged findings, damaged programs and targets that are not here are named, one line each; exit code 2."""
    theirs = record("lock", "lock/x", "their.core:boot")
    fix(MERGED)
    Path(f"findings/{PANIC}/program.prog").write_text("mode amd64\nfrok()\n")
    Path("findings/mine").mkdir()
    Path("findings/mine/finding.json").write_text("{}")
    result = run("triage", "verify", "--json", "out.json")
    assert result.exit_code == BAD
    assert result.stdout.endswith("2 findings replayed: 1 gone, 1 as said\n")
    damaged, program, target = result.stderr.splitlines()
    assert damaged == "findings/mine/finding.json: schema: is missing"
    assert program.startswith(f"findings/{PANIC}/program.prog:2:1: unknown call 'frok'")
    assert target.startswith(f"findings/{theirs}/finding.json: target 'their.core:boot': importing their.core failed")
    report = json.loads(Path("out.json").read_text())
    assert report["unusable"] == [damaged, program, target]
    assert [one["change"] for one in report["findings"]] == ["gone", "as said"]


def test_replays_that_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What shows itself only now and then is an engine fault, never an answer: exit code 3; the others are replayed."""
    (tmp_path / "flaky_for_verify.py").write_text(FLAKY_CORE)
    monkeypatch.syspath_prepend(tmp_path)
    identity = record("panic", "panic/odd", "flaky_for_verify:Flaky")
    result = run("triage", "verify", "--json", "out.json")
    assert result.exit_code == FAULT
    assert result.stderr.startswith(
        f"findings/{identity}/program.prog: 10 replays on flaky_for_verify:Flaky differ: panic/"
    )
    assert result.stderr.count("\n") == 1
    assert result.stdout == "3 findings replayed: 3 as said\n"
    assert json.loads(Path("out.json").read_text())["engine_faults"] == [result.stderr.strip()]


def test_json() -> None:
    """The JSON has just the promised keys."""
    result = run("triage", "verify", MERGED, "--json", "-")
    assert result.stderr == "1 finding replayed: 1 as said\n"
    assert json.loads(result.stdout) == {
        "findings": [
            {
                "id": MERGED,
                "bucket": "attribute/mmap/merge",
                "target": "nosyscalls-2011",
                "status": "new",
                "shown": 10,
                "replays": 10,
                "others": [],
                "change": "as said",
            }
        ],
        "idle": [],
        "unusable": [],
        "engine_faults": [],
    }


def test_nothing_to_replay(tmp_path: Path) -> None:
    """A directory without findings is clean."""
    (tmp_path / "empty").mkdir()
    result = run("triage", "verify", "--findings", "empty")
    assert (result.exit_code, result.output) == (CLEAN_CODE, "0 findings replayed\n")


def test_a_milder_face_is_told() -> None:
    """A program that showed an escape and now loses the attribute only has changed: what is stored is worse than what there is."""
    path = Path("findings") / MERGED / "program.prog"
    text = path.read_text()
    path.write_text("".join(line for line in text.splitlines(keepends=True) if not line.startswith(("poke", "run"))))
    code, changes, lines = verified(MERGED)
    assert (code, changes) == (FOUND, {MERGED: "milder"})
    assert lines == [
        f"critical  new  {MERGED}  still shows its bug, with a milder face: attribute-lost",
        "1 finding replayed: 1 milder",
    ]
