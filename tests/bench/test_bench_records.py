"""Records of trials, read."""

import json

import pytest
from made_trials import as_line, made

from sysfuzz.bench.records import BadRecord, engines, parse, read
from sysfuzz.findings.files import StoreError

DROP = object()


def damaged(**changes):
    """A good line with other values; a key with a dot is that of the object within."""
    value = json.loads(as_line(made(found=7)))
    for key, new in changes.items():
        *path, last = key.split("__")
        inner = value
        for part in path:
            inner = inner[part]
        if new is DROP:
            del inner[last]
        else:
            inner[last] = new
    return json.dumps(value)


@pytest.mark.parametrize("trial", [made(found=7), made(), made("without-code", seed=0, spent=3)])
def test_a_line_is_its_trial(trial):
    """What is written is what is read, censored or not."""
    assert parse(as_line(trial), "f:1") == trial


def test_other_keys_are_the_writers_own():
    """A key that a trial does not have changes nothing."""
    assert parse(damaged(host="a"), "f:1") == made(found=7)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "no JSON: Expecting property name enclosed in double quotes"),
        ("[1]", "expected an object, got [1]"),
        (damaged(engine=DROP), "engine: is missing"),
        (damaged(budget__seconds=DROP), "budget.seconds: is missing"),
        (damaged(budget=5), "budget: expected an object, got 5"),
        (damaged(weakness="a|b"), 'weakness: expected a name of at most 40 letters, digits and . _ -, got "a|b"'),
        (
            damaged(engine="e" * 41),
            f'engine: expected a name of at most 40 letters, digits and . _ -, got "{"e" * 36}...',
        ),
        (damaged(seed=True), "seed: expected a whole number from 0, got true"),
        (damaged(executions=-1), "executions: expected a whole number from 0, got -1"),
        (damaged(executions=1 << 53), "executions: expected a whole number from 0, got 9007199254740992"),
        (damaged(seconds=float("nan")), "seconds: expected seconds from 0, got NaN"),
        (damaged(detected=[1]), "detected: expected null or [execution, seconds], got [1]"),
        (damaged(detected=[8, 0.07]), "detected: is after the end of the trial"),
        (damaged(bucket="a\nb"), 'bucket: expected a line of text or null, got "a\\nb"'),
        (damaged(versions__unicorn=2), "versions.unicorn: expected a line of text, got 2"),
    ],
)
def test_a_damaged_line_is_located(line, message):
    """The message names file, line and key, and says what is expected there."""
    with pytest.raises(BadRecord) as raised:
        parse(line, "f:3")
    assert str(raised.value) == f"f:3: {message}"


def test_files_are_read_together(tmp_path):
    """All files' trials in one order, whatever the order of lines and files; empty lines count as lines."""
    trials = [made(engine, weakness, seed) for weakness in "ab" for engine in ("full", "uniform") for seed in (1, 2)]
    (tmp_path / "1").write_text("\n".join(map(as_line, reversed(trials[:5]))), encoding="utf-8")
    (tmp_path / "2").write_text("\n".join(["", *map(as_line, trials[5:]), ""]), encoding="utf-8")
    assert read([tmp_path / "2", tmp_path / "1"]) == trials
    (tmp_path / "2").write_text("\n\n{", encoding="utf-8")
    with pytest.raises(BadRecord, match=r"2:3: no JSON"):
        read([tmp_path / "1", tmp_path / "2"])


def test_a_trial_twice_is_refused(tmp_path):
    """Both places are named."""
    (tmp_path / "1").write_text(as_line(made()) + "\n", encoding="utf-8")
    (tmp_path / "2").write_text("\n" + as_line(made(found=9)) + "\n", encoding="utf-8")
    with pytest.raises(BadRecord) as raised:
        read([tmp_path / "1", tmp_path / "2"])
    assert str(raised.value) == f"{tmp_path}/2:2: weakness merge_ignores, engine full, seed 1 is in {tmp_path}/1:1, too"


def test_a_file_that_is_not_there_is_named(tmp_path):
    """The system's reason follows."""
    with pytest.raises(StoreError, match=r"gone: cannot read: No such file"):
        read([tmp_path / "gone"])


@pytest.mark.parametrize(
    ("trial", "lost"),
    [
        (made(found=3), False),
        (made(), False),
        (made(spent=999), True),  # 9.99 s
        (made(spent=500, rate=50), False),  # 10 s
    ],
)
def test_a_trial_that_was_stopped_is_known(trial, lost):
    """It detected nothing and used up neither budget."""
    assert trial.lost == lost


@pytest.mark.parametrize(
    ("missing", "odd"),
    [({}, False), ({"triggered": None}, True), ({"reached": None}, True), ({"detected": None}, False)],
)
def test_a_mark_without_the_one_before_is_odd(missing, odd):
    """Nothing is detected that was not triggered, nor triggered where the weak code was not run."""
    assert made(found=5)._replace(**missing).odd == odd


def test_engines_come_in_one_order():
    """Full, the baselines, then full without a domain by name."""
    names = ["without-b", "uniform", "afl", "without-a", "full", "generator"]
    assert engines(map(made, names)) == ["full", "uniform", "generator", "afl", "without-a", "without-b"]
