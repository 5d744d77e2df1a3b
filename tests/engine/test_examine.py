"""The fuzzing job asked about a death: what a core of the user's own has done to its worker becomes a finding like any other."""

from pathlib import Path

import pytest

from c_cores import bad, needs_compiler
from sysfuzz.engine.job import Flaky, FuzzJob
from sysfuzz.engine.replay import REPLAYS, Replayed
from sysfuzz.feedback.counters import CounterMap
from sysfuzz.findings.store import Store
from sysfuzz.program.text import parse
from sysfuzz.program.wire import encode
from sysfuzz.targets.table import get

DEADLY = encode(parse("mode amd64\nfork()\nmsync(0x10000, 0x1000, MS_SYNC)\nfork()\n").program)
BUCKET = "panic/killed: SIGSEGV in msync"


class Replays:
    """Shows everything always; counts how often it is asked."""

    asked = 0

    def __call__(self, *question: object) -> Replayed:
        self.asked += 1
        return Replayed(REPLAYS)


def job(store: Store, replays: Replays) -> FuzzJob:
    """The job of a worker."""
    return FuzzJob(get(str(bad()), contained=False), CounterMap(), store, seed=5, worker=0, replay=replays)


@needs_compiler
def test_a_death_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The input is run in another process, this one lives, and the finding says at which op the core died."""
    monkeypatch.setenv("HABIT", "crash")
    store, replays = Store(tmp_path), Replays()
    assert job(store, replays).examine(DEADLY) == (BUCKET,)
    (entry,) = store.entries().entries
    finding = entry.finding
    assert (finding.bucket, finding.count, finding.evidence.op, str(finding.replays)) == (BUCKET, 1, 1, "10/10")
    assert replays.asked == 1


@needs_compiler
def test_what_is_recorded_is_not_replayed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each death has a new worker with a new job; the bug that all of them died of is counted."""
    monkeypatch.setenv("HABIT", "crash")
    store, replays = Store(tmp_path), Replays()
    for _ in range(3):
        assert job(store, replays).examine(DEADLY) == (BUCKET,)
    (entry,) = store.entries().entries
    assert (entry.finding.count, replays.asked) == (3, 1)


@needs_compiler
def test_a_death_that_does_not_repeat_is_no_finding(tmp_path: Path) -> None:
    """What killed the worker was not this program alone."""
    store = Store(tmp_path)
    with pytest.raises(Flaky, match="ended the process of its worker"):
        job(store, Replays()).examine(DEADLY)
    assert store.ids() == []


@pytest.mark.parametrize(
    ("core", "bucket"), [("LeavesWell", "panic/exit status in msync"), ("Hangs", "panic/hang in msync")]
)
def test_so_is_that_of_a_core_in_python(tmp_path: Path, core: str, bucket: str) -> None:
    """Whose module is here, in the process that looks into it, and survives."""
    store = Store(tmp_path)
    target = get(f"hostile_cores:{core}", contained=False)
    asked = FuzzJob(target, CounterMap(), store, seed=5, worker=0, replay=Replays())
    assert asked.examine(DEADLY) == (bucket,)
    (entry,) = store.entries().entries
    assert (entry.finding.bucket, entry.finding.evidence.op) == (bucket, 1)
