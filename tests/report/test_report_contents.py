"""What a report says, whatever its format."""

import shlex
from pathlib import Path

import pytest
from reported import BAD_FLAG, MERGE, MERGE_ID, WEAK, full, record, report_on

from sysfuzz.findings.finding import STATUSES, Evidence
from sysfuzz.findings.reproducer import replay_command
from sysfuzz.findings.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "findings")


@pytest.mark.parametrize("status", STATUSES)
def test_parts(store: Store, status: str) -> None:
    """New and confirmed findings are open, others closed; an ignored one is ignored, whatever its status."""
    merge = record(store, "escape", "attribute/mmap/merge")
    for bucket in ("lock/syscall", "map/ignored"):
        identity = record(store, "lock", bucket)
        if status != "new":
            store.set_status(identity, status, duplicate_of=merge if status == "duplicate" else "")
    report = report_on(store)
    is_open = status in ("new", "confirmed")
    assert [item.finding.bucket for item in report.open] == ["attribute/mmap/merge", *["lock/syscall"] * is_open]
    assert [item.finding.bucket for item in report.closed] == ["lock/syscall"] * (not is_open)
    assert [item.finding.bucket for item in report.ignored] == ["map/ignored"]
    assert report.counts == {"critical": 1, "high": 0, "medium": 0, "low": int(is_open)}


def test_worst_first(store: Store) -> None:
    """Each part is ordered by severity, then by id."""
    for oracle, bucket in [("lock", "b"), ("errno", "a"), ("escape", "c"), ("map", "d"), ("panic", "e")]:
        record(store, oracle, bucket)
    assert [item.finding.bucket for item in report_on(store).open] == ["c", "e", "d", "a", "b"]


def test_what_is_not_wanted_is_counted(store: Store) -> None:
    """Findings that were not asked for are left out, and how many is told."""
    record(store, "escape", "attribute/mmap/merge")
    record(store, "lock", "lock/syscall")
    report = report_on(store, wanted=lambda finding: finding.severity == "low")
    assert ([item.finding.oracle for item in report.items], report.hidden) == (["lock"], 1)


def test_explained_by_a_run(store: Store) -> None:
    """A finding that still shows is explained, one that does not says so, one of a target that is not here says why."""
    record(store, "escape", "attribute/mmap/merge")
    record(store, "lock", "lock/syscall")
    record(store, "lock", "lock/int80", target="their.core:boot")
    merge, gone, theirs = report_on(store).open[0], *sorted(report_on(store).open[1:], key=lambda item: item.entry.id)
    assert merge.explanation is not None
    assert (merge.explanation.page, merge.unexplained) == (0x11000, "")
    assert (gone.explanation, gone.unexplained) == (None, "does not show it")
    assert theirs.explanation is None
    assert theirs.unexplained.startswith("target 'their.core:boot': importing their.core failed")


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (0, "mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)"),
        (3, "run(0x11000)"),
        (-1, f"# target: {WEAK}"),  # boot has no line: the first stands for it
        (4, f"# target: {WEAK}"),  # nor has an op that somebody has deleted
    ],
)
def test_line(store: Store, op: int, text: str) -> None:
    """The line is that of the op that the evidence is about, in the file as it is on disk."""
    record(store, "escape", "attribute/mmap/merge", evidence=Evidence(op, "a", "b"))
    (item,) = report_on(store).open
    lines = item.entry.program.read_text(encoding="utf-8").splitlines()
    assert lines[item.line - 1] == text
    assert item.text.splitlines() == lines


@pytest.mark.parametrize("damage", ["mmap(\n", "\xff", None])
def test_a_program_that_cannot_be_read(store: Store, damage: str | None) -> None:
    """The finding is reported without its program, and the file is named."""
    program = store.directory / record(store, "escape", "attribute/mmap/merge") / "program.prog"
    if damage is None:
        program.unlink()
    else:
        program.write_bytes(damage.encode("latin-1"))
    report = report_on(store)
    (item,) = report.open
    assert (item.text, item.program, item.line, item.explanation) == ("", None, 1, None)
    assert report.damaged == (item.unexplained,)
    assert str(program) in item.unexplained


