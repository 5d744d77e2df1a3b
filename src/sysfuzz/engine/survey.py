"""The survey: which features each program of a corpus shows, told by a process of its own.

The branches of a core are features only where the core was instrumented before its first import, so the programs go to
`python -m sysfuzz.engine.survey`, which answers with the counters that each has set, or with the names of its features, which mean the same in
every process. Nothing is judged there, and nothing recorded.
"""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from sysfuzz.engine.lifeline import die_with
from sysfuzz.engine.process import EngineError
from sysfuzz.engine.settings import CODE_COUNTERS, CORE
from sysfuzz.feedback.counters import MAP_SIZE, CounterMap
from sysfuzz.feedback.distil import Shown
from sysfuzz.feedback.instrument import DOMAIN, Instrumentation, Point

_LAST_WORDS = 300  # characters of what a process that failed has said
# How much larger the slices are where features are named: in one that is full, names would be wrong, and the corpus of a campaign shows
# more features than any worker meets.
_ROOM = 16

Named = Mapping[str, Sequence[str]]  # the features of one program, by domain and name


def packages_of(target: str) -> tuple[str, ...]:
    """The packages whose branches count for a target: the built-in core, and that of a core of the user's own."""
    module, colon, _ = target.partition(":")
    package = module.partition(".")[0]
    return (CORE, package) if colon and package != "sysfuzz" else (CORE,)


def survey(target: str, packages: Sequence[str], inputs: Sequence[bytes]) -> list[Shown]:
    """The features of each input on the target with this name, `packages` being instrumented. EngineError: an input ends the process."""
    rows, words = _ask(target, packages, inputs, named=False, seconds=None)
    if len(rows) != len(inputs):
        raise EngineError(f"the survey of {len(inputs)} inputs failed, {words}")
    return [{domain: frozenset(features) for domain, features in row.items()} for row in rows]


def survey_names(
    target: str, packages: Sequence[str], inputs: Sequence[bytes], seconds: float
) -> tuple[list[Named], str]:
    """As `survey`, but features by name, and for a core that may be another than the one that the inputs come from.

    If an input ends the process, or no end comes within `seconds`, there are fewer answers than inputs: that input is the first one without,
    and the text says what happened. EngineError: the process cannot start.
    """
    rows, words = _ask(target, packages, inputs, named=True, seconds=seconds)
    if not rows:
        raise EngineError(f"the survey of {len(inputs)} inputs failed, {words}")
    return list[Named](rows[1:]), words


def _ask(
    target: str, packages: Sequence[str], inputs: Sequence[bytes], *, named: bool, seconds: float | None
) -> tuple[list[dict[str, list[Any]]], str]:
    """The answers of a process, and how it ended."""
    question = {
        "parent": os.getpid(),
        "target": target,
        "packages": list(packages),
        "inputs": [data.hex() for data in inputs],
        "named": named,
    }
    # As a worker: it imports what this process can import, and its hashes are not random.
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        "PYTHONHASHSEED": "0",
    }
    with subprocess.Popen(
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # Ctrl-C in the terminal is the parent's to handle
    ) as process:
        try:
            answer, errors = process.communicate(json.dumps(question).encode(), seconds)
            end = f"exit status {process.returncode}"
        except subprocess.TimeoutExpired as error:
            answer, errors, end = error.output or b"", error.stderr or b"", f"no end within {seconds:g} s"
        finally:
            process.kill()
    rows = [json.loads(line) for line in answer.splitlines(keepends=True) if line.endswith(b"\n")]
    return rows, f"{end}\n{errors.decode(errors='replace').strip()[-_LAST_WORDS:]}"


# -- the process ------------------------------------------------------------------------------------------------------


def main() -> None:
    """Answer the question on standard input: a line for each input, its features by domain; where they are named, an empty one before all."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the core prints is no answer
    question = json.load(sys.stdin)
    die_with(question["parent"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to handle; a KeyboardInterrupt is the core's
    named: bool = question["named"]
    room = _ROOM if named else 1
    counters = CounterMap(MAP_SIZE * room)
    code = counters.slice(DOMAIN, CODE_COUNTERS * room)
    instrumentation = Instrumentation(code, question["packages"])
    instrumentation.install()
    # By name, and only now: these import the core. The branches of a module are counted here.
    table = import_module("sysfuzz.targets.table")
    target = table.get(question["target"], contained=table.is_library(question["target"]))
    features = import_module("sysfuzz.feedback.features").Features(counters, room=room)
    decode = import_module("sysfuzz.program.wire").decode
    if named:
        print("{}", file=answers, flush=True)
    for data in map(bytes.fromhex, question["inputs"]):
        program = decode(data)
        counters.clear()
        features.mark(program, target.run(program))
        if named:
            branches = sorted(
                name for name, counter in zip(_names(instrumentation.points), code, strict=False) if counter
            )
            print(json.dumps({DOMAIN: branches, **features.names()}), file=answers, flush=True)
        else:
            print(json.dumps(counters.shown()), file=answers)
    answers.close()


def _names(points: Sequence[Point]) -> Iterator[str]:
    """`module:line` for each mark; where a line has several, those after the first are `module:line#2` and so on."""
    lines: Counter[Point] = Counter()
    for point in points:
        lines[point] += 1
        again = lines[point]
        yield f"{point.module}:{point.line}{f'#{again}' if again > 1 else ''}"


if __name__ == "__main__":
    main()
