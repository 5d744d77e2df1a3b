"""`sysfuzz check`: programs against what they say."""

from pathlib import Path

import pytest
from commandline import assert_refused, run

from programs import BAD_FLAG, GOLDEN, MERGE


@pytest.fixture
def golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with one golden program, from where the tests run."""
    monkeypatch.chdir(tmp_path)
    Path("golden").mkdir()
    Path("golden/good.prog").write_text(GOLDEN)
    return Path("golden")


def test_as_expected(golden: Path) -> None:
    """A program that does what it says passes, as a file and by its directory."""
    for path in (golden, golden / "good.prog"):
        result = run("check", path)
        assert (result.stdout, result.stderr, result.exit_code) == (
            "1 program, 4 expectations: all as expected\n",
            "",
            0,
        )


def test_differences_are_located(golden: Path) -> None:
    """Each wrong result is told with file and line, what was expected and what came; exit code 1."""
    text = GOLDEN.replace("-> EINVAL", "-> 0").replace("SIGILL @0x10000", "SIGILL @0x10001")
    (golden / "wrong.prog").write_text(text)
    result = run("check", golden)
    assert result.exit_code == 1
    assert result.stdout == (
        "golden/wrong.prog:4: expected SIGILL @0x10001, got SIGILL @0x10000\n"
        "golden/wrong.prog:5: expected 0, got EINVAL\n"
        "2 programs, 8 expectations: 1 failed\n"
    )


def test_a_panic_hides_later_ops(golden: Path) -> None:
    """An expectation that was never reached has failed."""
    text = BAD_FLAG.replace("-1, 0)", "-1, 0)  # -> panic").replace("fork()", "fork()  # -> 2")
    (golden / "good.prog").write_text(f"# target: nosyscalls-2011\n{text}")
    result = run("check", golden)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (
        1,
        "golden/good.prog:4: expected 2, got nothing: the run ended before",
    )


def test_the_target_is_that_of_the_file_or_of_the_option(golden: Path) -> None:
    """A golden program of a weak target names it; --target overrides that."""
    text = MERGE.replace("run(0x11000)", "run(0x11000)  # -> enter getpid @0x11005; done")
    (golden / "good.prog").write_text(f"# target: nosyscalls-2011\n{text}")
    assert run("check", golden).exit_code == 0
    result = run("check", golden, "--target", "nosyscalls")
    assert result.exit_code == 1
    assert "good.prog:7: expected enter getpid @0x11005; done, got SIGILL @0x11005\n" in result.stdout


def test_a_verdict_on_the_reference_is_a_failure(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results may be as expected while a map is wrong: on the reference the oracles have to agree as well."""
    text = MERGE.replace("run(0x11000)", "run(0x11000)  # -> enter getpid @0x11005; done")
    (golden / "good.prog").write_text(text)
    weak = run("check", golden, "--target", "nosyscalls-2011")
    assert (weak.exit_code, weak.stdout) == (0, "1 program, 1 expectation: all as expected\n")
    monkeypatch.setattr("sysfuzz.cli.check.REFERENCE", "nosyscalls-2011")
    result = run("check", golden, "--target", "nosyscalls-2011")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == "golden/good.prog:6: escape: expected SIGILL, got getpid dispatched"
    assert result.stdout.splitlines()[-1] == "1 program, 1 expectation: 1 failed"


def test_a_program_without_expectations_is_bad_input(golden: Path) -> None:
    """A file that would check nothing is no silent success; the other files are checked all the same."""
    (golden / "a.prog").write_text(MERGE)
    result = run("check", golden)
    assert result.exit_code == 2
    assert result.stderr == "golden/a.prog: nothing to check; an op says what it yields behind '# ->'\n"
    assert result.stdout == "2 programs, 4 expectations: 1 unusable\n"


def test_all_bad_files_are_named(golden: Path) -> None:
    """Bad files hide neither each other nor failures; bad input decides the exit code."""
    (golden / "a.prog").write_text("exit(\n")
    (golden / "b.prog").write_text("exit(0)  # -> ESOMETHING\n")
    (golden / "c.prog").write_text(GOLDEN.replace("-> EINVAL", "-> 0"))
    result = run("check", golden, "absent.prog")
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["golden/a.prog:1:6", "golden/b.prog:1:15", "absent.prog"]
    assert (
        result.stdout == "golden/c.prog:5: expected 0, got EINVAL\n5 programs, 8 expectations: 1 failed, 3 unusable\n"
    )


def test_bad_option_is_told_once(golden: Path) -> None:
    """A target that does not exist is the command line's mistake, not that of each file."""
    (golden / "second.prog").write_text(GOLDEN)
    result = run("check", golden, "--target", "none")
    assert result.stderr.startswith("--target: unknown target 'none'")
    assert result.stderr.count("\n") == 1
    assert result.exit_code == 2


def test_a_fault_of_sysfuzz_names_the_program(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When judging itself breaks, the program that did it is named, with the exit code of engine faults."""

    def broken(*_: object) -> None:
        raise LookupError("no such page")

    monkeypatch.setattr("sysfuzz.cli.running.judge", broken)
    assert_refused(
        run("check", golden), "golden/good.prog: sysfuzz failed to run this on nosyscalls: LookupError: no such page", 3
    )
