"""`sysfuzz exec`: everything that is seen of one run."""

import json
import re
from pathlib import Path

import pytest
from commandline import assert_refused, run

from programs import BAD_FLAG, GOLDEN, MERGE


@pytest.fixture
def merge(tmp_path: Path) -> Path:
    """A program that escapes on nosyscalls-2011."""
    path = tmp_path / "merge.prog"
    path.write_text(MERGE)
    return path


def test_clean_run(merge: Path) -> None:
    """On the reference the call is refused; ops, event, map and the all-clear are printed, exit code 0."""
    result = run("exec", merge)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        f"""\
{merge}: 4 ops on nosyscalls (amd64, amd)

  0  mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)
     -> 0x10000
  1  mmap(0x11000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)
     -> 0x11000
  2  poke(0x11000, "b8140000000f05c3")                                        -> 0
  3  run(0x11000)                                                             -> SIGILL @0x11005
       SIGILL/ILL_ILLTRP @0x11005  syscall

process 1, marked
  0x10000-0x11000                r-x of rwx  copy  normal  -
  0x11000-0x12000                r-x of rwx  copy  normal  -  no-syscalls
  0x7f7ffffdc000-0x7f7ffffdd000  r-x of rwx  copy  normal  -
  0x7f7ffffec000-0x7f7fffff0000  rw- of rwx  copy  normal  -

no verdict: all is as it must be
"""
    )


def test_escape(merge: Path) -> None:
    """On the weak target the call gets through: the worst verdict comes first, each with its bucket, exit code 1."""
    result = run("exec", merge, "--target", "nosyscalls-2011")
    assert result.exit_code == 1
    assert "-> enter getpid @0x11005; done\n       enter getpid() @0x11005 -> 0x1  syscall\n" in result.stdout
    assert "\n  0x10000-0x12000                r-x of rwx" in result.stdout
    verdicts = result.stdout.partition("critical")[2].splitlines()
    assert verdicts[0] == "  escape: op 3: expected SIGILL, got getpid dispatched"
    assert verdicts[1] == "          bucket attribute/mmap/merge"
    assert verdicts[2].startswith("high      attribute-lost: op 1: expected ")
    assert verdicts[-1] == "2 verdicts"


def test_json(merge: Path) -> None:
    """The JSON has just the promised keys; - is standard output, and people's text goes to standard error."""
    result = run("exec", merge, "--target", "nosyscalls-2011", "--json", "-")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert "2 verdicts" in result.stderr
    assert list(report) == ["target", "ops", "map", "panic", "verdicts"]
    assert report["target"] == "nosyscalls-2011"
    assert report["ops"][3] == {
        "op": "run(0x11000)",
        "result": "enter getpid @0x11005; done",
        "events": [
            {
                "kind": "enter",
                "addr": "0x11005",
                "instruction": "syscall",
                "call": "getpid",
                "args": [],
                "result": "0x1",
            },
            {"kind": "done"},
        ],
    }
    assert report["map"][0]["pid"] == 1
    assert report["map"][0]["marked"] is True
    assert report["map"][0]["regions"][0] == {
        "start": "0x10000",
        "end": "0x12000",
        "prot": "r-x",
        "maxprot": "rwx",
        "inherit": "copy",
        "advice": "normal",
        "wired": 0,
        "attributes": [],
    }
    assert report["panic"] is None
    assert [(verdict["oracle"], verdict["severity"]) for verdict in report["verdicts"]] == [
        ("escape", "critical"),
        ("attribute-lost", "high"),
    ]
    escape = report["verdicts"][0]
    assert list(escape) == ["oracle", "op", "expected", "actual", "cause", "bucket", "severity"]
    assert (escape["op"], escape["bucket"]) == (3, "attribute/mmap/merge")


