"""What a store holds is not replayed again, and everything else is."""

from pathlib import Path

from sysfuzz.engine.recorded import create, trusting
from sysfuzz.engine.replay import REPLAYS, Replayed
from sysfuzz.feedback.counters import CounterMap
from sysfuzz.findings.store import Store
from sysfuzz.program.text import parse
from sysfuzz.program.wire import encode
from toy_findings import PANIC, TARGET, record

PROGRAM = parse(PANIC).program


def test_what_is_replayed(tmp_path: Path) -> None:
    """A bucket that the store has not, and a worse face of one that it has; not the same face, and not a milder one."""
    entry = record(tmp_path)
    asked = []

    def replay(program: object, bucket: str, oracle: str) -> Replayed:
        asked.append((bucket, oracle))
        return Replayed(3, "flaky")

    ask = trusting(Store(tmp_path), TARGET, replay)
    assert entry.finding.severity == "high"
    for oracle, replayed in (("panic", False), ("errno", False), ("escape", True)):
        asked.clear()
        assert ask(PROGRAM, entry.finding.bucket, oracle) == (Replayed(3, "flaky") if replayed else Replayed(REPLAYS))
        assert bool(asked) == replayed
    assert ask(PROGRAM, "another/bucket", "panic") == Replayed(3, "flaky")


def test_the_job_counts_a_known_bug(tmp_path: Path) -> None:
    """One that is recorded already has one more execution after the job has ended, and its program stays."""
    entry = record(tmp_path)
    before = entry.program.read_text()
    job = create({"target": TARGET, "findings": str(tmp_path), "seed": 1, "worker": 0}, CounterMap())
    assert job.execute(encode(PROGRAM)) == (entry.finding.bucket,)
    job.close()
    after = Store(tmp_path).load(entry.id)
    assert (after.finding.count, after.program.read_text()) == (entry.finding.count + 1, before)
