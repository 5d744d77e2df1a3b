"""Replays in a fresh process: whether a program shows a bucket again where nothing of the run that found it is left.

The worker that met a bug has run thousands of programs on one core, instrumented, with hashes that are not random. What shows itself there and
nowhere else (memory of an earlier program, an order of hashes, a number drawn at import) is a fault of ours or of the core's author, never a
finding. So the question goes to `python -m sysfuzz.engine.replay`, an interpreter of its own with other hashes, and each replay there
follows another program, so that what a core carries over from one program to the next does not repeat either.

Whatever the process does that is not the answer, to die, to hang, to talk nonsense, counts as not shown, and is told. What becomes of a
program that does not repeat is the job's business.
"""

import json
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from sysfuzz.engine.lifeline import die_with
from sysfuzz.findings.bucket import group, one_line
from sysfuzz.oracles import judge
from sysfuzz.program.ir import Program
from sysfuzz.program.text import format_program, parse
from sysfuzz.targets.contained import WALL_SECONDS, cpu_seconds
from sysfuzz.targets.table import Target, get, is_own

REPLAYS = 10  # a finding must show itself in all of them
# For all replays, start included: some 0.3 s are usual, and the engine takes a worker that stands still for 30 s to be hanging.
SECONDS = 20.0

# A core of the user's own that hangs has panicked, for which a replay has to wait: in the program itself, and in what runs before it.
_HANGS = 2

_SHOWN, _NOT_SHOWN = "shown", "not shown"
_FAILED = "failed: "


class Replayed(NamedTuple):
    """How often a bucket showed itself; `reason` says why it was not asked as often as it should, "" if it was."""

    shown: int
    reason: str = ""


# (program, bucket, oracle) -> how often, of REPLAYS.
Replay = Callable[[Program, str, str], Replayed]


def fresh(target: str) -> Replay:
    """The replays of programs on the target with this name, each time in a fresh process."""
    return lambda program, bucket, oracle: replays(target, program, bucket, oracle)


def replays(
    target: str, program: Program, bucket: str, oracle: str, times: int = REPLAYS, seconds: float | None = None
) -> Replayed:
    """Run `program` `times` times on `target` in one fresh process, and count the runs in which `oracle` shows `bucket`.

    Replays that are not answered within `seconds`, all together, are not shown. OSError: no process can be started.
    """
    if seconds is None:
        seconds = SECONDS + (times * _HANGS * (cpu_seconds(program) + WALL_SECONDS) if is_own(target) else 0)
    text = format_program(program)
    question = {
        "parent": os.getpid(),
        "target": target,
        "program": text,
        "bucket": bucket,
        "oracle": oracle,
        "times": times,
    }
    # It imports what this process can import. Its hashes are any but ours, and the same whenever this program is replayed.
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        "PYTHONHASHSEED": str(zlib.crc32(text.encode()) | 1),
    }
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "sysfuzz.engine.replay"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # Ctrl-C in the terminal is the parent's to handle
    ) as process:
        try:
            answer, _ = process.communicate(json.dumps(question).encode(), seconds)
            reason = _end(process.returncode)
        except subprocess.TimeoutExpired as error:
            answer, reason = error.output or b"", f"no end within {seconds:g} s"
        finally:
            process.kill()
    return _count(answer.decode(errors="replace").splitlines(), times, reason)


def _end(status: int) -> str:
    """How the process has ended, if not well."""
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}" if status else ""


def _count(answers: list[str], times: int, reason: str) -> Replayed:
    """The result of the process's answers, one a line, of which `times` are due, and its end."""
    shown = 0
    for answer in answers[:times]:
        if answer not in (_SHOWN, _NOT_SHOWN):
            told = answer.removeprefix(_FAILED) if answer.startswith(_FAILED) else f"answered {answer[:80]!r}"
            return Replayed(shown, told)
        shown += answer == _SHOWN
    if len(answers) != times:
        return Replayed(shown, reason or f"{len(answers)} answers")
    return Replayed(shown, reason)


# -- the process ------------------------------------------------------------------------------------------------------


def _answers_only() -> int:
    """The standard output for answers alone: what the core prints goes where its errors go."""
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _shows(runner: Target, program: Program, bucket: str, oracle: str, other: Program) -> bool:
    runner.run(other)
    verdicts = group(judge(program, runner.run(program), runner.promise)).get(bucket, ())
    return any(verdict.oracle == oracle for verdict in verdicts)


def main() -> NoReturn:
    """Answer the question on standard input, one line a replay. Leaves at once: what the core has started is not waited for."""
    answers = _answers_only()
    question = json.load(sys.stdin)
    die_with(question["parent"])
    program = parse(question["program"]).program
    name: str = question["target"]
    runner: Target | None = None
    for number in range(question["times"]):
        ops = program.ops[: number % (len(program.ops) + 1)]
        other = Program(program.mode, program.vendor, program.regs, ops)
        try:
            # A module keeps its state from target to target, unless each has a process of its own; nothing else is meant to keep any.
            if runner is None or ":" not in name:
                runner = get(name)
            shows = _shows(runner, program, question["bucket"], question["oracle"], other)
        except (Exception, SystemExit) as error:
            os.write(answers, f"{_FAILED}{one_line(f'{type(error).__name__}: {error}')}\n".encode())
            os._exit(0)
        os.write(answers, f"{_SHOWN if shows else _NOT_SHOWN}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    main()
