"""The findings that this project has committed: each reproduces, and has its regression test.

`findings/` may also hold what somebody's last run has left there; a finding belongs to the project when people have confirmed it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from sysfuzz.cli.inputs import REFERENCE
from sysfuzz.cli.main import cli
from sysfuzz.findings.bucket import group
from sysfuzz.findings.finding import Evidence, Replays, Sighting
from sysfuzz.findings.provenance import Provenance
from sysfuzz.findings.regression import regression
from sysfuzz.findings.store import Entry, Store
from sysfuzz.oracles import judge
from sysfuzz.program.text import load, parse
from sysfuzz.targets.table import get

ROOT = Path(__file__).parent.parent
FINDINGS = ROOT / "findings"
REGRESSIONS = ROOT / "tests" / "regressions"

PANIC = "mode amd64\nmmap(0, 0, PROT_NONE, 0x8, 0, 0)\n"


def confirmed(findings: Path) -> list[Entry]:
    """The findings of a store that are the project's."""
    return [entry for entry in Store(findings).entries().entries if entry.finding.status == "confirmed"]


def problems(entry: Entry, regressions: Path) -> Iterator[str]:
    """What is wrong about one finding and its regression test."""
    finding = entry.finding
    program, target = load(entry.program).program, get(finding.target)
    if finding.bucket not in group(judge(program, target.run(program))):
        yield "does not reproduce"
        return
    path = regressions / f"{entry.id}.prog"
    if not path.exists():
        yield "has no regression test"
        return
    if path.read_text(encoding="utf-8") != regression(program, finding.bucket, target, get(REFERENCE), path.name).text:
        yield "has another regression test than 'sysfuzz regress' writes"
    for name, code in ((finding.target, 1), (REFERENCE, 0)):
        if CliRunner().invoke(cli, ["check", str(path), "--target", name]).exit_code != code:
            yield f"has a regression test that {'passes' if code else 'fails'} on {name}"


def test_the_store_can_be_read() -> None:
    """The directory is there and says what it is for, and nothing in it is damaged."""
    assert (FINDINGS / "README.md").is_file()
    assert Store(FINDINGS).entries().damaged == ()


@pytest.mark.parametrize("entry", confirmed(FINDINGS), ids=lambda entry: entry.id)
def test_each_reproduces_and_has_its_test(entry: Entry) -> None:
    """A committed finding shows its bucket, and its regression test fails there and passes on the reference."""
    assert list(problems(entry, REGRESSIONS)) == []


def test_no_test_is_left_over() -> None:
    """A regression test whose finding is gone, or no longer confirmed, is told."""
    assert {path.stem for path in REGRESSIONS.glob("*.prog")} == {entry.id for entry in confirmed(FINDINGS)}


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    """A confirmed finding in a store of its own."""
    store = Store(tmp_path / "findings")
    sighting = Sighting(
        bucket="panic/sys_mmap: bad flags",
        oracle="panic",
        target="nosyscalls-2011",
        program=parse(PANIC).program,
        evidence=Evidence(0, "no panic", "panic"),
        replays=Replays(10, 10),
        provenance=Provenance({}, seed=1, epoch=0, worker=0, executions=1),
        count=1,
        faces={"panic": 1},
    )
    identity = store.record(sighting, datetime(2026, 1, 31, tzinfo=UTC)).entry.id
    store.set_status(identity, "confirmed")
    (found,) = confirmed(store.directory)
    return found


GOOD = "# -> EINVAL"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "", []),
        ("# bucket", "# Bucket", ["another"]),
        (GOOD, "# -> panic", ["another", "passes on nosyscalls-2011", "fails on nosyscalls"]),
        (GOOD, "# -> EBADF", ["another", "fails on nosyscalls"]),
    ],
)
def test_the_rule_bites(entry: Entry, tmp_path: Path, old: str, new: str, told: list[str]) -> None:
    """A regression test that was edited is told, and so is one that passes where the bug is, or fails where it is not."""
    made = regression(
        parse(PANIC).program, entry.finding.bucket, get("nosyscalls-2011"), get(REFERENCE), f"{entry.id}.prog"
    )
    assert GOOD in made.text
    (tmp_path / f"{entry.id}.prog").write_text(made.text.replace(old, new) if old else made.text)
    found = list(problems(entry, tmp_path))
    assert len(found) == len(told)
    assert all(words in problem for words, problem in zip(told, found, strict=True))


def test_a_finding_without_test_or_bug_is_told(entry: Entry, tmp_path: Path) -> None:
    """A missing regression test has a name, and so has a program that shows nothing any more."""
    assert list(problems(entry, tmp_path)) == ["has no regression test"]
    entry.program.write_text("mode amd64\nfork()\n")
    assert list(problems(entry, tmp_path)) == ["does not reproduce"]
