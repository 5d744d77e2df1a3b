"""Files that survive their writer: killed before any of its steps, for real."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import sysfuzz
from sysfuzz.campaign.durable import Damaged, append, lines, mend, read, strays, write, write_all

STEPS = ("open", "write", "fsync", "replace")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(sysfuzz.__file__).parents[1])}

# Runs a statement, and leaves the process for good before the step with the number given; then a half of what is to be written has been.
DIE = """
import os, sys
from pathlib import Path
from sysfuzz.campaign.durable import *
left = int(sys.argv[1])
def dying(step):
    real = getattr(os, step)
    def wrapped(*args, **more):
        global left
        left -= 1
        if left < 0:
            if step == "write":
                real(args[0], bytes(args[1])[:len(args[1]) // 2])
            os._exit(9)
        return real(*args, **more)
    return wrapped
for step in ("open", "write", "fsync", "replace"):
    setattr(os, step, dying(step))
home = Path(sys.argv[2])
"""


def killed(statement: str, step: int, home: Path) -> bool:
    """Whether the process was killed before that step; else it had fewer."""
    done = subprocess.run([sys.executable, "-c", DIE + statement, str(step), str(home)], env=ENVIRONMENT, check=False)
    assert done.returncode in (0, 9)
    return done.returncode == 9


def test_a_file_is_old_or_new(tmp_path: Path) -> None:
    """Whichever step a write is killed at, the file holds all of the old text or all of the new, and what is left over is known as such."""
    path = tmp_path / "file"
    for step in range(20):
        write(path, "old\n" * 100)
        if not killed("write(home / 'file', 'new\\n' * 100)", step, tmp_path):
            break
        assert path.read_text() in ("old\n" * 100, "new\n" * 100)
        assert {*tmp_path.iterdir()} - {path} == {*strays(tmp_path)}
    else:
        pytest.fail("the steps have no end")
    assert step >= 5  # open, write, sync and rename the file; open and sync the directory
    assert path.read_text() == "new\n" * 100


def test_of_many_files_each_is_old_or_new(tmp_path: Path) -> None:
    """Whichever step of writing many files at once is killed, each holds all of the old text or all of the new."""
    paths = [tmp_path / f"file{number}" for number in range(20)]
    statement = "write_all({home / f'file{number}': f'new {number}\\n' * 100 for number in range(20)})"
    for step in (0, 1, 30, 59, 60, 61, 70, 79, 80, 81, 82):
        write_all(dict.fromkeys(paths, "old\n" * 100))
        died = killed(statement, step, tmp_path)
        assert died == (step < 82)  # open, write, sync and rename each file; open and sync the directory
        news = [path for number, path in enumerate(paths) if path.read_text() == f"new {number}\n" * 100]
        assert all(path.read_text() == "old\n" * 100 for path in paths if path not in news)
        assert step > 60 or not news  # a name is given only when all contents are on the disk
        assert {*tmp_path.iterdir()} - {*paths} == {*strays(tmp_path)}
    assert news == paths


def test_what_a_thread_raises_is_raised(tmp_path: Path) -> None:
    """A file that cannot be written is told, and no other has its name."""
    with pytest.raises(FileNotFoundError, match="missing"):
        write_all({tmp_path / "file": "text\n", tmp_path / "missing" / "file": "text\n"})
    assert not (tmp_path / "file").exists()


def test_a_line_is_there_or_not(tmp_path: Path) -> None:
    """Whichever step an appended line is killed at, the lines before it can be read, it counts as a whole or not at all, and after mending
    further lines follow.
    """
    path = tmp_path / "lines"
    for step in range(20):
        path.unlink(missing_ok=True)
        append(path, [{"n": 0}])
        died = killed("append(home / 'lines', [{'n': 1}, {'n': 2}])", step, tmp_path)
        found = [line.record["n"] for line in lines(path)]
        assert found in ([0], [0, 1], [0, 1, 2])
        mend(path)
        append(path, [{"n": 3}])
        assert [line.record["n"] for line in lines(path)] == [*found, 3]
        if not died:
            break
    else:
        pytest.fail("the steps have no end")
    assert step >= 3


def test_lines_go_on_where_the_last_look_ended(tmp_path: Path) -> None:
    """Half a line is no line until it is whole."""
    path = tmp_path / "lines"
    assert list(lines(path)) == []
    append(path, [{"n": 0}])
    with path.open("a") as file:
        file.write('{"n"')
    ((record, end),) = lines(path)
    assert record == {"n": 0}
    with path.open("a") as file:
        file.write(": 1}\n")
    assert [line.record for line in lines(path, end)] == [{"n": 1}]


@pytest.mark.parametrize(("text", "words"), [("{", "is not JSON"), ("[]", "is no record"), ("\xff", "is not JSON")])
def test_damage_is_located(tmp_path: Path, text: str, words: str) -> None:
    """What is no record is told with its place, in a file of one and in one of lines."""
    path = tmp_path / "file"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(Damaged, match=f"{path}: {words}"):
        read(path)
    path.write_bytes(b'{"n":0}\n' + text.encode("latin-1") + b"\n")
    with pytest.raises(Damaged, match=f"{path} at byte 8: {words}"):
        list(lines(path))


# Adds a line while no file may grow over a limit, as if the disk were full; then one more without it.
FULL = """
import resource, signal, sys
from pathlib import Path
from sysfuzz.campaign.durable import append
path, room, before = Path(sys.argv[1]), int(sys.argv[2]), resource.getrlimit(resource.RLIMIT_FSIZE)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + room, before[1]))
try:
    append(path, [{"n": 1}, {"n": 2}])
except OSError as error:
    print(error.filename)
resource.setrlimit(resource.RLIMIT_FSIZE, before)
append(path, [{"n": 3}])
"""


@pytest.mark.parametrize("room", [0, 1, 7, 8, 9, 15])
def test_a_full_disk_leaves_no_part_of_a_line(tmp_path: Path, room: int) -> None:
    """Of lines that the disk has no room for none is added, the file is named, and the next line is not glued to a half one."""
    path = tmp_path / "lines"
    append(path, [{"n": 0}])
    command = [sys.executable, "-c", FULL, str(path), str(room)]
    done = subprocess.run(command, env=ENVIRONMENT, check=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout == f"{path}\n"
    assert path.read_text() == '{"n":0}\n{"n":3}\n'


def test_half_a_line_goes_before_another_comes(tmp_path: Path) -> None:
    """Also where its writer could not remove it any more, as the disk failed him altogether."""
    path = tmp_path / "lines"
    path.write_text('{"n":0}\n{"n":')
    append(path, [{"n": 1}])
    assert path.read_text() == '{"n":0}\n{"n":1}\n'


def test_records_are_looked_at_when_they_are_read(tmp_path: Path) -> None:
    """What calls a record unsound gets it with its place, in a file of one and in one of lines."""

    def sound(record: Mapping[str, object], place: str) -> None:
        if record["n"]:
            raise Damaged(f"{place}: n is not 0")

    path = tmp_path / "lines"
    append(path, [{"n": 0}])
    assert read(path, sound) == {"n": 0}
    append(path, [{"n": 1}])
    with pytest.raises(Damaged, match=f"{path} at byte 8: n is not 0"):
        list(lines(path, sound=sound))
    write(path, '{"n":1}\n')
    with pytest.raises(Damaged, match=f"{path}: n is not 0"):
        read(path, sound)
