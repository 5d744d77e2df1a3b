"""A trial: the full engine on the core with one mutant in it, from nothing, until an oracle has something to say or the budget is used up.

For a child of a process that has imported no core: the core is imported here, with the mutant. The reference goes the same way, with the
lines that it reaches noted. Up to its first difference a mutant's run is the reference's, so that a mutant whose statement the reference does
not reach within the same budget and seed is not killed within it: it need not be run.
"""

import signal
import time
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from sysfuzz.bench.mutants.core import MutantImport
from sysfuzz.bench.mutants.listing import Mutant
from sysfuzz.bench.nursery import Report, Warm
from sysfuzz.engine.settings import CODE_COUNTERS, CORE

# Seconds of processor time for one execution. Of 15,000 of the reference the longest took 0.02 s.
EXECUTION_SECONDS = 1.0

_TARGET = "nosyscalls"
_ENGINE = "full"


class Effort(NamedTuple):
    """What each mutant is given."""

    seed: int
    runs: int  # executions


def run(mutant: Mutant | None, effort: Effort, report: Report) -> NoReturn:
    """Run it to its end in this process, which has imported no core, and report.

    "end": "killed" with the oracle and the bucket; "survived"; "fault", if all that went wrong did so in the fuzzer and no oracle said anything;
    "import", if the core cannot be imported. The reference reports the lines that were "reached", too. An execution that takes more than
    EXECUTION_SECONDS ends the process with SIGPROF.
    """
    started = time.monotonic()

    def leave(end: str, executions: int = 0, **more: object) -> NoReturn:
        report({"end": end, "executions": executions, "seconds": round(time.monotonic() - started, 3), **more})

    hook = MutantImport(bytearray(CODE_COUNTERS), (CORE,), mutant)
    hook.install()
    try:
        from sysfuzz.bench.engines import ENGINES, build
        from sysfuzz.targets.table import get
    except Exception as error:
        if mutant is None or not hook.applied:
            raise
        leave("import", detail=type(error).__name__)
    hook.remove()
    if mutant is not None and not hook.applied:
        raise AssertionError(f"{mutant.file} is not imported")
    target = get(_TARGET)
    bench = build(ENGINES[_ENGINE], Warm(hook), target, effort.seed)
    executions = 0
    fault = ""

    def execute(data: bytes) -> None:
        nonlocal executions, fault
        signal.setitimer(signal.ITIMER_PROF, EXECUTION_SECONDS)
        executions += 1
        try:
            shown = bench.job.execute(data)
            if shown:
                leave("killed", executions, bucket=shown[0], **_worst(data, shown[0]))
        except Exception as error:
            if mutant is None:
                raise
            fault = fault or type(error).__name__
            bench.counters.clear()  # as a worker does (engine/guard.py)
        if executions >= effort.runs:
            more: Mapping[str, object] = {"reached": hook.reached()} if mutant is None else {"detail": fault}
            leave("fault" if fault else "survived", executions, **more)

    def _worst(data: bytes, bucket: str) -> Mapping[str, object]:
        """The oracle, which is asked once more: what does not repeat is told as such."""
        from sysfuzz.findings.bucket import group
        from sysfuzz.oracles import judge
        from sysfuzz.program.wire import decode

        program = decode(data)
        again = group(judge(program, target.run(program), target.promise)).get(bucket)
        return {"oracle": again[0].oracle if again else "unrepeated"}

    ENGINES[_ENGINE].drive(bench, execute)
