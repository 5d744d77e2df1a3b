"""Files of JSON lines that runs append to: whatever ended one, its lines are there, and what no run has written is left alone."""

import json
import os

import pytest

from sysfuzz.bench.lines import Appending, BadLines, read

HEAD = '{"name": "'
WHOLE = b'{"name": "a"}\n'


@pytest.mark.parametrize(
    ("end", "cut", "after"),
    [
        (b"", 0, b""),
        (b"{", 1, b""),
        (b'{"na', 4, b""),
        (b'{"name": "b", "x"', 17, b""),
        (b'{"name": "b"}', 0, b'{"name": "b"}\n'),
        (b" \n\n", 0, b" \n\n"),
    ],
)
def test_what_a_killed_run_left_is_repaired(tmp_path, end, cut, after):
    """Half a line goes, a whole one without its end gets it; what is added stands on a line of its own."""
    path = tmp_path / "file"
    path.write_bytes(WHOLE + end)
    with Appending(path, HEAD) as file:
        assert file.repair() == cut
        assert path.read_bytes() == WHOLE + after
        file.add({"name": "c"})
        names = [json.loads(line.text)["name"] for line in file.read().lines]
    assert names == ["a", *(["b"] if end.endswith(b"}") else []), "c"]


@pytest.mark.parametrize("text", [b"my only note", b"\0\0", b'{"mine": 1', b"x" * (1 << 20) + b"\n"])
def test_what_no_run_has_written_stays(tmp_path, text):
    """It is refused with file and line, and the file is as it was."""
    path = tmp_path / "file"
    path.write_bytes(text)
    with pytest.raises(BadLines, match=f"^{path}:1: .*; supported: "):
        Appending(path, HEAD)
    assert path.read_bytes() == text


def test_what_is_no_file_is_refused(tmp_path):
    """A directory, a device without an end, a pipe that nobody writes into, a place that is not there: each by name, at once."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "no" / "file", "/dev/zero"):
        with pytest.raises(BadLines, match=f"^{path}: "):
            Appending(tmp_path / path, HEAD)


def test_one_process_has_it(tmp_path):
    """The second is told so, and goes on when the first has left."""
    path = tmp_path / "file"
    with Appending(path, HEAD), pytest.raises(BadLines, match="another run is writing to it"):
        Appending(path, HEAD)
    with Appending(path, HEAD) as file:
        file.add({"name": "a"})
    assert read(path, HEAD).lines == [(f"{path}:1", '{"name": "a"}')]
