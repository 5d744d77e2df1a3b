"""What an epoch is made of: job, corpus, seed, budget and limits, as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

FACTORY = "sysfuzz.engine.job:create"  # the job that fuzzes targets
CORE = "sysfuzz.kernel"  # the package of the built-in core
HANG_SECONDS = 30.0
# A core in C that computes without end is stopped by its CPU time. This is for one that sleeps, and each time that it does is lost.
NATIVE_HANG_SECONDS = 10.0
CODE_COUNTERS = 2048  # for a core's branches; the built-in one has 560, a user's own may be larger


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochSettings:
    """Without `runs` and `seconds` the epoch lasts until it is stopped; with both, whichever is reached first ends it."""

    factory: str  # "module:attribute" of a driver.JobFactory
    job: Mapping[str, object] = field(
        default_factory=dict
    )  # its settings, as JSON can hold them; "seed" and "worker" are added
    packages: tuple[str, ...] = ()  # modules of the core, to be instrumented for coverage
    code_counters: int = CODE_COUNTERS  # for their branches
    inputs: tuple[bytes, ...] = ()  # the corpus
    quarantine: frozenset[bytes] = frozenset()  # inputs that are never executed
    seed: int = 1  # of the first worker; the next has seed + 1
    workers: int = 1
    runs: int | None = None  # executions of all workers together
    seconds: float | None = None
    max_len: int = 4096  # of an input; longer ones of the corpus are cut
    hang_seconds: float = HANG_SECONDS  # without progress: the worker is killed
    max_restarts: int = 8  # of one worker: if more inputs than this kill it, the cause is not the inputs
    rss_limit_mb: int = 2048  # of one worker
    flags: tuple[str, ...] = ()  # further flags of libFuzzer
    # The job runs code of the user's, so that a worker that dies of an input has died of that code: no engine fault, but something for the job
    # of the next worker to examine. Any number of inputs may do so, and a lane gives up only when workers get nowhere.
    own: bool = False
    sources: str = ""  # directory of a compiled copy of this package (accelerator.py), which workers import instead

    def validate(self) -> "EpochSettings":
        """Return self, or raise ValueError that names the field that is out of range."""
        for name, value, least in (
            ("seed", self.seed, 0),
            ("workers", self.workers, 1),
            ("runs", self.runs, 1),
            ("max_len", self.max_len, 1),
            ("max_restarts", self.max_restarts, 0),
            ("rss_limit_mb", self.rss_limit_mb, 1),
        ):
            if value is not None and value < least:
                raise ValueError(f"{name} = {value}; supported: {least} or more")
        for name, duration in (("seconds", self.seconds), ("hang_seconds", self.hang_seconds)):
            if duration is not None and not duration > 0:
                raise ValueError(f"{name} = {duration}; supported: more than 0")
        return self
