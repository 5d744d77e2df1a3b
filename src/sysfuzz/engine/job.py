"""The fuzzing job: one input through target, oracles and features, and into the store if it shows a bug.

This is where the layers below meet under libFuzzer. A finding is data: it is replayed, recorded, and the fuzzing goes on. What an input is worth
is decided by the counters that the features set, what an outcome means by the oracles, and how a replay is done by `replay`.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sysfuzz.engine.replay import REPLAYS, Replay, fresh
from sysfuzz.feedback.counters import CounterMap
from sysfuzz.feedback.features import Features
from sysfuzz.feedback.novelty import Novelty
from sysfuzz.findings.bucket import group, slug_of
from sysfuzz.findings.finding import Evidence, Replays, Sighting
from sysfuzz.findings.provenance import Provenance, installed_versions
from sysfuzz.findings.severity import rank, severity_of
from sysfuzz.findings.store import Store
from sysfuzz.generate.arming import armed
from sysfuzz.generate.fresh import fresh as invent
from sysfuzz.generate.mutate import crossover, mutate
from sysfuzz.oracles import Verdict, judge
from sysfuzz.program.ir import Program
from sysfuzz.program.outcome import Outcome
from sysfuzz.program.wire import decode, encode
from sysfuzz.targets.clibrary import LibraryTarget
from sysfuzz.targets.table import Target, get

_CACHED = 4096  # programs: libFuzzer executes what it has just mutated, and mutates what it has kept
# Fresh programs stand in the place of most mutants, since most bugs are an idiom away: at first always, later in this share. On 8 weaknesses
# that fresh programs alone show in some thousand executions, two seeds, 6,065 executions in the mean with 0.7 of all inputs, 5,016 with 0.8,
# 9,155 with nothing but fresh programs; another seed of these and others: 14,476 with 0.44, 17,147 with 0.22. The rest is for what no idiom
# says.
_FRESH_ONLY = 1000  # executions
_FRESH = 0.8
# Half of the rest may be crosses, yet the halves of two programs seldom make a whole one. So one in four of these is a cross, and the others are
# mutants that borrow from the second program: 37 trials of 21 weaknesses took 4,529 executions in the mean, 8,000 at most, instead of 5,742.
_CROSSED = 0.25
# Programs made in the same way, of which the one is executed that does the rarest things (`feedback/novelty.py`). Of 16 planted weaknesses that
# one in 140 fresh programs shows, or fewer, 30,000 programs chosen so showed each 1.5 times as often (geometric mean) as 30,000 that were not;
# three of the 16 less often (half, 0.7, 0.8). Of five as little was gained as of three. It costs a fifth of the rate.
_CANDIDATES = 3


class Flaky(Exception):
    """A program showed a bucket, and not again in every replay: an engine fault, never a finding."""


def create(settings: Mapping[str, object], counters: CounterMap) -> "FuzzJob":
    """The job for `settings`: "target" (a name), "findings" (a directory, or None to keep nothing), "seed", "worker", and "without" (names of
    feature domains, which then guide nothing).
    """
    without = settings.get("without", ())
    assert isinstance(without, list | tuple), "a list, as JSON has it"
    directory = settings.get("findings")
    target = get(str(settings["target"]), contained=False)
    if isinstance(target, LibraryTarget):
        for address, size in target.counters():
            counters.adopt(address, size)
    return FuzzJob(
        target,
        counters,
        None if directory is None else Store(Path(str(directory))),
        int(str(settings.get("seed", 0))),
        int(str(settings.get("worker", 0))),
        without=without,
    )


class FuzzJob:
    """Implements driver.Job."""

    def __init__(
        self,
        target: Target,
        counters: CounterMap,
        store: Store | None,
        seed: int,
        worker: int,
        replay: Replay | None = None,
        without: Collection[str] = (),
    ) -> None:
        """`replay` asks whether a bucket shows itself again; without it, a fresh process is asked, which finds the target by its name."""
        self._target = target
        self._replay = replay or fresh(target.name)
        self._features = Features(counters, without)
        self._store = store
        self._seed = seed
        self._worker = worker
        self._executions = 0
        # One for all calls: to seed a generator with what libFuzzer offers at each call takes 4 us, a fiftieth of an execution.
        self._rng = random.Random(f"{seed}/{worker}")
        self._programs: dict[bytes, Program] = {}
        self._novelty = Novelty()
        self._known: dict[str, _Known] = {}
        self._doubts: dict[tuple[str, str], _Doubt] = {}  # by bucket and oracle

    # -- libFuzzer's calls --------------------------------------------------------------------------------------------

    def execute(self, data: bytes) -> Sequence[str]:
        """Run one input; the buckets that it showed."""
        self._executions += 1
        chosen = data in self._programs
        program = self._program(data)
        if not chosen:
            self._novelty.tried(program)  # an input of the corpus
        outcome = self._target.run(program)
        self._features.mark(program, outcome)
        return self._judged(program, outcome)

    def examine(self, data: bytes) -> Sequence[str]:
        """Run the input that has killed the worker before this one where it can do no harm, and record what it shows."""
        program = self._program(data)
        outcome = get(self._target.name).run(program)
        if outcome.panic is None:
            raise Flaky("a program ended the process of its worker, and not that of its own when it was run again")
        # What other workers have died of is counted: to replay all deaths of a frequent bug would take longer than to fuzz.
        for bucket, shown in group(judge(program, outcome, self._target.promise)).items():
            if self._is_recorded(bucket, shown[0].oracle):
                self._known[bucket] = _Known(shown[0], program, self._provenance())
        return self._judged(program, outcome)

    def _is_recorded(self, bucket: str, oracle: str) -> bool:
        """Whether the store holds this bucket with a face that is as bad."""
        identity = slug_of(self._target.name, bucket)
        if self._store is None or identity not in self._store.ids():
            return False
        return rank(self._store.load(identity).finding.severity) <= rank(severity_of(oracle))

    def _judged(self, program: Program, outcome: Outcome) -> Sequence[str]:
        """The buckets that an execution has shown, recorded."""
        verdicts = judge(program, outcome, self._target.promise)
        if not verdicts:
            return ()
        groups = group(verdicts)
        flaky = []
        for bucket, shown in groups.items():
            try:
                self._sight(bucket, shown, program)
            except Flaky as error:
                flaky.append(str(error))
        if flaky:
            raise Flaky("; ".join(flaky))
        return tuple(groups)

    def mutate(self, data: bytes, max_size: int, _seed: int) -> bytes:
        """A fresh program, or a mutant of the program in `data`."""
        return self._next(data, None, max_size)

    def crossover(self, first: bytes, second: bytes, max_size: int, _seed: int) -> bytes:
        """A fresh program, a mutant of the first that may borrow from the second, or now and then a cross of the two."""
        return self._next(first, self._program(second), max_size)

    def close(self) -> None:
        """Write down the sightings that were only counted so far."""
        for bucket, known in self._known.items():
            self._record(bucket, known)

    def _next(self, data: bytes, other: Program | None, max_size: int) -> bytes:
        """What is executed next: of a few programs that are made in one way the one whose interactions are the rarest."""
        rng = self._rng
        if self._executions < _FRESH_ONLY or rng.random() < _FRESH:
            made = [armed(invent(rng), rng, self._target.promise) for _ in range(_CANDIDATES)]
        elif other is not None and rng.random() < _CROSSED:
            made = [crossover(self._program(data), other, rng) for _ in range(_CANDIDATES)]
        else:
            made = [mutate(self._program(data), rng, other) for _ in range(_CANDIDATES)]
        return self._encoded(self._novelty.choose(made), max_size)

    # -- programs -----------------------------------------------------------------------------------------------------

    def _program(self, data: bytes) -> Program:
        program = self._programs.get(data)
        if program is None:
            program = self._remember(data, decode(data))
        return program

    def _encoded(self, program: Program, max_size: int) -> bytes:
        data = encode(program)
        if len(data) > max_size:
            return data[:max_size]  # every prefix is a program, too
        self._remember(data, program)
        return data

    def _remember(self, data: bytes, program: Program) -> Program:
        if len(self._programs) >= _CACHED:
            self._programs.clear()
        self._programs[data] = program
        return program

    # -- findings -----------------------------------------------------------------------------------------------------

    def _sight(self, bucket: str, shown: Sequence[Verdict], program: Program) -> None:
        """Count one execution that showed `bucket`; `shown` are its verdicts, the worst first."""
        worst = shown[0]
        known = self._known.get(bucket)
        if known is None or rank(severity_of(worst.oracle)) < rank(severity_of(known.worst.oracle)):
            known = self._deflaked(bucket, worst, program, known)
        known.count += 1
        for oracle in dict.fromkeys(verdict.oracle for verdict in shown):
            known.faces[oracle] = known.faces.get(oracle, 0) + 1
        if known.due():
            self._record(bucket, known)

    def _deflaked(self, bucket: str, worst: Verdict, program: Program, known: "_Known | None") -> "_Known":
        """Replay a bucket's new face; the record of it. Raises Flaky if one replay does not show it."""
        doubt = self._doubts.setdefault((bucket, worst.oracle), _Doubt())
        if not doubt.due():
            raise Flaky(doubt.words)
        shown, reason = self._replay(program, bucket, worst.oracle)
        if shown < REPLAYS:
            because = f": {reason}" if reason else ""
            doubt.words = f"{bucket} ({worst.oracle}) showed in {shown} of {REPLAYS} replays{because}"
            raise Flaky(doubt.words)
        new = _Known(worst, program, self._provenance())
        if known is not None:
            new.count, new.faces, new.written = known.count, known.faces, known.written
        self._known[bucket] = new
        return new

    def _provenance(self) -> Provenance:
        return Provenance(installed_versions(), self._seed, 0, self._worker, self._executions)

    def _record(self, bucket: str, known: "_Known") -> None:
        """Write what was counted since the last time. The clock is read for the record alone: nothing depends on it."""
        if self._store is None or not known.count:
            return
        sighting = Sighting(
            bucket,
            known.worst.oracle,
            self._target.name,
            known.program,
            Evidence.of(known.worst),
            Replays(REPLAYS, REPLAYS),
            known.provenance,
            known.count,
            known.faces,
        )
        self._store.record(sighting, datetime.now(UTC))
        known.written += known.count
        known.count, known.faces, known.fresh = 0, {}, False


class _Known:
    """A bucket that this worker has seen: its worst face, and the executions that are counted but not written yet."""

    def __init__(self, worst: Verdict, program: Program, provenance: Provenance) -> None:
        self.worst = worst
        self.program = program
        self.provenance = provenance
        self.count = 0
        self.faces: dict[str, int] = {}
        self.written = 0
        self.fresh = True  # this face is not in the store yet

    def due(self) -> bool:
        """A new face at once; else when the count has doubled, so that a frequent bug costs few writes."""
        return self.fresh or self.count >= self.written


class _Doubt:
    """A face that has not repeated yet. It may be a frequent one, and a process for each sighting would be all that the worker does."""

    def __init__(self) -> None:
        self.words = ""  # about the last replays
        self._sightings = 0

    def due(self) -> bool:
        """Count a sighting; whether it is worth replays: the first, the fourth, the 16th and so on, as another program may show the bug well."""
        self._sightings += 1
        return self._sightings.bit_count() == 1 and self._sightings.bit_length() % 2 == 1
