"""The fuzzing job: findings are recorded at once, counted cheaply, upgraded when they show a worse face, and never believed unseen."""

from pathlib import Path

import pytest

from sysfuzz.engine.job import Flaky, FuzzJob, create
from sysfuzz.engine.replay import REPLAYS, Replay, Replayed
from sysfuzz.feedback.counters import CounterMap
from sysfuzz.feedback.novelty import Novelty
from sysfuzz.findings.store import Store
from sysfuzz.generate.fresh import fresh
from sysfuzz.program.ir import Program
from sysfuzz.program.text import parse
from sysfuzz.program.wire import decode, encode
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


def job_for(target: object, store: Store | None, replay: Replay | None = None) -> FuzzJob:
    return FuzzJob(target, CounterMap(), store, seed=5, worker=0, replay=replay)  # type: ignore[arg-type]


class Replays:
    """Answers questions for replays with one number after the other, the last for good; notes the questions."""

    def __init__(self, *shown: int) -> None:
        self.shown = list(shown)
        self.asked: list[tuple[str, str]] = []

    def __call__(self, program: object, bucket: str, oracle: str) -> Replayed:
        self.asked.append((bucket, oracle))
        return Replayed(self.shown.pop(0) if len(self.shown) > 1 else self.shown[0], "it was late")


def test_a_finding_is_on_disk_before_the_next_execution(store: Store) -> None:
    """The first sighting is replayed ten times in a fresh process, which finds the target by its name, and recorded."""
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


def test_a_known_face_is_not_replayed_again(store: Store) -> None:
    """Replays cost a process: one for a bucket, and one more for each worse face of it."""
    replays = Replays(REPLAYS)
    job = job_for(get("nosyscalls-2011"), store, replays)
    for text in (MERGE, MERGE, ESCAPE, ESCAPE, MERGE):
        job.execute(wire(text))
    assert replays.asked == [("attribute/mmap/merge", "attribute-lost"), ("attribute/mmap/merge", "escape")]


@pytest.mark.parametrize("shown", [0, REPLAYS - 1])
def test_what_does_not_repeat_is_an_engine_fault(store: Store, shown: int) -> None:
    """A bucket that one replay does not show is no finding, and the fault says how often it did, and why."""
    job = job_for(get("nosyscalls-2011"), store, Replays(shown))
    with pytest.raises(
        Flaky, match=rf"^panic/sys_mmap: bad flags \(panic\) showed in {shown} of 10 replays: it was late$"
    ):
        job.execute(wire(PANIC))
    assert store.entries().entries == ()


def test_one_that_does_not_repeat_hides_no_other(store: Store) -> None:
    """Another bucket of the same execution is recorded all the same."""
    job = job_for(get("nosyscalls-2011"), store, Replays(3, REPLAYS))
    with pytest.raises(Flaky, match=r"^panic/sys_mmap: bad flags \(panic\) showed in 3 of 10"):
        job.execute(wire(MERGE + PANIC))
    assert [entry.finding.bucket for entry in store.entries().entries] == ["attribute/mmap/merge"]


def test_doubts_are_rarely_asked_about_again(store: Store) -> None:
    """What flickers at each execution costs a process at the first, the 4th and the 16th sighting, is a fault at all, and may repeat later."""
    replays = Replays(2, 5, REPLAYS)
    job = job_for(get("nosyscalls-2011"), store, replays)
    for sighting in range(1, 16):
        with pytest.raises(Flaky, match=f"in {2 if sighting < 4 else 5} of 10"):
            job.execute(wire(PANIC))
    assert len(replays.asked) == 2
    assert job.execute(wire(PANIC)) == ("panic/sys_mmap: bad flags",)
    assert len(store.entries().entries) == 1


def test_a_target_that_is_no_name_cannot_be_replayed(store: Store) -> None:
    """A fresh process knows targets by name only; an object that no name leads to is a fault, not a finding."""
    target = get("nosyscalls-2011")
    target.name = "my own object"
    with pytest.raises(Flaky, match="showed in 0 of 10 replays: TargetError: unknown target 'my own object'"):
        job_for(target, store).execute(wire(PANIC))


