"""A harness: a script that runs the job of one target under libFuzzer's own command line, for fuzzing farms that expect that.

It takes all of libFuzzer's flags (`-runs=N`, `-merge=1`, `-fork=2`, corpus directories of programs in wire form, files to replay). Two
environment variables say what becomes of findings:

SYSFUZZ_FINDINGS  the directory that they are recorded in (build/findings)
SYSFUZZ_CRASH     if set and not empty, an input that shows a bug aborts the process after printing its buckets, so that whoever watches
                  sees a crash and keeps the input; otherwise the fuzzing goes on

An exception of the job is raised: here, nobody else would see it.
"""

import os
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


def main(target: str, factory: str = FACTORY, packages: Sequence[str] = (CORE,)) -> NoReturn:
    """Fuzz `target` as sys.argv says; libFuzzer ends the process."""
    _make_restartable()
    counters = CounterMap()
    Instrumentation(counters.slice(DOMAIN, CODE_COUNTERS), packages).install()
    findings = os.environ.get("SYSFUZZ_FINDINGS", "build/findings")
    job = load_factory(factory)({"target": target, "findings": findings}, counters)
    counters.register()
    run(_execute(job, crash=bool(os.environ.get("SYSFUZZ_CRASH"))), job.mutate, job.crossover, sys.argv)


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


def _execute(job: Job, *, crash: bool) -> Callable[[bytes], None]:
    def execute(data: bytes) -> None:
        buckets = job.execute(data)
        if buckets and crash:
            print("\n".join(["sysfuzz: this input shows", *buckets]), file=sys.stderr, flush=True)
            os.abort()

    return execute
