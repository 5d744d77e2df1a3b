"""Corpora on the command line."""

import hashlib
from pathlib import Path

import pytest

from sysfuzz.cli.corpora import Corpus
from sysfuzz.cli.errors import BadInput
from sysfuzz.program.ir import Op, Program
from sysfuzz.program.text import load
from sysfuzz.program.wire import encode

ONE = Program(ops=(Op("exit", (1,)),))
TWO = Program(mode="i386", ops=(Op("exit", (2,)),))
THREE = Program(ops=(Op("fork"),))


def write(path: Path, text: str) -> None:
    """A corpus file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_all_directories_are_read(tmp_path: Path) -> None:
    """Programs come from every directory, to the bottom, in order, each once; people's names and comments do not matter."""
    write(tmp_path / "a" / "deep" / "one.prog", "# mine\nexit(1)\n")
    write(tmp_path / "a" / "readme.md", "no program")
    write(tmp_path / "b" / "again.prog", "mode amd64\nexit(0x1)\n")
    write(tmp_path / "b" / "two.prog", "mode i386\nexit(2)\n")
    assert Corpus((tmp_path / "a", tmp_path / "b")).inputs == (encode(ONE), encode(TWO))


def test_new_inputs_go_to_the_first_directory(tmp_path: Path) -> None:
    """Only the first directory is written to; each file is named by its contents and holds canonical text."""
    write(tmp_path / "second" / "two.prog", "mode i386\nexit(2)\n")
    corpus = Corpus((tmp_path / "first", tmp_path / "second"))
    corpus.add([encode(THREE), encode(THREE)])
    (added,) = (tmp_path / "first").iterdir()
    assert added.name == f"{hashlib.sha256(added.read_bytes()).hexdigest()[:24]}.prog"
    assert added.read_text() == "mode amd64\nfork()\n"
    assert load(added).program == THREE
    assert [path.name for path in (tmp_path / "second").iterdir()] == ["two.prog"]
    assert Corpus((tmp_path / "first",)).inputs == (encode(THREE),)


def test_what_is_known_is_not_added(tmp_path: Path) -> None:
    """A program that a person wrote is not kept a second time, nor one that two byte strings mean."""
    write(tmp_path / "one.prog", "# mine\nexit(1)\n")
    corpus = Corpus((tmp_path,))
    corpus.add([encode(ONE), encode(THREE), encode(THREE) + b"\0" * 0, b"", b"\0"])
    assert len(list(tmp_path.iterdir())) == 3
    corpus.add([encode(THREE)])
    assert len(list(tmp_path.iterdir())) == 3


def test_without_directories_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without a corpus leaves none."""
    monkeypatch.chdir(tmp_path)
    corpus = Corpus(())
    corpus.add([encode(ONE)])
    assert corpus.inputs == ()
    assert list(tmp_path.iterdir()) == []


def test_first_directory_is_made_others_must_exist(tmp_path: Path) -> None:
    """Where to write may be new; where to read from is misspelt if it is not there."""
    assert Corpus((tmp_path / "new",)).inputs == ()
    with pytest.raises(BadInput, match=r"/absent: No such file or directory$"):
        Corpus((tmp_path / "new", tmp_path / "absent"))


def test_bad_program_is_located(tmp_path: Path) -> None:
    """A file that is no program stops the run before it begins."""
    write(tmp_path / "bad.prog", "exit(\n")
    with pytest.raises(BadInput, match=r"/bad\.prog:1:6: "):
        Corpus((tmp_path,))


def test_a_file_is_no_corpus(tmp_path: Path) -> None:
    """A file in the place of a directory is named."""
    write(tmp_path / "file", "")
    with pytest.raises(BadInput, match=r"/file: Not a directory$"):
        Corpus((tmp_path / "file",))


def test_a_failing_disk_is_named(tmp_path: Path) -> None:
    """Inputs that cannot be kept are an error, not a loss in silence."""
    corpus = Corpus((tmp_path / "first",))
    (tmp_path / "first").rmdir()
    with pytest.raises(BadInput, match=r"/first/[0-9a-f]{24}\.prog: cannot write: No such file or directory$"):
        corpus.add([encode(ONE)])
