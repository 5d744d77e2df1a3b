"""The survey: which features each program of a corpus shows, told by a process of its own.

The branches of a core are features only where the core was instrumented before its first import, so the programs go to
`python -m sysfuzz.engine.survey`, which answers with the counters that each has set. Nothing is judged there, and nothing recorded.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module

from sysfuzz.engine.lifeline import die_with
from sysfuzz.engine.process import EngineError
from sysfuzz.engine.settings import CODE_COUNTERS, CORE
from sysfuzz.feedback.counters import CounterMap
from sysfuzz.feedback.distil import Shown
from sysfuzz.feedback.instrument import DOMAIN, Instrumentation

_LAST_WORDS = 300  # characters of what a process that failed has said


def packages_of(target: str) -> tuple[str, ...]:
    """The packages whose branches count for a target: the built-in core, and that of a core of the user's own."""
    module, colon, _ = target.partition(":")
    package = module.partition(".")[0]
    return (CORE, package) if colon and package != "sysfuzz" else (CORE,)


def survey(target: str, packages: Sequence[str], inputs: Sequence[bytes]) -> list[Shown]:
    """The features of each input on the target with this name, `packages` being instrumented. EngineError: an input ends the process."""
    question = {
        "parent": os.getpid(),
        "target": target,
        "packages": list(packages),
        "inputs": [data.hex() for data in inputs],
    }
    # As a worker: it imports what this process can import, and its hashes are not random.
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        "PYTHONHASHSEED": "0",
    }
    done = subprocess.run(
        [sys.executable, "-P", "-m", __name__],
        input=json.dumps(question).encode(),
        capture_output=True,
        env=environment,
        check=False,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else []
    if len(rows) != len(inputs):
        words = done.stderr.decode(errors="replace").strip()[-_LAST_WORDS:]
        raise EngineError(f"the survey of {len(inputs)} inputs failed, exit status {done.returncode}\n{words}")
    return [{domain: frozenset(features) for domain, features in row.items()} for row in rows]


def main() -> None:
    """Answer the question on standard input: a line for each input, its features by domain."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the core prints is no answer
    question = json.load(sys.stdin)
    die_with(question["parent"])
    counters = CounterMap()
    Instrumentation(counters.slice(DOMAIN, CODE_COUNTERS), question["packages"]).install()
    # By name, and only now: these import the core.
    target = import_module("sysfuzz.targets.table").get(question["target"])
    features = import_module("sysfuzz.feedback.features").Features(counters)
    decode = import_module("sysfuzz.program.wire").decode
    for data in map(bytes.fromhex, question["inputs"]):
        program = decode(data)
        counters.clear()
        features.mark(program, target.run(program))
        print(json.dumps(counters.shown()), file=answers)
    answers.close()


if __name__ == "__main__":
    main()
