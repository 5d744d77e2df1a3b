"""`sysfuzz corpus export`: a seed corpus for fuzzing farms."""

import hashlib
import os
import zipfile
from pathlib import Path

import pytest
from commandline import assert_refused, run

from programs import BAD_FLAG, MERGE
from sysfuzz.program.text import parse
from sysfuzz.program.wire import decode, encode


@pytest.fixture(autouse=True)
def _corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three files below ./corpus, two of which hold one program."""
    monkeypatch.chdir(tmp_path)
    Path("corpus/deep").mkdir(parents=True)
    for name, text in (("a", MERGE), ("deep/b", BAD_FLAG), ("c", f"# again\n{MERGE}")):
        Path("corpus", f"{name}.prog").write_text(text)


def test_each_program_once_by_its_digest() -> None:
    """Files are the wire forms, named by their SHA-1, readable for everybody once unpacked, and nothing else is left behind."""
    result = run("corpus", "export", "corpus", "-o", "seeds.zip")
    assert (result.exit_code, result.output) == (0, "seeds.zip: 2 programs\n")
    with zipfile.ZipFile("seeds.zip") as zipped:
        files = {info.filename: zipped.read(info) for info in zipped.infolist()}
        modes = {info.external_attr >> 16 for info in zipped.infolist()}
    assert {decode(data) for data in files.values()} == {parse(MERGE).program, parse(BAD_FLAG).program}
    assert all(hashlib.sha1(data).hexdigest() == name for name, data in files.items())
    assert modes == {0o644}
    assert sorted(path.name for path in Path().iterdir()) == ["corpus", "seeds.zip"]


def test_the_same_programs_make_the_same_file() -> None:
    """Neither the time nor the order of the files is in it."""
    run("corpus", "export", "corpus/a.prog", "corpus/deep", "-o", "one.zip")
    os.utime("corpus/a.prog", (0, 0))
    run("corpus", "export", "corpus/deep", "corpus/c.prog", "-o", "two.zip")
    assert Path("one.zip").read_bytes() == Path("two.zip").read_bytes()
    with zipfile.ZipFile("one.zip") as zipped:
        assert zipped.testzip() is None
        assert encode(parse(BAD_FLAG).program) in map(zipped.read, zipped.namelist())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["empty", "-o", "x.zip"], "empty: no *.prog file in this directory"),
        (["none.prog", "-o", "x.zip"], "none.prog: No such file or directory"),
        (["corpus", "-o", "no/x.zip"], "no/x.zip: cannot write: No such file or directory"),
        (["corpus", "-o", "empty"], "empty: cannot write: Is a directory"),
    ],
)
def test_what_cannot_be_used_is_told(arguments: list[str], message: str) -> None:
    """One located line, and no file; what was there before stays."""
    Path("empty").mkdir()
    Path("x.zip").write_text("before")
    assert_refused(run("corpus", "export", *arguments), message)
    assert Path("x.zip").read_text() == "before"
    assert not list(Path().glob(".*"))
