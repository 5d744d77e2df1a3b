"""Trials: what is recorded, that it repeats, and that the full engine is what `sysfuzz fuzz` is."""

import json

import pytest

from sysfuzz.bench.engines import ENGINES, build
from sysfuzz.bench.nursery import Warm, enter
from sysfuzz.bench.records import Effort, parse
from sysfuzz.bench.weaknesses import target
from sysfuzz.engine.epoch import run_epoch
from sysfuzz.engine.settings import CORE, FACTORY, EpochSettings
from sysfuzz.feedback.features import DOMAINS
from sysfuzz.feedback.instrument import Instrumentation
from sysfuzz.findings.store import Store

MANY, LONG = 5000, 60.0  # executions and seconds that are not used up
RARE = "unwire_panics"  # four steps of one kind: no engine meets it in its first inputs

# afl, which need not be there and is not deterministic, has tests of its own.
FIRST = [(RARE, name, 3, 30, LONG) for name in ENGINES if name != "afl"]
LIMITS = [(RARE, "uniform", 1, 40, LONG), (RARE, "uniform", 1, MANY, 1e-6)]
FOUND = [("move_loses", "full", 1, MANY, LONG), ("frame_pc", "generator", 1, MANY, LONG)]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """The record of each trial above, and of FIRST a second time."""
    out = tmp_path_factory.mktemp("trials") / "out"
    trials = [*FIRST, *LIMITS, *FOUND]
    assert enter("nursery_guests:trials", {"out": str(out), "trials": [*trials, *FIRST]}) == 0
    results = json.loads(out.read_text(encoding="utf-8"))
    return {trial: results[at] for at, trial in enumerate(trials)}, results[len(trials) :]


def timeless(record):
    """A record without its seconds."""
    marks = {mark: record[mark] and record[mark][0] for mark in ("reached", "triggered", "detected")}
    return record | marks | {"seconds": None}


def test_records_can_be_read(records):
    """Each is a trial in the form that all others read, with what was asked for in it."""
    for (weakness, engine, seed, executions, seconds), record in records[0].items():
        trial = parse(json.dumps(record), "here")
        assert (trial.weakness, trial.engine, trial.seed) == (weakness, engine, seed)
        assert trial.budget == Effort(executions, seconds)
        assert trial.lost is False
        assert {name for name, _ in trial.versions} == {"sysfuzz", "python", "unicorn", "atheris"}


def test_an_engine_repeats(records):
    """The same trial again has the same record, the clock apart."""
    assert [timeless(records[0][trial]) for trial in FIRST] == list(map(timeless, records[1]))


def test_a_budget_is_kept(records):
    """The last execution is the one that uses up the executions, or the time."""
    assert [records[0][trial]["executions"] for trial in LIMITS] == [40, 1]
    assert [records[0][trial]["detected"] for trial in LIMITS] == [None, None]


@pytest.mark.parametrize("trial", FOUND)
def test_detection_ends_a_trial(records, trial):
    """The trial ends with the execution that is detected, which comes last of the marks, and names a bucket."""
    record = records[0][trial]
    assert record["detected"] == [record["executions"], record["seconds"]]
    assert record["executions"] < MANY
    assert record["reached"][0] <= record["triggered"][0] <= record["detected"][0]
    assert record["bucket"]


def test_full_is_what_sysfuzz_fuzz_does(records, tmp_path):
    """An epoch with the same seed finds its first buckets at the same execution, that of the trial among them."""
    weakness, _, seed, *_ = FOUND[0]
    record = records[0][FOUND[0]]
    job = {"target": f"sysfuzz.bench.weaknesses:{weakness}", "findings": str(tmp_path)}
    run_epoch(EpochSettings(factory=FACTORY, job=job, packages=(CORE,), runs=record["executions"], seed=seed))
    findings = {entry.finding.bucket: entry.finding for entry in Store(tmp_path).entries().entries}
    assert record["bucket"] in findings
    assert {finding.provenance.executions for finding in findings.values()} == {record["executions"]}


@pytest.mark.parametrize("name", ENGINES)
def test_one_domain_at_most_is_hidden(name):
    """libFuzzer is shown the counters of all domains but the one that the engine's name says."""
    bench = build(ENGINES[name], Warm(Instrumentation(bytearray(1), ())), target(RARE), 1)
    hidden = name.removeprefix("without-") if name.startswith("without-") else None
    assert set(bench.counters.audible()) == {"code", *DOMAINS} - {hidden}


def test_engines_have_their_names():
    """The engines of the benchmark, and one without each domain."""
    assert list(ENGINES) == [
        "full", "uniform", "generator", "atheris", "afl", *(f"without-{domain}" for domain in ("code", *DOMAINS)),
    ]  # fmt: skip