def test_notes(store: Store) -> None:
    """People's words are kept as they are; a missing file says nothing, one that cannot be read is named."""
    record(store, "escape", "attribute/mmap/merge")
    record(store, "map", "map/a")
    record(store, "map", "map/b")
    (store.directory / MERGE_ID / "notes.md").write_text("Seen by *us*.\n", encoding="utf-8")
    (store.directory / f"{WEAK}--map--a" / "notes.md").unlink()
    odd = store.directory / f"{WEAK}--map--b" / "notes.md"
    odd.unlink()
    odd.mkdir()
    report = report_on(store)
    assert [item.notes for item in report.open] == ["Seen by *us*.", "", ""]
    assert [line.startswith(str(odd)) for line in report.damaged] == [True]


def test_damaged_findings(tmp_path: Path) -> None:
    """What is no finding is named and not counted."""
    report = report_on(full(tmp_path / "findings"))
    assert len(report.damaged) == 1
    assert "finding.json" in report.damaged[0]
    assert (len(report.open), len(report.closed), len(report.ignored)) == (3, 3, 1)


@pytest.mark.parametrize(
    ("directory", "root", "expected"),
    [
        ("/home/u/repo/findings", "/home/u/repo", "findings/{}/program.prog"),
        ("/home/u/repo/build/findings", "/home/u/repo", "build/findings/{}/program.prog"),
        ("/home/u/repo/../findings", "/home/u/repo", "findings/{}/program.prog"),
        ("/var/findings", "/home/u/repo", "findings/{}/program.prog"),
    ],
)
def test_location(tmp_path: Path, directory: str, root: str, expected: str) -> None:
    """A program is named relative to where the report is made, and one that lies elsewhere as the store names it: never by a private path."""
    top = tmp_path / root.removeprefix("/")
    top.mkdir(parents=True)
    store = Store(tmp_path / directory.removeprefix("/"))
    record(store, "escape", "attribute/mmap/merge")
    (item,) = report_on(store, root=top).open
    assert item.location == expected.format(MERGE_ID)


def test_relative_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative directory is seen from where the report is made."""
    monkeypatch.chdir(tmp_path)
    store = Store(Path("deep/findings"))
    record(store, "escape", "attribute/mmap/merge")
    (item,) = report_on(store, root=tmp_path).open
    assert item.location == f"deep/findings/{MERGE_ID}/program.prog"


@pytest.mark.parametrize(("directory", "options"), [("findings", []), ("build/a b", ["--findings", "build/a b"])])
def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: str, options: list[str]) -> None:
    """Commands work from where the report is made, also with blanks in a path."""
    monkeypatch.chdir(tmp_path)
    store = Store(Path(directory))
    record(store, "panic", "panic/mmap", program=BAD_FLAG)
    (item,) = report_on(store, root=tmp_path).open
    commands = dict(item.commands)
    assert commands["replay"] == replay_command(Path(directory) / item.entry.id / "program.prog", WEAK)
    assert shlex.split(commands["explain"]) == ["sysfuzz", "triage", "explain", item.entry.id, *options]
    assert shlex.split(commands["regress"]) == ["sysfuzz", "regress", item.entry.id, *options]


def test_standing(tmp_path: Path) -> None:
    """A status comes with what people said about it."""
    report = report_on(full(tmp_path / "findings"))
    assert {item.standing for item in report.closed} == {
        "fixed (in patch 12)",
        f"duplicate of {MERGE_ID}",
        "rejected (as the manual says)",
    }


def test_edited_program(store: Store) -> None:
    """Lines are those of a file that somebody has reformatted, too."""
    identity = record(store, "escape", "attribute/mmap/merge")
    lines = MERGE.splitlines()
    (store.directory / identity / "program.prog").write_text("\n\n# mine\n".join(lines), encoding="utf-8")
    (item,) = report_on(store).open
    assert item.line == 1 + 4 * 3
