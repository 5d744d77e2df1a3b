"""The file of results while it is written: whatever ends a run, what was done is known, and nothing else gets in."""

import json

import pytest

from sysfuzz.bench.ledger import Ledger
from sysfuzz.bench.lines import BadLines
from sysfuzz.bench.plan import Budget, Planned
from sysfuzz.bench.records import read

BUDGET = Budget(1000, 60.0)
VERSIONS = {"sysfuzz": "1", "python": "3"}


def record(weakness="merge_ignores", engine="full", seed=1):
    return {
        "weakness": weakness, "engine": engine, "seed": seed, "budget": BUDGET._asdict(),
        "executions": 9, "seconds": 0.5, "reached": [3, 0.25], "triggered": [9, 0.5], "detected": [9, 0.5],
        "bucket": "attribute/mmap/merge", "versions": VERSIONS,
    }  # fmt: skip


@pytest.fixture
def file(tmp_path):
    """One with two trials."""
    path = tmp_path / "results.jsonl"
    with Ledger(path, BUDGET, VERSIONS) as ledger:
        assert ledger.done == frozenset()
        ledger.add(record())
        ledger.add(record(engine="uniform", seed=2))
    return path


def test_what_is_added_is_done(file):
    """The next run knows the trials, and everybody can read the file."""
    with Ledger(file, BUDGET, VERSIONS) as ledger:
        assert ledger.done == {Planned("merge_ignores", "full", 1), Planned("merge_ignores", "uniform", 2)}
        assert ledger.cut == 0
    assert [(trial.engine, trial.seed) for trial in read([file])] == [("full", 1), ("uniform", 2)]


@pytest.mark.parametrize("kept", [1, 20, -1])
def test_half_a_line_is_cut_off(file, kept):
    """What a killed run left of its last line is gone, the lines before it stay, and the next one starts on a line of its own."""
    before = file.read_bytes()
    half = json.dumps(record(seed=3)).encode()[:kept]
    file.write_bytes(before + half)
    with Ledger(file, BUDGET, VERSIONS) as ledger:
        assert ledger.cut == len(half)
        assert len(ledger.done) == 2
        assert file.read_bytes() == before
        ledger.add(record(seed=4))
    assert [trial.seed for trial in read([file])] == [1, 4, 2]


@pytest.mark.parametrize(
    ("budget", "versions", "words"),
    [
        (Budget(2000, 60.0), VERSIONS, "results.jsonl:1: a trial with a budget of 1,000 executions and 60 s, not of 2,000 and 60 s"),
        (Budget(1000, 30.0), VERSIONS, "not of 1,000 and 30 s"),
        (BUDGET, VERSIONS | {"python": "4"}, "results.jsonl:1: a trial with python 3, sysfuzz 1; installed: python 4, sysfuzz 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_does_not_mix(file, budget, versions, words):
    """A file with another budget or other versions is refused, with its first line that says so, and left as it is."""
    before = file.read_bytes()
    with pytest.raises(BadLines) as caught:
        Ledger(file, budget, versions)
    assert words in str(caught.value)
    assert file.read_bytes() == before


def test_a_trial_that_is_there_twice_is_located(file):
    """Two runs were put together: whoever reads the file would refuse it."""
    file.write_bytes(file.read_bytes() * 2)
    with pytest.raises(BadLines, match=r"results\.jsonl:3: .*engine full, seed 1 is in .*results\.jsonl:1, too"):
        Ledger(file, BUDGET, VERSIONS)


def test_a_whole_line_without_its_end_counts(file):
    """An editor has saved it so: its trial is done, and the next line does not run into it."""
    file.write_bytes(file.read_bytes()[:-1])
    with Ledger(file, BUDGET, VERSIONS) as ledger:
        assert (ledger.cut, len(ledger.done)) == (0, 2)
        ledger.add(record(seed=3))
    assert len(read([file])) == 3


def test_a_file_that_is_not_ours_is_not_cut(file):
    """Whole lines that do not fit are found before anything is cut off."""
    before = b"{}\n{"
    file.write_bytes(before)
    with pytest.raises(BadLines, match=r"results\.jsonl:1: "):
        Ledger(file, BUDGET, VERSIONS)
    assert file.read_bytes() == before


def test_a_damaged_line_is_located(file):
    """A line in the middle that is no trial is an error with its number."""
    with file.open("ab") as stream:
        stream.write(b"{}\n")
    with pytest.raises(BadLines, match=r"results\.jsonl:3: "):
        Ledger(file, BUDGET, VERSIONS)


def test_there_is_one_writer(file):
    """A second run on the same file is refused while the first goes on."""
    with Ledger(file, BUDGET, VERSIONS), pytest.raises(BadLines, match="another run"):
        Ledger(file, BUDGET, VERSIONS)
    Ledger(file, BUDGET, VERSIONS).__exit__(None, None, None)
