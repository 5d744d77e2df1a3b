"""How good the generator's programs are: what their ops answer, where their entries lie, how their runs end.

Fresh programs and a mutant of each are run on the reference, which knows the true answer to every op, and counted. Nothing is searched for and
nothing is judged: a generator whose ops mostly succeed, and whose failures are spread over everything that can fail, gets deeper with the same
number of executions. The generator is deterministic, and so is this.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sysfuzz.generate.fresh import composed
from sysfuzz.generate.idioms import REFUSALS
from sysfuzz.generate.mutate import mutate
from sysfuzz.program.ir import CALLS, Program
from sysfuzz.program.outcome import Event, Outcome, Region, Result, Step, View
from sysfuzz.targets.table import get

SUCCESS = "ok"
CORE = "nosyscalls"  # the reference

# What each op may answer beside success, from docs/semantics.md; ESRCH, which every op of a process that is gone answers, is left out.
ERRNOS: Mapping[str, tuple[str, ...]] = {
    "mmap": ("EINVAL", "EOPNOTSUPP", "EFBIG", "EOVERFLOW", "EBADF", "ENODEV", "EACCES", "ENOMEM"),
    "munmap": ("EINVAL",),
    "mprotect": ("EINVAL", "EACCES", "ENOMEM"),
    "mremap": ("EINVAL", "ENOMEM"),
    "minherit": ("EINVAL",),
    "madvise": ("EINVAL", "EFAULT", "EBUSY"),
    "mlock": ("EINVAL", "EAGAIN", "ENOMEM"),
    "munlock": ("EINVAL", "ENOMEM"),
    "mlockall": ("EINVAL", "ENOMEM"),
    "msync": ("EINVAL", "EFAULT", "EBUSY"),
    "mincore": ("EINVAL", "EFAULT", "ENOMEM"),
    "fork": ("EAGAIN",),
    "vfork": ("EAGAIN",),
    "lwp_create": ("EAGAIN",),
    "as": ("ESRCH",),
    "sigaction": ("EINVAL",),
    "sysarch": ("EINVAL",),
    "poke": ("EFAULT",),
    "peek": ("EFAULT",),
}
NEAR = 16  # bytes from a region's end within which an entry counts as near it
AWAY = "away"
_SIDES = ("unflagged|flagged", "flagged|unflagged", "other end")


@dataclass(slots=True)
class Stream:
    """Counts over the programs of one kind."""

    programs: int = 0
    ops: int = 0
    results: dict[str, Counter[str]] = field(default_factory=lambda: {call: Counter() for call in CALLS})
    by_code: dict[str, Counter[str]] = field(default_factory=dict)  # calls that code made
    decisions: Counter[str] = field(
        default_factory=Counter
    )  # runs with an entry let in, with one blocked, with neither
    ends: Counter[str] = field(default_factory=Counter)  # runs by how they ended
    gates: Counter[str] = field(default_factory=Counter)  # entries that were let in or blocked
    # Entries by what lies on the two sides of the nearest end of a region and by the number of opcode bytes: the distance of the first one.
    distances: dict[tuple[str, int], Counter[int | str]] = field(default_factory=dict)

    @property
    def all_results(self) -> Counter[str]:
        """Results of all ops."""
        return sum(self.results.values(), Counter())

    @property
    def runs(self) -> int:
        """Ops that were a run of a live process."""
        return sum(self.ends.values())

    @property
    def missing(self) -> dict[str, tuple[str, ...]]:
        """By call, the errnos of ERRNOS that no op has answered."""
        unseen = {
            call: tuple(errno for errno in errnos if not self.results[call][errno]) for call, errnos in ERRNOS.items()
        }
        return {call: errnos for call, errnos in unseen.items() if errnos}

    def add(self, program: Program, outcome: Outcome) -> None:
        """Count one program."""
        self.programs += 1
        self.ops += len(program.ops)
        views = outcome.boot
        for op, step in zip(program.ops, outcome.steps, strict=False):
            self.results[op.call][_class(step.result)] += 1
            if op.call == "run" and step.result == 0:
                self._run(step, views)
            views = step.views

    def _run(self, step: Step, views: tuple[View, ...]) -> None:
        entered = blocked = False
        for event in step.events:
            reply = event.reply
            if reply is not None and reply.call:
                entered = True
                name = "unassigned" if reply.call.startswith("#") else reply.call
                self.by_code.setdefault(name, Counter())[_class(reply.result)] += 1
            elif _is_blocked(event):
                blocked = True
            attempt = event.attempt
            if attempt is not None and attempt.gate:
                self.gates[attempt.gate] += 1
                regions = next((view.regions for view in views if view.pid == step.pid), ())
                side, distance = nearest(regions, attempt.opcode, attempt.size)
                self.distances.setdefault((side, attempt.size), Counter())[distance] += 1
            views = event.views or views
        self.decisions["let in"] += entered
        self.decisions["blocked"] += blocked
        self.decisions["neither"] += not entered and not blocked
        self.ends[_end(step.events)] += 1


@dataclass(slots=True)
class Quality:
    """What was measured."""

    fresh: Stream = field(default_factory=Stream)
    mutants: Stream = field(default_factory=Stream)
    idioms: Counter[str] = field(default_factory=Counter)  # that the fresh programs are made of
    # Of fresh programs without any idiom that is about refusals: their ops, and those that failed, by accident therefore.
    plain_ops: int = 0
    accidents: int = 0


def measure(runs: int, seed: int) -> Quality:
    """`runs` fresh programs and a mutant of each, on the reference. The same for the same arguments."""
    rng = random.Random(seed)
    target = get(CORE)
    quality = Quality()
    last: Program | None = None
    for _ in range(runs):
        program, idioms = composed(rng)
        outcome = target.run(program)
        quality.fresh.add(program, outcome)
        quality.idioms.update(idioms)
        if REFUSALS.isdisjoint(idioms):
            quality.plain_ops += len(outcome.steps)
            quality.accidents += sum(type(step.result) is str for step in outcome.steps)
        mutant = mutate(program, rng, last)
        quality.mutants.add(mutant, target.run(mutant))
        last = program
    return quality


def nearest(regions: Sequence[Region], opcode: int, size: int) -> tuple[str, int | str]:
    """What lies on the two sides of the region end that is nearest to an opcode, and how far behind it the opcode's first byte lies, or AWAY."""
    best: tuple[int, int, int] | None = None  # bytes between, index in _SIDES, distance
    for at, side in _ends(regions):
        distance = opcode - at
        between = distance if distance >= 0 else max(0, -distance - size)
        if between <= NEAR and (best is None or (between, side) < best[:2]):
            best = between, side, distance
    return (_SIDES[2], AWAY) if best is None else (_SIDES[best[1]], best[2])


def _ends(regions: Iterable[Region]) -> Iterable[tuple[int, int]]:
    """Each end of a region, with an index into _SIDES."""
    before: Region | None = None
    for region in regions:
        if before is not None and before.end == region.start and bool(before.attributes) != bool(region.attributes):
            yield region.start, 0 if region.attributes else 1
        else:
            yield region.start, 2
            if before is not None:
                yield before.end, 2
        before = region
    if before is not None:
        yield before.end, 2


def _class(result: Result) -> str:
    """An errno's name, or SUCCESS."""
    return result if isinstance(result, str) else SUCCESS


def _is_blocked(event: Event) -> bool:
    return event.reply is not None and event.reply.signal is not None and event.reply.signal.code == "ILL_ILLTRP"


def _end(events: Sequence[Event]) -> str:
    """How a run ended: done, exit, exec, limit, blocked, or the signal of a fault."""
    if not events:
        return "nothing"
    return "blocked" if _is_blocked(events[-1]) else events[-1].kind
