"""The nursery: a child for each task, a record or a death from each, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sysfuzz.bench.nursery import Death, Warm, enter, in_child, in_children, warm
from sysfuzz.feedback.instrument import Instrumentation

PROGRAM = Path(__file__).parent.parent / "weaknesses" / "merge_ignores.prog"
ENOUGH = 30  # seconds


def said(value):
    """A task that reports `value`."""
    return lambda report: report({"value": value})


@pytest.mark.parametrize("value", [None, 1.5, [1, "é"], {"a": {"b": []}}, "x" * 1_000_000])
def test_a_record_comes_back(value):
    """What a child reports is what its parent gets, however long it is."""
    assert in_child(said(value), ENOUGH) == {"value": value}


@pytest.mark.parametrize(
    ("task", "how", "detail", "words"),
    [
        (lambda report: None, "silent", "exit status 0", ""),
        (lambda report: os._exit(77), "silent", "exit status 77", ""),
        (lambda report: sys.exit(4), "silent", "exit status 1", "SystemExit: 4"),
        (lambda report: {}["missing"], "silent", "exit status 1", "KeyError: 'missing'"),
        (lambda report: os.write(2, b"last words"), "silent", "exit status 0", "last words"),
        (lambda report: os.kill(os.getpid(), signal.SIGKILL), "signal", "SIGKILL", ""),
        (lambda report: os.abort(), "signal", "SIGABRT", "<module>"),
    ],
)
def test_a_death_is_told(task, how, detail, words):
    """Who reports nothing is said to have died, how, and with which words."""
    death = in_child(task, ENOUGH)
    assert isinstance(death, Death)
    assert (death.how, death.detail) == (how, detail)
    assert words in death.words


def test_time_is_limited():
    """A child that outlives its time is killed."""
    assert in_child(lambda report: time.sleep(ENOUGH), 0.1) == Death("timeout", "after 0.1 s", "")


def test_a_child_changes_nothing():
    """What a task does to memory is unknown to its parent, and to the next child."""
    seen = []

    def task(report):
        seen.append(1)
        report({"seen": len(seen)})

    assert [in_child(task, ENOUGH), in_child(task, ENOUGH), seen] == [{"seen": 1}, {"seen": 1}, []]


def test_standard_output_is_not_a_childs(capfd):
    """Neither stream of the parent gets what a child prints."""

    def task(report):
        os.write(1, b"out")
        os.write(2, b"err")
        report({})

    in_child(task, ENOUGH)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("jobs", [1, 3])
def test_all_tasks_are_run(jobs):
    """Each key comes once, with its own result; no more tasks are taken up than there is room for."""
    taken = []

    def tasks():
        for number in range(8):
            taken.append(number)
            yield number, said(number) if number % 3 else lambda report: None

    results = {}
    for key, result in in_children(tasks(), ENOUGH, jobs):
        assert len(taken) - len(results) <= jobs
        results[key] = result
    assert results == {n: {"value": n} if n % 3 else Death("silent", "exit status 0", "") for n in range(8)}


def test_children_end_with_the_generator(tmp_path):
    """Whoever stops asking for results leaves no child behind."""

    def sleeper(report):
        (tmp_path / "pid").write_text(str(os.getpid()), encoding="utf-8")
        (tmp_path / "pid").rename(tmp_path / "told")
        time.sleep(ENOUGH)

    def waiting(report):
        while not (tmp_path / "told").exists():
            time.sleep(0.01)
        report({})

    results = in_children([("sleeper", sleeper), ("waiting", waiting)], ENOUGH, jobs=2)
    assert next(results) == ("waiting", {})
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "told").read_text(encoding="utf-8")), 0)


def test_a_warm_process(tmp_path):
    """A function called in one has marks in the core, hashes that are not random, one thread, and its own exit code."""
    out = tmp_path / "out"
    assert enter("nursery_guests:look", {"out": str(out), "program": str(PROGRAM)}) == 5
    seen = json.loads(out.read_text(encoding="utf-8"))
    assert seen["set"] > 0
    assert seen["threads"] == 1
    asked = subprocess.run(
        [sys.executable, "-c", "print(hash('sysfuzz'))"],
        env=os.environ | {"PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert seen["hash"] == int(asked.stdout)


def test_a_core_that_is_there_cannot_be_warmed():
    """Marks can only be written into what is not imported yet."""
    import sysfuzz.kernel.kernel  # noqa: F401

    with pytest.raises(ImportError, match="before instrumentation"):
        warm()


def test_counters_have_to_fit():
    """Another number of counters than the marks are numbered for is refused."""
    with pytest.raises(ValueError, match="7 counters"):
        Warm(Instrumentation(bytearray(8), ())).attach(bytearray(7))