def test_json_of_a_signal(merge: Path, tmp_path: Path) -> None:
    """A refused call is told with the signal's code; a file gets the JSON, standard output the text."""
    result = run("exec", merge, "--json", tmp_path / "out.json")
    report = json.loads((tmp_path / "out.json").read_text())
    assert "no verdict" in result.stdout
    assert report["ops"][3]["events"] == [
        {"kind": "SIGILL", "addr": "0x11005", "instruction": "syscall", "code": "ILL_ILLTRP", "handled": False}
    ]
    assert report["map"][0]["regions"][1]["attributes"] == ["no-syscalls"]


def test_panic(tmp_path: Path) -> None:
    """After a panic the remaining ops are shown as not reached, and the reason with its place is given."""
    path = tmp_path / "bad.prog"
    path.write_text(BAD_FLAG)
    result = run("exec", path, "--target", "nosyscalls-2011", "--json", tmp_path / "out.json")
    assert result.exit_code == 1
    assert (
        "     -> panic\n  1  fork()\n     not reached\npanic: sys_mmap: bad flags 0x801002 (sysfuzz.kernel."
        in result.stdout
    )
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["panic"]["reason"] == "sys_mmap: bad flags 0x801002"
    assert [op["result"] for op in report["ops"]] == ["panic"]
    assert [verdict["oracle"] for verdict in report["verdicts"]] == ["panic"]


def test_trace(merge: Path) -> None:
    """--trace adds what the map did and the CPU's truth about the attempt."""
    text = run("exec", merge, "--trace", "--target", "nosyscalls-2011").stdout
    assert re.search(r"^ +map: .*merge", text, re.MULTILINE)
    assert (
        "cpu: syscall, 64-bit code at base 0x0; starts 0x11005, opcode 0x11005, 2 bytes; saves pc 0x11007, flags 0x"
        in text
    )
    assert re.search(r"^ +rax=0x14 rcx=0x11007 rdx=0x0 rbx=0x0 rsp=0x[0-9a-f]+ ", text, re.MULTILINE)
    assert "core: took the map lock" in text
    assert "cpu:" not in run("exec", merge).stdout


def test_trace_of_a_refused_call(merge: Path) -> None:
    """The signal's address and the frame's PC are shown."""
    text = run("exec", merge, "--trace").stdout
    assert "core: signal address 0x11005, frame pc 0x11005, took the map lock" in text


def test_target_of_the_file(tmp_path: Path) -> None:
    """A committed reproducer runs on the target that it names."""
    path = tmp_path / "p.prog"
    path.write_text(f"# target: nosyscalls-2011\n{MERGE}")
    assert "on nosyscalls-2011" in run("exec", path).stdout
    assert "on nosyscalls (" in run("exec", path, "--target", "nosyscalls").stdout


def test_empty_program(tmp_path: Path) -> None:
    """A program without ops shows the map of a process that was just born."""
    path = tmp_path / "empty.prog"
    path.write_text("mode i386\n")
    result = run("exec", path)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{path}: 0 ops on nosyscalls (i386, amd)\n\n\nprocess 1\n")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("", "--json: {0}: Is a directory"),
        ("absent/out.json", "--json: {0}/absent/out.json: No such file or directory"),
        ("file/out.json", "--json: {0}/file/out.json: Not a directory"),
    ],
)
def test_json_that_cannot_be_written(merge: Path, tmp_path: Path, place: str, message: str) -> None:
    """Where the JSON cannot go is told before anything runs."""
    (tmp_path / "file").write_text("")
    assert_refused(run("exec", merge, "--json", tmp_path / place), message.format(tmp_path))


def test_golden_program(tmp_path: Path) -> None:
    """Expectations do not disturb."""
    path = tmp_path / "golden.prog"
    path.write_text(GOLDEN)
    assert run("exec", path).exit_code == 0


def test_json_without_a_file_is_standard_output(merge: Path) -> None:
    """`exec FILE --json` writes what `exec FILE --json -` does."""
    assert run("exec", merge, "--json").stdout == run("exec", merge, "--json", "-").stdout != ""
