"""A harness: a script that runs the job of one target under libFuzzer's own command line, for fuzzing farms that expect that.

It takes all of libFuzzer's flags (`-runs=N`, `-merge=1`, `-fork=2`, corpus directories of programs in wire form, files to replay). Two
environment variables say what becomes of findings:

SYSFUZZ_FINDINGS  the directory that they are recorded in (build/findings)
SYSFUZZ_CRASH     if set and not empty, an input that shows a bug aborts the process after printing its buckets, so that whoever watches
                  sees a crash and keeps the input; otherwise the fuzzing goes on. "new" leaves out what the design is known for, or
                  documents: every input that a farm keeps is then worth a look

A harness may be packaged with its interpreter into one executable, as OSS-Fuzz does. Nobody sets variables for it there, so it crashes
on what is new, and records nothing.

An exception of the job is raised: here, nobody else would see it.
"""

import os
import runpy
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from sysfuzz.engine.driver import Job, load_factory, run
from sysfuzz.engine.settings import CODE_COUNTERS, CORE, FACTORY
from sysfuzz.feedback.counters import CounterMap
from sysfuzz.feedback.instrument import DOMAIN, Instrumentation

__all__ = ["CORE", "FACTORY", "main"]

_NEW = "new"

# Buckets of one input -> those to crash for.
_Choose = Callable[[Sequence[str]], Sequence[str]]


def main(target: str, factory: str = FACTORY, packages: Sequence[str] = (CORE,)) -> NoReturn:
    """Fuzz `target` as sys.argv says; libFuzzer ends the process."""
    packaged = bool(getattr(sys, "frozen", False))
    if packaged:
        _stand_in()
    _make_restartable()
    counters = CounterMap()
    Instrumentation(counters.slice(DOMAIN, CODE_COUNTERS), packages).install()
    findings = os.environ.get("SYSFUZZ_FINDINGS") or (None if packaged else "build/findings")
    job = load_factory(factory)({"target": target, **({"findings": findings} if findings else {})}, counters)
    counters.register()
    choose = _choice(target, os.environ.get("SYSFUZZ_CRASH", _NEW if packaged else ""))
    run(_execute(job, choose), job.mutate, job.crossover, sys.argv)


def _stand_in() -> None:
    """Be the interpreter that `sys.executable` names if somebody asks for one, as the job does to replay what it has found.

    In a package that is the package itself: `python -P -m MODULE` starts this script again.
    """
    if sys.argv[1:3] == ["-P", "-m"] and len(sys.argv) == 4:
        runpy.run_module(sys.argv[3], run_name="__main__", alter_sys=True)
        sys.exit()


def _make_restartable() -> None:
    """See to it that libFuzzer can start this script again, which -merge, -fork, -jobs and -minimize_crash do.

    They have the shell run argv[0], and -merge does not even notice when that fails. So argv[0] becomes a path, quoted, and the
    interpreter that runs now the first one that `#!/usr/bin/env python3` finds.
    """
    script = Path(sys.argv[0]).resolve()
    if not os.access(script, os.X_OK):
        raise SystemExit(f"{script}: not executable, so libFuzzer could not start it again; chmod +x it")
    sys.argv[0] = shlex.quote(str(script))
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def _choice(target: str, crash: str) -> _Choose:
    """What SYSFUZZ_CRASH means for a target."""
    if not crash:
        return lambda buckets: ()
    if crash != _NEW:
        return lambda buckets: buckets
    # Only now: the core may be instrumented no more once it is imported.
    from sysfuzz.targets.table import DESIGNS

    design = DESIGNS.get(target)
    if design is None:  # nothing is known of a core of the user's own
        return lambda buckets: buckets
    return lambda buckets: [
        bucket for bucket in buckets if not design.weakness(bucket) and not design.promise.citation(bucket)
    ]


def _execute(job: Job, choose: _Choose) -> Callable[[bytes], None]:
    def execute(data: bytes) -> None:
        buckets = choose(job.execute(data))
        if buckets:
            print("\n".join(["sysfuzz: this input shows", *buckets]), file=sys.stderr, flush=True)
            os.abort()

    return execute
