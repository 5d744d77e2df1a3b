"""`sysfuzz bench run`: trials get into the file, once each; what is interrupted goes on, and what dies is told."""

import os
import signal
import subprocess
import sys
import time

import click
import pytest

from sysfuzz.bench import runner
from sysfuzz.bench.ledger import Ledger
from sysfuzz.bench.plan import Budget, Planned
from sysfuzz.bench.records import read
from sysfuzz.cli.bench_trials import command
from sysfuzz.cli.errors import BadInput

SMALL = ["--weakness", "frame_pc", "--weakness", "merge_ignores", "--engine", "full", "--runs", "2000", "-j", "1"]


def call(file, *arguments):
    return command.main(["--out", str(file), *arguments], standalone_mode=False)


def test_trials_are_run_once(tmp_path, capfd):
    """All that is asked for is in the file afterwards; asked for again, with a seed more, only what is missing is run."""
    file = tmp_path / "results.jsonl"
    assert call(file, *SMALL, "--seeds", "1") == 0
    first = file.read_bytes()
    assert "2 of 2 trials" in capfd.readouterr().err
    assert call(file, *SMALL, "--seeds", "2") == 0
    assert "4 trials, 2 of them done" in capfd.readouterr().err
    assert file.read_bytes().startswith(first)
    trials = read([file])
    assert [(trial.weakness, trial.seed) for trial in trials] == [
        ("frame_pc", 1), ("frame_pc", 2), ("merge_ignores", 1), ("merge_ignores", 2),
    ]  # fmt: skip
    assert all(trial.detected for trial in trials)


def test_ctrl_c_leaves_a_file_to_go_on_with(tmp_path):
    """The run ends with 130, its trials' processes with it, and says so in one line; every line of the file is whole."""
    file = tmp_path / "results.jsonl"
    script = "import sys; from sysfuzz.cli.bench_trials import command; sys.exit(command.main(standalone_mode=False))"
    arguments = ["--out", str(file), "--weakness", "unwire_panics", "--weakness", "frame_pc", "--engine", "uniform",
                 "--engine", "full", "--runs", "1000000", "-j", "2"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert "4 of them done" not in process.stderr.readline()
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 130
    assert f"interrupted; the same command goes on where {file} ends" in process.stderr.read()
    process.stderr.close()
    assert all(line.endswith(b"\n") for line in file.read_bytes().splitlines(keepends=True))
    assert "unwire_panics" not in {trial.weakness for trial in read([file])}
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_a_death_is_told_and_not_recorded(tmp_path, capfd, monkeypatch):
    """A trial whose process dies is named with what it said; the others are recorded, and it is left to be run again."""
    trials = [Planned("frame_pc", "full", seed) for seed in (1, 2, 3)]

    def run_trial(trial, budget, warm, report):
        if trial.seed == 2:
            raise RuntimeError("no such thing")
        mark = [1, 0.5]
        report({
            **trial._asdict(), "budget": budget._asdict(), "executions": 1, "seconds": 0.5, "reached": mark,
            "triggered": mark, "detected": mark, "bucket": "frame/pc", "versions": {},
        })  # fmt: skip

    monkeypatch.setattr(runner, "run_trial", run_trial)
    budget = Budget(10, 10.0)
    with Ledger(tmp_path / "file", budget, {}) as ledger:
        assert runner.run_trials(None, ledger, trials, budget, 1) == 1
    assert [trial.seed for trial in read([tmp_path / "file"])] == [1, 3]
    told = capfd.readouterr().err
    assert "frame_pc, full, seed 2: the trial died, silent: exit status 1 (RuntimeError: no such thing)" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--weakness", "no_such"], "no_such"), (["--engine", "fulll"], "fulll"), (["--engine", "afl"], "afl")],
)
def test_bad_names_are_refused(tmp_path, arguments, words):
    """What is no weakness or no engine is bad input, and nothing is written."""
    with pytest.raises(BadInput, match=words):
        call(tmp_path / "file", *arguments)
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    "arguments", [["--runs", "1000000001"], ["--seeds", "1001"], ["-j", "257"], ["--runs", "0"], ["--for", "0s"]]
)
def test_what_is_out_of_range_is_refused(tmp_path, arguments):
    """More than records or memory can hold, or nothing at all; nothing is written."""
    with pytest.raises(click.BadParameter):
        call(tmp_path / "file", *arguments)
    assert not (tmp_path / "file").exists()


def test_a_trial_may_take_centuries(tmp_path):
    """A longer time than the system's calls can wait."""
    arguments = ["--weakness", "frame_pc", "--engine", "full", "--seeds", "1", "--for", "999999999d"]
    assert call(tmp_path / "file", *arguments) == 0
    (trial,) = read([tmp_path / "file"])
    assert trial.detected


def test_a_file_that_does_not_fit_is_bad_input(tmp_path, capfd):
    """One line names it, and the exit code is 2."""
    file = tmp_path / "results.jsonl"
    file.write_text("nonsense\n", encoding="utf-8")
    assert call(file, *SMALL) == 2
    assert f"{file}:1: no JSON" in capfd.readouterr().err
    assert call(tmp_path / "nowhere" / "file", *SMALL) == 2
    assert "No such file or directory" in capfd.readouterr().err
