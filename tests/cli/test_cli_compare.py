"""`sysfuzz compare`."""

import json
from pathlib import Path

import pytest
from commandline import assert_refused, run

from sysfuzz.compare.classes import CLASSES
from sysfuzz.targets.table import DESIGNS

ESCAPE = """\
# class: C1
mode amd64
mmap(0x10000, 0x1000, PROT_EXEC, MAP_ANON, -1, 0)
poke(0x10ffe, "0f05")
sud(PR_SYS_DISPATCH_ON, 0x11000, 0x1000, 0)
run(0x10ffe)
"""


@pytest.fixture
def escape(tmp_path: Path) -> Path:
    """A program that makes a call escape on sud."""
    file = tmp_path / "escape.prog"
    file.write_text(ESCAPE)
    return file


def test_the_library_on_all_designs(tmp_path: Path) -> None:
    """Without arguments all designs are columns, and the exit code is 0 though there are escapes; JSON has the same."""
    result = run("compare", "--json", tmp_path / "c.json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0].split() == list(DESIGNS)
    assert all(len(line) <= 145 for line in result.stdout.splitlines()[: len(CLASSES) + 1])
    told = json.loads((tmp_path / "c.json").read_text())
    assert (told["targets"], told["seed"], told["others"]) == (list(DESIGNS), None, [])
    assert told["executions"] == told["programs"] * len(DESIGNS)
    assert [row["class"] for row in told["classes"]] == list(CLASSES)
    for row in told["classes"]:
        assert [cell["target"] for cell in row["cells"]] == list(DESIGNS)
        for cell in row["cells"]:
            assert set(cell) == {"target", "word", "why", "name", "program"}
            assert (cell["program"] is None) == (cell["word"] == "not applicable")


def test_a_file_on_chosen_targets(escape: Path) -> None:
    """Columns are in the order that was asked for; the file is named where it shows an escape."""
    result = run("compare", "--targets", "sud,nosyscalls", escape)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["sud", "nosyscalls"]
    assert next(line for line in lines if line.startswith("C1 ")).split()[-2:] == ["escapes", "-"]
    assert any(line.split()[:2] == ["C1", "sud"] and line.endswith(str(escape)) for line in lines)
    assert lines[-1] == "1 program on 2 targets, 2 executions: 1 escapes, 0 by design, 0 blocked, 43 not applicable"


def test_a_seed_repeats_the_search(escape: Path, tmp_path: Path) -> None:
    """The same --runs and --seed write the same bytes; what a verdict shows is minimised."""
    written = []
    for name in ("a", "b"):
        file = tmp_path / f"{name}.json"
        assert run("compare", "--targets", "sud", escape, "--runs", 40, "--seed", 5, "--json", file).exit_code == 0
        written.append(file.read_text())
    assert written[0] == written[1]
    told = json.loads(written[0])
    assert told["seed"] == 5
    assert told["executions"] > 41


def test_written_programs_make_the_same_cells(tmp_path: Path) -> None:
    """Each file of --programs, given alone to its target, yields the word of its cell."""
    assert run("compare", "--programs", tmp_path / "p", "--json", tmp_path / "c.json").exit_code == 0
    for row in json.loads((tmp_path / "c.json").read_text())["classes"]:
        for cell in row["cells"]:
            file = tmp_path / "p" / f"c{int(row['class'][1:]):02}--{cell['target']}.prog"
            assert file.exists() == (cell["program"] is not None)
            if row["class"] in ("C1", "C5", "C18", "C20") and file.exists():
                again = json.loads(run("compare", "--targets", cell["target"], file, "--json").stdout)
                told = next(other for other in again["classes"] if other["class"] == row["class"])["cells"][0]
                assert (told["word"], told["why"]) == (cell["word"], cell["why"])


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_a_page_is_written_whole(form: str, escape: Path, tmp_path: Path) -> None:
    """-o writes the page, whose links lead from there to the programs; one line is said."""
    (tmp_path / "pages").mkdir()
    page = tmp_path / "pages" / "out"
    result = run("compare", "--targets", "sud", escape, "--format", form, "-o", page)
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)
    assert "../escape.prog" in page.read_text()


def test_json_on_standard_output_stands_alone(escape: Path) -> None:
    """With --json alone the table goes to standard error."""
    result = run("compare", "--targets", "sud", escape, "--json")
    assert json.loads(result.stdout)["targets"] == ["sud"]
    assert "boundary straddle" in result.stderr


SUPPORTED = f"supported: {', '.join(DESIGNS)}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--targets", "sud,sud"), "--targets: sud is named twice"),
        (("--targets", "sud", "-o", "."), "-o: .: Is a directory"),
        (("--targets", "sud", "-o", "no/such/file"), "-o: no/such/file: No such file or directory"),
        (("--targets", "sud", "-o", "/proc/x.md"), "-o: /proc/x.md: No such file or directory"),
        (("--targets", ","), "--targets: an empty name in ','; supported: names with commas between them"),
        (("--targets", "sud,"), "--targets: an empty name in 'sud,'; supported: names with commas between them"),
        (("--targets", "sud", "/dev/null"), "/dev/null: no op; supported: programs that do something"),
        (("no.prog",), "no.prog: No such file or directory"),
    ],
)
def test_what_cannot_be_used_is_refused(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One located line, exit code 2, nothing written."""
    monkeypatch.chdir(tmp_path)
    assert_refused(run("compare", *arguments), message)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_target_is_refused() -> None:
    """The line says where, and what is supported."""
    result = run("compare", "--targets", "sud,soud")
    assert result.exit_code == 2
    assert result.stderr.startswith("--targets: unknown target 'soud'")
    assert SUPPORTED in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_bad_header_is_located(tmp_path: Path) -> None:
    """A class that there is not is told with file and line."""
    file = tmp_path / "bad.prog"
    file.write_text("# class: C99\nfork()\n")
    message = f"{file}:1:1: unknown class 'C99' (did you mean C9?); supported: {', '.join(CLASSES)}"
    assert_refused(run("compare", "--targets", "sud", file), message)


def test_time_and_runs_exclude_each_other() -> None:
    """A budget is one or the other."""
    result = run("compare", "--for", "1s", "--runs", 3)
    assert result.exit_code == 2
    assert "--for and --runs exclude each other" in result.stderr
