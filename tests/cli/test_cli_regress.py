"""`sysfuzz regress`: from a finding on disk to a golden program."""

from pathlib import Path

import pytest
from commandline import assert_refused, run
from recorded import MERGED, record

from programs import BAD_FLAG, MERGE
from sysfuzz.program.text import parse

FRAME_CODE = Path(__file__).parents[1] / "weaknesses" / "frame_code.prog"


@pytest.fixture(autouse=True)
def _findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test finds one finding where it runs."""
    monkeypatch.chdir(tmp_path)
    record("escape", "attribute/mmap/merge")


def test_to_a_file_that_check_understands() -> None:
    """What is written fails on the finding's target by the very command that is printed and in the header, and passes on the reference."""
    result = run("regress", MERGED, "-o", "merge.prog")
    assert (result.exit_code, result.stderr) == (0, "")
    *_, command = result.stdout.splitlines()
    assert command == "  sysfuzz check merge.prog --target nosyscalls-2011"
    assert f"# check:{command.removeprefix(' ')}\n" in Path("merge.prog").read_text()
    there = run(*command.split()[1:])
    assert there.exit_code == 1
    assert there.stdout.startswith("merge.prog:9: expected SIGILL @0x11005, got enter getpid @0x11005; done\n")
    assert run("check", "merge.prog").exit_code == 0


@pytest.mark.parametrize("options", [(), ("-o", "-")])
def test_to_standard_output(options: tuple[str, ...]) -> None:
    """Without a file the program is all that is printed, under the name that its finding has."""
    result = run("regress", MERGED, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"# check: sysfuzz check {MERGED}.prog --target nosyscalls-2011\n" in result.stdout
    assert parse(result.stdout).program == parse(MERGE).program
    assert sorted(path.name for path in Path().iterdir()) == ["findings"]


def test_the_text_does_not_depend_on_the_directory(tmp_path: Path) -> None:
    """The same file name, the same text, wherever it is written and wherever the findings are: it may be committed."""
    (tmp_path / "deep").mkdir()
    run("regress", MERGED, "-o", "it.prog")
    run("regress", MERGED, "-o", tmp_path / "deep" / "it.prog", "--findings", tmp_path / "findings")
    assert Path("it.prog").read_text() == Path("deep/it.prog").read_text()


def test_a_name_that_is_no_line_of_text() -> None:
    """The header names the file; it stays a comment."""
    name = "two\nlines.prog"
    assert run("regress", MERGED, "-o", name).exit_code == 0
    assert parse(Path(name).read_text()).program == parse(MERGE).program


def test_nothing_is_overwritten_unasked() -> None:
    """A file that is there stays as it is, unless --force says otherwise."""
    Path("mine.prog").write_text("mine\n")
    assert_refused(run("regress", MERGED, "-o", "mine.prog"), "-o: mine.prog: exists; --force overwrites it")
    assert Path("mine.prog").read_text() == "mine\n"
    assert run("regress", MERGED, "-o", "mine.prog", "--force").exit_code == 0
    assert Path("mine.prog").read_text() == run("regress", MERGED).stdout.replace(f"{MERGED}.prog", "mine.prog")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("nosuch",), f"findings: unknown finding 'nosuch'; supported: {MERGED}"),
        ((MERGED, "--findings", "none"), "none: no such directory; 'sysfuzz fuzz --findings none' makes it"),
        ((MERGED, "-o", "findings"), "-o: findings: Is a directory"),
        ((MERGED, "-o", "none/it.prog"), "-o: none: no such directory"),
    ],
)
def test_what_cannot_be_used(args: tuple[str, ...], message: str) -> None:
    """One line, exit code 2, nothing written."""
    assert_refused(run("regress", *args), message)
    assert sorted(path.name for path in Path().iterdir()) == ["findings"]


def test_a_finding_that_cannot_be_stated() -> None:
    """A bug that no result and no event shows is told to be one: here a wrong code in a signal's frame."""
    text = FRAME_CODE.read_text()
    target, bucket = (line.partition(": ")[2] for line in parse(text).preamble)
    identity = record("sigill-frame", bucket, target, text=text)
    assert_refused(
        run("regress", identity, "-o", "it.prog"),
        f"findings/{identity}/program.prog: no regression test: {bucket} shows neither in results nor in events on "
        f"{target}, which is all that a golden program can state",
    )
    assert not Path("it.prog").exists()


def test_a_finding_that_has_gone() -> None:
    """A program that shows its bug no longer makes no test: it could not be seen to fail."""
    identity = record("escape", "attribute/fork", text=BAD_FLAG)
    assert_refused(
        run("regress", identity),
        f"findings/{identity}/program.prog: no regression test: the program does not show attribute/fork on nosyscalls-2011 now",
    )


def test_a_target_that_is_not_there() -> None:
    """The line names the file that named the target."""
    identity = record("panic", "panic/x", "absent:core")
    result = run("regress", identity)
    assert result.exit_code == 2
    assert result.stderr.startswith(
        f"findings/{identity}/finding.json: target 'absent:core': importing absent failed: "
    )
    assert result.stderr.count("\n") == 1
