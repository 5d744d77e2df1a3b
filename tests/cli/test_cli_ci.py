"""`sysfuzz ci`: a change is checked against what was known at a git revision."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from commandline import assert_refused, run

from programs import MERGE
from sysfuzz.findings.store import Store

PROJECT = Path(__file__).parent.parent.parent
TARGET = "nosyscalls-2011"
FOURTH = "nosyscalls-2011--attribute--mmap--merge"
CLEAN, FOUND, BAD = range(3)


def git(*arguments: str) -> None:
    """Run git here, with nobody's settings."""
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *who, *arguments], env=os.environ | alone, capture_output=True, check=True)


def commit(tag: str) -> None:
    """Commit all that is here, under a tag."""
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", "--message", tag)
    git("tag", tag)


@pytest.fixture(autouse=True)
def _repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty repository, in which nothing is known of the machine's own CI system."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    git("init", "--quiet")


@pytest.fixture
def committed() -> None:
    """The project's four findings and their golden programs; tag `old` has all findings but the fourth, tag `new` all."""
    for directory in ("findings", "tests/regressions"):
        shutil.copytree(PROJECT / directory, directory)
    shutil.move(f"findings/{FOURTH}", "fourth")
    commit("old")
    shutil.move("fourth", f"findings/{FOURTH}")
    commit("new")


def standings(file: str = "out.json") -> dict[str, str]:
    """How each finding of the run stands, by id."""
    return {one["id"]: one["standing"] for one in json.loads(Path(file).read_text())["findings"]}


@pytest.mark.usefixtures("committed")
def test_only_what_is_new_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four bugs that show, the one that the base does not hold fails, in every form; the store itself is left alone."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    before = {path: path.read_bytes() for path in Path("findings").rglob("*") if path.is_file()}
    args = (
        "--target",
        TARGET,
        "--runs",
        50,
        "--seed",
        1,
        "--sarif",
        "s.sarif",
        "--junit",
        "j.xml",
        "--json",
        "out.json",
    )
    result = run("ci", "--base", "old", *args)
    assert result.exit_code == FOUND, result.output

    known = {entry.id: "known" for entry in Store(Path("findings")).entries().entries}
    assert standings() == known | {FOURTH: "new"}
    report = json.loads(Path("out.json").read_text())
    assert report["base"]["findings"] == 3
    assert report["engine_faults"] == 0
    assert sorted(one["standing"] for one in report["golden"]) == ["known", "known", "known", "new"]
    replay = next(one["replay"] for one in report["findings"] if one["id"] == FOURTH)
    assert run(*replay.split()[1:]).exit_code == 1

    results = json.loads(Path("s.sarif").read_text())["runs"][0]["results"]
    assert [one["properties"]["id"] for one in results] == [FOURTH]
    root = ElementTree.parse("j.xml").getroot()
    assert [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None] == [
        "attribute/mmap/merge",
        f"tests/regressions/{FOURTH}.prog",
    ]
    assert [root.get(key) for key in ("tests", "failures", "skipped")] == ["8", "2", "6"]

    commands = [line for line in result.output.splitlines() if line.startswith("::")]
    assert [command.partition("::")[2].split(",")[0] for command in commands] == [
        f"error file=build/ci-findings/{FOURTH}/program.prog",
        f"error file=tests/regressions/{FOURTH}.prog",
    ]
    assert "1 new, 3 known, 4 golden programs (1 failed, 3 as known)" in result.output.splitlines()[-1]
    assert {path: path.read_bytes() for path in Path("findings").rglob("*") if path.is_file()} == before


@pytest.mark.usefixtures("committed")
def test_fixed_is_news_and_gone_is_not(tmp_path: Path) -> None:
    """With all four known a run is clean; one that is said to be fixed is back; one that its program does not show any more is told."""
    git("checkout", "--quiet", "new")
    args = ("--target", TARGET, "--runs", 1, "--seed", 1, "--json", "out.json")
    assert run("ci", "--base", "new", *args).exit_code == CLEAN
    assert set(standings().values()) == {"known"}

    other = next(identity for identity in standings() if identity != FOURTH)
    shutil.rmtree("tests/regressions")
    Store(Path("findings")).set_status(FOURTH, "fixed")
    Path("findings", other, "program.prog").write_text("mode amd64\nfork()\n")
    result = run("ci", *args)
    assert result.exit_code == FOUND, result.output
    assert standings()[FOURTH] == "back"
    assert other not in standings()
    assert json.loads(Path("out.json").read_text())["gone"] == [other]
    assert f"gone: findings/{other} does not show its bug any more" in result.output


def test_fuzzing_finds_and_what_is_accepted_does_not_fail() -> None:
    """A bug that only fuzzing meets is new, where nothing is known that is said; once it is on the ignore list it does not fail."""
    Path("seeds").mkdir()
    Path("seeds/merge.prog").write_text(MERGE)
    args = ("--target", TARGET, "--runs", 20, "--seed", 1, "--corpus", "seeds", "--json", "out.json")
    commit("empty")
    result = run("ci", "--base", "empty", *args)
    assert result.exit_code == FOUND, result.output
    assert "holds no finding, so none is known" in result.output.splitlines()[0]
    assert standings()[FOURTH] == "new"
    assert f"sysfuzz exec build/ci-findings/{FOURTH}/program.prog --target {TARGET}" in result.output
    Path("all.txt").write_text("nosyscalls-2011  *  # as its documents say\n")
    assert run("ci", "--ignore", "all.txt", *args).exit_code == CLEAN
    assert set(standings().values()) == {"ignored"}


