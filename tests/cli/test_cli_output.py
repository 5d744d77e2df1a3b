"""Where results go."""

import json
import os
import stat
import threading
from pathlib import Path

import click
import pytest

from sysfuzz.cli.columns import columns, counted
from sysfuzz.cli.errors import BadInput
from sysfuzz.cli.output import check_writable, replace_text, write_json


def test_a_new_file_has_the_mode_of_any_other(tmp_path: Path) -> None:
    """Written by way of a temporary file, a result is as readable as umask allows."""
    plain, result = tmp_path / "plain", tmp_path / "result.json"
    plain.touch()
    write_json(str(result), {"a": [1]})
    assert stat.S_IMODE(result.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    assert json.loads(result.read_text()) == {"a": [1]}


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """A named pipe, as a shell's >(command) makes it, is not replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check_writable(str(pipe))
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    replace_text(pipe, "text\n")
    reader.join()
    assert read == ["text\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_errors_name_the_file(tmp_path: Path) -> None:
    """What cannot be written is named."""
    with pytest.raises(BadInput, match=r"^/dev/full: cannot write: No space left on device$"):
        replace_text(Path("/dev/full"), "text\n")
    with pytest.raises(BadInput, match=r"/absent/file: cannot write: No such file or directory$"):
        replace_text(tmp_path / "absent" / "file", "")


def test_checking_leaves_nothing(tmp_path: Path) -> None:
    """To ask whether a file can be written makes none."""
    check_writable(str(tmp_path / "out.json"))
    check_writable("-")
    check_writable(None)
    assert list(tmp_path.iterdir()) == []


def test_columns_ignore_colours() -> None:
    """A coloured cell is as wide as it looks; lines do not end in blanks."""
    red = click.style("low", fg="red")
    assert columns([(red, "a", "x"), ("critical", "bb", "")]) == [f"{red}       a   x", "critical  bb"]
    assert columns([]) == []


@pytest.mark.parametrize(("count", "text"), [(0, "0 ops"), (1, "1 op"), (2, "2 ops"), (12345, "12,345 ops")])
def test_counted(count: int, text: str) -> None:
    """Nouns agree with their number."""
    assert counted(count, "op") == text
