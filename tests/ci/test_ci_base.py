"""What was known before: a store as it lies there, and as git has it."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sysfuzz.ci.base import BaseError, of_revision, of_store
from sysfuzz.findings.finding import Evidence, Replays, Sighting
from sysfuzz.findings.provenance import Provenance
from sysfuzz.findings.store import Store
from sysfuzz.program.text import parse

ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def git(directory: Path, *arguments: str) -> str:
    """Run git there, with nobody's settings."""
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    done = subprocess.run(
        ["git", "-C", str(directory), *who, *arguments],
        env=os.environ | ALONE,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def commit(directory: Path, tag: str) -> str:
    """Commit all that is there, under a tag; the name of the commit."""
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--allow-empty", "--message", tag)
    git(directory, "tag", tag)
    return git(directory, "rev-parse", "HEAD")


def record(store: Store, bucket: str) -> str:
    """Record a finding; its id."""
    sighting = Sighting(
        bucket=bucket,
        oracle="lock",
        target="nosyscalls",
        program=parse("mode amd64\nfork()\n").program,
        evidence=Evidence(0, "no lock", "ein Schloß"),
        replays=Replays(10, 10),
        provenance=Provenance({}, seed=1, epoch=0, worker=0, executions=1),
        count=1,
        faces={"lock": 1},
    )
    return store.record(sighting, datetime(2026, 1, 31, tzinfo=UTC)).entry.id


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository, with the current directory in its directory `kernel`."""
    git(tmp_path, "init", "--quiet")
    here = tmp_path / "kernel"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def test_each_revision_has_its_own_findings(home: Path) -> None:
    """A store is read as it was, wherever the working tree stands by now; the commit is named in full."""
    store = Store(Path("findings"))
    first = record(store, "lock/a")
    old = commit(home, "old")
    second = record(store, "lock/b")
    commit(home, "new")
    Path("findings", first, "finding.json").unlink()
    assert set(of_revision(Path("findings"), "old").findings) == {first}
    assert of_revision(Path("findings"), "old").commit == old
    assert old.startswith(of_revision(Path("findings"), "old").source.rpartition("(")[2].rstrip(")"))
    assert set(of_revision(Path("findings"), "HEAD").findings) == {first, second}
    assert set(of_store(Path("findings")).findings) == {second}
    assert of_revision(Path("findings"), "new").findings[second] == store.load(second).finding


@pytest.mark.parametrize("directory", ["findings", "../kernel/findings", "{}/findings"])
def test_a_store_is_found_by_any_of_its_names(home: Path, directory: str) -> None:
    """Relative to the current directory, not to the top of the repository; by a whole path as well, and when it has gone since."""
    known = record(Store(Path("findings")), "lock/a")
    commit(home, "old")
    git(home, "rm", "-r", "--quiet", "findings")
    assert set(of_revision(Path(directory.format(home)), "old").findings) == {known}


def test_a_store_at_the_top(home: Path) -> None:
    """The repository may be the store, and nothing else in it is taken for a finding."""
    known = record(Store(home.parent), "lock/a")
    (home / known).mkdir()
    Path(known, "finding.json").write_text("too deep\n")
    (home.parent / "finding.json").write_text("not deep enough\n")
    commit(home, "old")
    assert set(of_revision(home.parent, "old").findings) == {known}


def test_many_findings_come_at_once(home: Path) -> None:
    """Each of hundreds has its own text, whatever their lengths."""
    known = Path("findings", record(Store(Path("findings")), "lock/0"), "finding.json")
    template = known.read_text()
    known.unlink()
    expected = {}
    for number in range(300):
        bucket = f"lock/{'a' * (number % 7)}x{number}y"
        made = Path("findings", f"nosyscalls--{bucket.replace('/', '--')}")
        made.mkdir()
        (made / "finding.json").write_text(template.replace("lock/0", bucket))
        expected[made.name] = bucket
    commit(home, "old")
    base = of_revision(Path("findings"), "old")
    assert {identity: finding.bucket for identity, finding in base.findings.items()} == expected


def test_no_store_is_an_empty_one_and_says_so(home: Path) -> None:
    """A revision, or a directory, without findings knows none; that this is assumed is told."""
    Path("other").write_text("x")
    commit(home, "old")
    for base in (of_revision(Path("findings"), "old"), of_store(Path("findings"))):
        assert base.findings == {}
        assert "none is known" in base.assumed or "no finding is known" in base.assumed


@pytest.mark.parametrize(
    ("revision", "told"),
    [
        ("nowhere", "no revision 'nowhere'; supported: a commit, tag or branch that is here"),
        ("old:kernel", "no revision 'old:kernel'"),
        ("--all", "no revision '--all'"),
        ("", "no revision ''"),
    ],
)
def test_no_such_revision(home: Path, revision: str, told: str) -> None:
    """What names no commit is refused, even if git would take it for an option or a directory."""
    Path("a").write_text("x")
    commit(home, "old")
    with pytest.raises(BaseError, match=f"^{told}"):
        of_revision(Path("findings"), revision)


def test_outside_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where git knows of no repository, its own words are passed on, in one line."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(BaseError, match="not a git repository") as caught:
        of_revision(tmp_path / "findings", "HEAD")
    assert "\n" not in str(caught.value)


def test_without_git(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git is told as that."""
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(BaseError, match="git cannot be run: No such file"):
        of_revision(Path("findings"), "HEAD")


def test_damage_is_located(home: Path) -> None:
    """A finding that cannot be read, or lies under another's name, is named with its revision and path."""
    known = record(Store(Path("findings")), "lock/a")
    text = Path("findings", known, "finding.json").read_text()
    Path("findings", known, "finding.json").write_text("{")
    commit(home, "torn")
    with pytest.raises(BaseError, match=f"^torn:kernel/findings/{known}/finding.json:1:2: no JSON"):
        of_revision(Path("findings"), "torn")
    with pytest.raises(BaseError, match=f"^findings/{known}/finding.json:1:2: no JSON"):
        of_store(Path("findings"))
    Path("findings", known, "finding.json").write_text(text.replace("lock/a", "lock/b"))
    commit(home, "moved")
    with pytest.raises(
        BaseError, match=f"^moved:kernel/findings/{known}/finding.json: holds the finding of directory "
    ):
        of_revision(Path("findings"), "moved")