def test_a_golden_program_may_fail_for_no_bug() -> None:
    """What a program states and does not hold fails, also where no oracle objects; one for another target is left out."""
    Path("golden").mkdir()
    Path("golden/wrong.prog").write_text("mode amd64\nmunmap(0, 0x1000)  # -> 0\n")
    Path("golden/other.prog").write_text("# target: sud\nmode amd64\nfork()  # -> 0\n")
    args = ("--target", "nosyscalls", "--runs", 1, "--regressions", "golden", "--junit", "j.xml", "--json", "out.json")
    result = run("ci", *args)
    assert result.exit_code == FOUND, result.output
    assert "golden/wrong.prog:2: nosyscalls: expected 0, got EINVAL" in result.output.splitlines()
    assert [(one["file"], one["standing"]) for one in json.loads(Path("out.json").read_text())["golden"]] == [
        ("golden/wrong.prog", "broken")
    ]
    assert ElementTree.parse("j.xml").getroot().get("failures") == "1"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--base", "origin/main"],
            "--base: no revision 'origin/main'; supported: a commit, tag or branch that is here; a shallow clone has its own commit only",
        ),
        (["--regressions", "none"], "--regressions: none: no such directory"),
        (["--regressions", "bad"], "bad/a.prog: nothing to check; an op says what it yields behind '# ->'"),
        (["--findings", "findings"], "--findings: findings holds what is known; supported: another directory"),
        (["--sarif", "no/s.sarif"], "--sarif: no: No such file or directory"),
        (["--junit", "bad"], "--junit: bad: Is a directory"),
    ],
)
def test_bad_input_is_refused_before_anything_is_run(options: list[str], message: str) -> None:
    """One line that says what cannot be used; nothing is written."""
    Path("bad").mkdir()
    Path("bad/a.prog").write_text("mode amd64\nfork()\n")
    commit("first")
    assert_refused(run("ci", "--target", "nosyscalls", *options), message)
    assert not Path("build").exists()


def test_no_repository_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one there is no revision to compare with."""
    shutil.rmtree(".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    result = run("ci", "--target", "nosyscalls", "--base", "HEAD")
    assert result.exit_code == BAD
    assert "not a git repository" in result.stderr
    assert result.stderr.count("\n") == 1


CORES = {"LeavesWell": "exit status", "Killed": "killed: SIGSEGV"}


@pytest.mark.parametrize("core", CORES)
def test_a_core_that_ends_its_process_fails(core: str) -> None:
    """A golden program of which a core of one's own dies is no green build, and no end of the run: it is told as news, in every form."""
    Path("golden").mkdir()
    Path("golden/h.prog").write_text("mode amd64\nmsync(0x20000, 0x1000, MS_SYNC)  # -> EFAULT\n")
    target = f"hostile_cores:{core}"
    args = ("--target", target, "--runs", 1, "--regressions", "golden", "--junit", "j.xml", "--json", "out.json")
    result = run("ci", *args)
    assert result.exit_code == FOUND, result.output
    assert f"golden/h.prog:2: {target}: expected EFAULT, got panic" in result.output.splitlines()
    report = json.loads(Path("out.json").read_text())
    assert [(one["bucket"], one["standing"]) for one in report["findings"]] == [
        (f"panic/{CORES[core]} in msync", "new")
    ]
    assert report["engine_faults"] == 0
    assert ElementTree.parse("j.xml").getroot().get("failures") == "2"


# Asks for the end of whoever runs it, once, and goes on as the reference.
ASKS = """\
import os
import signal
from pathlib import Path

from sysfuzz.kernel.kernel import Kernel


class Asks(Kernel):
    def call(self, pid, lwp, name, args):
        if name == "msync" and not Path("asked").exists():
            Path("asked").touch()
            os.kill(os.getppid(), signal.SIGTERM)
        return super().call(pid, lwp, name, args)
"""


@pytest.mark.parametrize(("first", "code"), [("EFAULT", 130), ("0", FOUND)])
def test_an_interrupted_run_is_not_clean(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: str, code: int
) -> None:
    """SIGTERM between golden programs ends the run: the next ones are not run, nothing is fuzzed, and what has failed so far still fails."""
    monkeypatch.syspath_prepend(tmp_path)
    Path("askingcore.py").write_text(ASKS)
    Path("golden").mkdir()
    Path("golden/a.prog").write_text(f"mode amd64\nmsync(0x20000, 0x1000, MS_SYNC)  # -> {first}\n")
    Path("golden/b.prog").write_text("mode amd64\nfork()  # -> EINVAL\n")
    result = run("ci", "--target", "askingcore:Asks", "--regressions", "golden", "--json", "out.json")
    assert result.exit_code == code, result.output
    report = json.loads(Path("out.json").read_text())
    assert [one["file"] for one in report["golden"]] == ["golden/a.prog"]
    assert [one["executions"] for one in report["runs"]] == [0]