def test_a_clean_execution_records_nothing(store: Store) -> None:
    """The reference shows nothing, and no directory is made."""
    assert job_for(get("nosyscalls"), store).execute(wire(ESCAPE)) == ()
    assert not store.directory.exists()


def test_mutants_are_programs_and_fit() -> None:
    """Mutants and crosses are the wire form of valid programs, not longer than allowed; two jobs of one seed make the same ones."""
    job, twin = job_for(get("nosyscalls"), None), job_for(get("nosyscalls"), None)
    first, second = wire(ESCAPE), wire(PANIC)
    mutants = []
    for seed in range(200):
        mutants.append(job.mutate(first, 300, seed))
        assert mutants[-1] == twin.mutate(first, 300, seed)
        assert len(mutants[-1]) <= 300
        decode(mutants[-1]).validate()
        cross = job.crossover(first, second, 40, seed)
        assert cross == twin.crossover(first, second, 40, seed)
        assert len(cross) <= 40
        decode(cross).validate()
    assert len(set(mutants)) > 100


def test_a_cross_borrows_from_the_second_program() -> None:
    """What only the second program has turns up beside what only the first has."""
    job = job_for(get("nosyscalls"), None)
    first, second = wire(ESCAPE), wire("sysarch(I386_SET_LDT, 7, 0x123000)\n" * 4)
    for _ in range(1000):  # of which all mutants are fresh programs
        job.execute(first)
    children = [decode(job.crossover(first, second, 4096, 0)) for _ in range(1000)]
    borrowed = [child for child in children if any(op.call == "sysarch" and op.args[1] == 7 for op in child.ops)]
    assert any(op.call == "run" for child in borrowed for op in child.ops)


def test_the_rarest_of_a_few_is_executed_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fresh programs, mutants and crosses are chosen by what has not been tried, and an input of the corpus counts as tried."""
    job = job_for(get("nosyscalls"), None)
    asked: list[int] = []
    tried: list[Program] = []
    monkeypatch.setattr(Novelty, "choose", lambda _self, made: asked.append(len(made)) or made[-1])
    monkeypatch.setattr(Novelty, "tried", lambda _self, program: tried.append(program))
    first, second = wire(ESCAPE), wire(PANIC)
    job.execute(first)
    made = [job.mutate(first, 4096, 0), job.crossover(first, second, 4096, 0)]
    for data in made:
        job.execute(data)
    assert asked == [3, 3]
    assert tried == [decode(first)]


def test_four_of_five_are_fresh_and_one_in_four_of_the_others_is_a_cross(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest are mutants that borrow; at first all are fresh."""
    made: list[str] = []
    monkeypatch.setattr("sysfuzz.engine.job.crossover", lambda a, _b, _rng: made.append("cross") or a)
    monkeypatch.setattr("sysfuzz.engine.job.mutate", lambda a, _rng, _b: made.append("mutant") or a)
    monkeypatch.setattr("sysfuzz.engine.job.invent", lambda rng: made.append("fresh") or fresh(rng))
    job = job_for(get("nosyscalls"), None)
    first, second = wire(ESCAPE), wire(PANIC)
    job.crossover(first, second, 4096, 0)
    assert made == ["fresh"] * 3
    for _ in range(1000):
        job.execute(first)
    made.clear()
    for _ in range(1000):
        job.crossover(first, second, 4096, 0)
    assert 0.77 < made.count("fresh") / 3000 < 0.83
    assert 0.03 < made.count("cross") / 3000 < 0.07
    assert made.count("mutant") == 3000 - made.count("fresh") - made.count("cross")


def test_domains_that_are_switched_off_show_nothing() -> None:
    """The setting "without" reaches the features."""
    counters = CounterMap()
    job = create({"target": "nosyscalls", "findings": None, "without": ["calls"]}, counters)
    job.execute(wire(ESCAPE))
    assert set(counters.shown()) == {"entries", "events", "transitions"}
    assert counters.shown()["entries"]
