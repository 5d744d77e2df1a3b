"""The verbs on designs with a check of their own: maps with guards, what is by design and the exit codes."""

import json
from pathlib import Path

import pytest
from commandline import assert_refused, run
from recorded import record

from sysfuzz.spec.promise import PROMISES

FORKS = "mode amd64\nsud(PR_SYS_DISPATCH_ON, 0x10000, 0x1000, 0)\nfork()\n"
ID = "sud--guard--fork"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty directory."""
    monkeypatch.chdir(tmp_path)


def executed(target: str, text: str, *options: str):
    """`exec` of a program."""
    Path("a.prog").write_text(f"mode amd64\n{text}", encoding="utf-8")
    return run("exec", "a.prog", "--target", target, *options)


@pytest.mark.parametrize(
    ("target", "text", "shown"),
    [
        ("syscallemu", "syscallemu(0x10000, 0x11000)\n", "  guard: 0x10000-0x11000 armed\n"),
        ("sud", "sud(PR_SYS_DISPATCH_ON, 0x10000, 0x1000, 0)\n", "  guard: LWP 1 only from 0x10000-0x11000\n"),
        ("seccomp-ip", "seccomp(0x10000, 0x11000)\nseccomp(0, 1)\n",
         "  guard: LWP 1 not from 0x10000-0x11000\n  guard: LWP 1 not from 0x0-0x1\n"),
        ("msyscall", "", "  normal  -  permitted\n"),
        ("pinsyscalls", "mimmutable(0x7f7ffffec000, 0x4000)\n", "  normal  -  immutable stack\n"),
    ],
)  # fmt: skip
def test_maps_name_what_is_enforced(target: str, text: str, shown: str) -> None:
    """The guard of a process stands above its map, and attributes have names."""
    result = executed(target, text)
    assert result.exit_code == 0
    assert shown in result.stdout


def test_a_signal_without_a_code() -> None:
    """It is told without a slash."""
    text = 'mmap(0x10000, 0x1000, 5, MAP_FIXED|MAP_ANON|MAP_PRIVATE, -1, 0)\npoke(0x10000, "0f05")\nrun(0x10000)\n'
    assert "       SIGABRT @0x10000  syscall\n" in executed("pinsyscalls", text).stdout


def test_guards_as_json() -> None:
    """Rows of numbers for each process, [] where nothing is enforced; `--help` says what they mean on each design."""
    result = executed("sud", "sud(PR_SYS_DISPATCH_ON, 0x10000, 0x1000, 0)\nspawn()\n", "--json", "-")
    views = json.loads(result.stdout)["map"]
    assert [view["guard"] for view in views] == [[["0x1", "0x1", "0x10000", "0x1000", "0x0"]], []]
    text = " ".join(run("exec", "--help").stdout.split())
    for name in set(PROMISES) - {"nosyscalls", "sud-inclusive"}:
        assert f"of {name} [" in text


def test_by_design_is_no_failure() -> None:
    """A run, a list, a report and a verification that show nothing else end with 0, and tell it all the same."""
    result = executed("sud", FORKS.removeprefix("mode amd64\n"))
    assert result.exit_code == 0
    assert result.stdout.endswith("1 verdict, 1 of them by design\n")
    assert record("by-design", "guard/fork", "sud", text=FORKS) == ID
    for verb, told in (
        (("triage", "list"), "1 finding, 1 of them by design"),
        (("triage", "verify"), "1 finding replayed: 1 as said"),
        (("report",), f"by design  {ID}"),
        (("triage", "explain", ID), "It is by design, and documented: PR_SET_SYSCALL_USER_DISPATCH(2const)"),
    ):
        result = run(*verb)
        assert result.exit_code == 0
        assert told in result.stdout


def test_no_regression_test_without_a_core_that_is_right() -> None:
    """One line says why."""
    record("by-design", "guard/fork", "sud", text=FORKS)
    why = "no core here keeps the promise of sud, which would show what is right"
    assert_refused(run("regress", ID), f"findings/{ID}/program.prog: no regression test: {why}")


def test_targets_tell_what_is_by_design() -> None:
    """Each design's documented gaps stand with their causes and the citation."""
    text = run("targets").stdout
    for name, promise in PROMISES.items():
        assert (f"\n{name}, by design:\n" in text) == bool(promise.documented)
        for cause, citation in promise.documented.items():
            assert any(cause in line and f"({citation})" in line for line in text.splitlines())
