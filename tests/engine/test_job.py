"""The fuzzing job: findings are recorded at once, counted cheaply, upgraded when they show a worse face, and never believed unseen."""

from pathlib import Path

import pytest

from sysfuzz.engine.job import Flaky, FuzzJob
from sysfuzz.feedback.counters import CounterMap
from sysfuzz.findings.store import Store
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.program.text import parse
from sysfuzz.program.wire import decode, encode
from sysfuzz.targets.emulated import EmulatedTarget
from sysfuzz.targets.table import get

RX = "PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON"
MERGE = f"mmap(0x10000, 0x1000, {RX}, -1, 0)\nmmap(0x11000, 0x1000, {RX}|MAP_NOSYSCALLS, -1, 0)\n"
ESCAPE = MERGE + 'poke(0x11000, "0f05c3")\nrun(0x11000)\n'
PANIC = "mmap(0, 0x1000, PROT_NONE, MAP_ANON|0x8, -1, 0)\n"


def wire(text: str) -> bytes:
    return encode(parse("mode amd64\nreg rax = 0x14\n" + text).program)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "findings")


def job_for(target: object, store: Store | None) -> FuzzJob:
    return FuzzJob(target, CounterMap(), store, seed=5, worker=0)  # type: ignore[arg-type]


def test_a_finding_is_on_disk_before_the_next_execution(store: Store) -> None:
    """The first sighting is replayed ten times and recorded."""
    job = job_for(get("nosyscalls-2011"), store)
    assert job.execute(wire(PANIC)) == ("panic/sys_mmap: bad flags",)
    (entry,) = store.entries().entries
    assert (str(entry.finding.replays), entry.finding.count, entry.finding.severity) == ("10/10", 1, "high")
    assert entry.finding.provenance.seed == 5


def test_a_worse_face_takes_over(store: Store) -> None:
    """The lost attribute is found first, its escape later: one finding, which then shows the escape."""
    job = job_for(get("nosyscalls-2011"), store)
    job.execute(wire(MERGE))
    job.execute(wire(ESCAPE))
    (entry,) = store.entries().entries
    assert (entry.finding.bucket, entry.finding.oracle) == ("attribute/mmap/merge", "escape")
    assert entry.finding.faces == {"attribute-lost": 2, "escape": 1}
    assert "run(0x11000)" in entry.program.read_text()


def test_every_sighting_is_counted_in_the_end(store: Store) -> None:
    """Frequent bugs are written each time their count has doubled, and what is left when the job is closed."""
    job = job_for(get("nosyscalls-2011"), store)
    for _ in range(21):
        job.execute(wire(PANIC))
    assert store.entries().entries[0].finding.count == 16
    job.close()
    assert store.entries().entries[0].finding.count == 21


def test_what_does_not_repeat_is_an_engine_fault(store: Store) -> None:
    """A bucket that one replay does not show is no finding; another one of the same execution is recorded all the same."""
    boots = []

    class Flickers(Kernel):
        def check(self) -> str:
            return "now and then" if len(boots) == 1 else ""

    def boot(mode: object, memory: object) -> Kernel:
        boots.append(1)
        return Flickers(mode, memory)  # type: ignore[arg-type]

    with pytest.raises(Flaky, match="insane/now and then"):
        job_for(EmulatedTarget("flickers", "", boot), store).execute(wire(MERGE))  # type: ignore[arg-type]
    assert store.entries().entries == ()


def test_a_clean_execution_records_nothing(store: Store) -> None:
    """The reference shows nothing, and no directory is made."""
    assert job_for(get("nosyscalls"), store).execute(wire(ESCAPE)) == ()
    assert not store.directory.exists()


def test_mutants_are_programs_and_fit() -> None:
    """Mutants and crosses are the wire form of valid programs, not longer than allowed, and repeat with the seed."""
    job = job_for(get("nosyscalls"), None)
    first, second = wire(ESCAPE), wire(PANIC)
    for seed in range(200):
        mutant = job.mutate(first, 300, seed)
        assert mutant == job.mutate(first, 300, seed)
        assert len(mutant) <= 300
        decode(mutant).validate()
        decode(job.crossover(first, second, 40, seed)).validate()
        assert len(job.crossover(first, second, 40, seed)) <= 40
