"""`sysfuzz corpus distil`: what stays, what goes, and what is refused."""

import fcntl
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sysfuzz.cli import corpus_distil
from sysfuzz.cli.corpus import command

SHORT = "mode amd64\nmunmap(0x1, 0x1000)\n"
LONG = "mode amd64\nmunmap(0x1, 0x1000)\nmunmap(0x1, 0x1000)\nmunmap(0x1, 0x1000)\n"
OTHER = "mode amd64\nfork()\nas(2)\nexit(0)\n"
FILES = {"a.prog": LONG, "deep/b.prog": SHORT, "c.prog": OTHER, "notes.md": "mine"}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Three programs, one of which shows nothing that another does not; and a file that is none."""
    for name, text in FILES.items():
        path = tmp_path / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "corpus"


def run(*args: object) -> Result:
    """The verb, in this process; the survey has one of its own."""
    return CliRunner().invoke(command, ["distil", *map(str, args)])


def contents(directory: Path) -> dict[str, str]:
    """All files below a directory, by name."""
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


def test_what_is_not_needed_goes(corpus: Path) -> None:
    """The longer of two programs that show the same is removed, no other file is touched, and both counts are told; again, nothing changes."""
    result = run(corpus)
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["inputs", "3", "->", "2"]
    assert [line[1] for line in lines[2:]] == ["calls", "code", "entries", "events", "transitions"]
    assert all(before == after for *_, before, _, after in lines[2:])
    assert contents(corpus) == {name: text for name, text in FILES.items() if name != "a.prog"}
    assert run(corpus).stdout.splitlines()[0].split() == ["inputs", "2", "->", "2"]


def test_with_an_output_the_corpus_stays(corpus: Path, tmp_path: Path) -> None:
    """What is kept goes into the new directory, as canonical text named by its contents; JSON has the same numbers."""
    result = run(corpus, "-o", tmp_path / "small", "--json", tmp_path / "out.json")
    assert result.exit_code == 0, result.output
    assert contents(corpus) == FILES
    kept = sorted(contents(tmp_path / "small").values())
    assert kept == sorted([SHORT, OTHER])
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["inputs"] == {"before": 3, "after": 2}
    assert record["bytes"]["after"] < record["bytes"]["before"]
    assert set(record["features"]) == {"calls", "code", "entries", "events", "transitions"}
    assert all(row["before"] == row["after"] for row in record["features"].values())


def test_a_link_does_not_stand_for_its_file(corpus: Path) -> None:
    """Of a file and a link to it, whichever name comes first, the file is kept; a link that leads out of the corpus is a program as any."""
    (corpus / "0.prog").symlink_to("deep/b.prog")
    outside = corpus.parent / "outside.prog"
    (corpus / "c.prog").rename(outside)
    (corpus / "z.prog").symlink_to(outside)
    result = run(corpus)
    assert result.exit_code == 0, result.output
    assert contents(corpus) == {"deep/b.prog": SHORT, "z.prog": OTHER, "notes.md": "mine"}
    assert (corpus / "z.prog").is_symlink()
    assert not (corpus / "0.prog").is_symlink()


def test_an_output_is_whole_or_nothing(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while it is written: what is there already goes, so that the same command works again."""
    real, written = corpus_distil.replace_text, []

    def replace_text(path: Path, text: str) -> None:
        if written:
            raise KeyboardInterrupt
        real(path, text)
        written.append(path)

    monkeypatch.setattr(corpus_distil, "replace_text", replace_text)
    assert run(corpus, "-o", tmp_path / "small").exit_code == 1  # click's, for an interrupt
    assert len(written) == 1
    assert contents(tmp_path / "small") == {}
    assert contents(corpus) == FILES


def test_two_do_not_remove_at_once(corpus: Path) -> None:
    """With different targets they would leave neither's programs; the second is told so."""
    descriptor = os.open(corpus, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    result = run(corpus)
    os.close(descriptor)
    assert (result.exit_code, result.stderr) == (
        2,
        f"Error: {corpus}: another 'sysfuzz corpus distil' is at work on it\n",
    )
    assert contents(corpus) == FILES


def test_mistakes(corpus: Path, tmp_path: Path) -> None:
    """One line that says what is wrong, exit code 2, and every file as it was."""
    empty = tmp_path / "empty"
    empty.mkdir()
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / "x.prog").write_text("mode amd64\nfrok()\n")
    for arguments, words in (
        ([tmp_path / "nosuch"], "nosuch: No such file or directory"),
        ([corpus / "notes.md"], "notes.md: Not a directory"),
        ([empty], "no *.prog file in this directory"),
        ([wrong], "x.prog:2:1: unknown call 'frok'"),
        ([corpus, "-o", wrong], "not empty; supported: a new directory, or an empty one"),
        ([corpus, "-o", corpus], "which is to stay as it is; supported: a directory outside"),
        ([corpus, "-o", corpus / "small"], "which is to stay as it is; supported: a directory outside"),
        ([corpus, "-o", corpus / "notes.md"], "which is to stay as it is"),
        ([corpus, "-o", wrong / "x.prog"], "x.prog: File exists"),
        ([corpus, "-o", "/proc/nosuch"], "/proc/nosuch: No such file or directory"),
        ([corpus, "--target", "nosuch"], "--target: unknown target 'nosuch'"),
    ):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (2, ""), arguments
        assert words in result.stderr
    assert contents(corpus) == FILES
