"""The questions of the conformance kit, asked in a process of their own: a core may print, fork, hang and die there.

The parent starts `python -m sysfuzz.cli.doctor_runs` and reads one answer a line, each within a time limit. When an answer does not come, the
question is at fault, and a new process goes on behind it. What is asked is decided in `targets.conformance`, what is told in `doctor_target`.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from sysfuzz.cli import trial
from sysfuzz.cli.errors import BadInput, one_line
from sysfuzz.engine.lifeline import die_with
from sysfuzz.kernel.protocol import Boot, Core, Memory
from sysfuzz.program.ir import Mode
from sysfuzz.targets import conformance
from sysfuzz.targets.conformance import PROGRAMS, REFERENCE, Answers, Declared, Fact, Result, Wrong
from sysfuzz.targets.methods import Method, methods
from sysfuzz.targets.table import TargetError, get, is_library

START_SECONDS = trial.SECONDS  # to import sysfuzz and the core: some 0.3 s are usual
SECONDS = 5.0  # for one answer: the slowest golden program takes the reference 4 ms
LOST = 10  # processes; a core that takes more of them along is no core, and every one that hangs costs SECONDS
_POLL = 0.1  # seconds between looks whether the process has ended: one that it has forked may hold the pipe open


class Examination(NamedTuple):
    """What has been answered."""

    declared: Declared
    methods: tuple[Method, ...]  # (): they cannot be asked of this kind of target
    results: tuple[tuple[Fact, Result], ...]  # of the programs of the design that the core is one of
    left_out: tuple[Fact, ...]  # those that need calls it says it does not have
    others: tuple[Result, ...]  # of the reference's programs, if that is another design
    unasked: int  # programs: too many processes were lost before them


class _Questions(NamedTuple):
    """In the order in which they are asked."""

    asked: tuple[Fact, ...]
    left_out: tuple[Fact, ...]
    others: tuple[Fact, ...]


def questions(facts: list[Fact], declared: Declared) -> _Questions:
    """Which programs are asked of a core that says this about itself."""
    own = [fact for fact in facts if fact.design == declared.promise]
    others = [fact for fact in facts if fact.design == REFERENCE != declared.promise]
    out = {fact.name for fact in own + others if conformance.needs(fact.golden) & declared.unsupported}
    return _Questions(
        tuple(fact for fact in own if fact.name not in out),
        tuple(fact for fact in own if fact.name in out),
        tuple(fact for fact in others if fact.name not in out),
    )


def examine(name: str, programs: Path = PROGRAMS, seconds: float = SECONDS) -> Examination:
    """Ask the target called `name` everything. Raises BadInput if there is no such target, or it cannot be imported."""
    facts = conformance.facts(programs)
    process = _Process(name, programs, 0)
    try:
        declared = _declared(name, process.answer(START_SECONDS), process)
        asked = questions(facts, declared)
        names = [fact.name for fact in asked.asked + asked.others]
        answers: list[Mapping[str, object]] = []
        lost = 0
        while len(answers) <= len(names) and lost < LOST:  # one more: the methods are asked first
            answer = process.answer(seconds)
            if answer is not None:
                answers.append(answer)
                continue
            answers.append({"lost": process.reason(seconds)})
            lost += 1
            process.end()
            process = _Process(name, programs, len(answers))
            if process.answer(START_SECONDS) is None:  # what it says about itself is known
                break
    finally:
        process.end()
    results = [_result(*pair) for pair in zip(names, answers[1:], strict=False)]
    count = len(asked.asked)
    return Examination(
        declared,
        _methods(answers[0]),
        tuple(zip(asked.asked, results, strict=False)),
        asked.left_out,
        tuple(results[count:]),
        len(names) - len(results),
    )


def _declared(name: str, answer: Mapping[str, object] | None, process: "_Process") -> Declared:
    if answer is None:
        raise BadInput(f"--target: target {name!r}: {process.reason(START_SECONDS)} while it is imported")
    if "unusable" in answer:
        raise BadInput(f"--target: {answer['unusable']}")
    return Declared(str(answer["promise"]), frozenset(map(str, _list(answer["unsupported"]))))


def _methods(answer: Mapping[str, object]) -> tuple[Method, ...]:
    if "lost" in answer:
        return (Method("boot(mode, memory)", "a core whose methods answer", str(answer["lost"])),)
    return tuple(Method(*map(str, _list(row))) for row in _list(answer["methods"]))


def _result(name: str, answer: Mapping[str, object]) -> Result:
    if "lost" in answer:
        return Result(name, Wrong(0, "run", "an end", str(answer["lost"])))
    wrong, calls = answer["wrong"], answer["answers"]
    assert isinstance(calls, dict)
    answers = {call: Answers(*counts) for call, counts in calls.items()}
    return Result(name, Wrong(*_list(wrong)) if wrong else None, answers)


def _list(value: object) -> list[Any]:
    assert isinstance(value, list), "as `main` writes it"
    return value


class _Process:
    """A process that answers the questions from number `first` on."""

    def __init__(self, target: str, programs: Path, first: int) -> None:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
            "PYTHONHASHSEED": "0",
        }
        self._buffer = b""
        self._timed_out = False
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "sysfuzz.cli.doctor_runs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # its own group, so that what it forks ends with it
        )
        question = {"parent": os.getpid(), "target": target, "programs": str(programs), "first": first}
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as stdin:
            stdin.write(json.dumps(question).encode())

    def answer(self, seconds: float) -> Mapping[str, object] | None:
        """The next answer, or None if none comes in time or the process has ended. Lines that are none are the core's."""
        deadline = time.monotonic() + seconds
        while (line := self._line(deadline)) is not None:
            with suppress(ValueError):
                answer = json.loads(line)
                if isinstance(answer, dict):
                    return answer
        return None

    def _line(self, deadline: float) -> bytes | None:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        while b"\n" not in self._buffer:
            ended = self._process.poll() is not None
            if select.select([pipe], [], [], 0 if ended else _POLL)[0]:
                data = os.read(pipe, 1 << 16)
                if not data:
                    return None
                self._buffer += data
            elif ended:
                return None
            elif time.monotonic() > deadline:
                self._timed_out = True
                return None
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def reason(self, seconds: float) -> str:
        """Why there was no answer."""
        if self._timed_out:
            return f"no end within {seconds:g} s"
        status = self._process.wait()
        if status < 0:
            return f"the process was killed by {signal.Signals(-status).name}"
        return f"the process ended with status {status}"

    def end(self) -> None:
        """Kill the process, and all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


# -- the process ------------------------------------------------------------------------------------------------------


def _answers(name: str, programs: Path, first: int) -> Iterator[Mapping[str, object]]:
    """What the target says about itself, or why it cannot be used; then the answers from number `first` on."""
    try:
        # A module has this process to itself, and its methods are asked here.
        target = get(name, contained=is_library(name))
        declared = conformance.declared(target)
    except TargetError as error:
        yield {"unusable": one_line(error)}
        return
    except (SystemExit, KeyboardInterrupt) as error:
        yield {"unusable": one_line(f"target {name!r}: {type(error).__name__}: {error}")}
        return
    yield {"promise": declared.promise, "unsupported": sorted(declared.unsupported)}
    if first == 0:
        boot = conformance.own_boot(name)
        yield {"methods": methods(_alone(boot), declared.unsupported) if boot else []}
    asked = questions(conformance.facts(programs), declared)
    for fact in (asked.asked + asked.others)[max(first - 1, 0) :]:
        yield conformance.examine(target, fact)._asdict()


def _alone(boot: Boot) -> Boot:
    """The same, for one process: a core that forks when it boots would double them with each method that is asked."""
    myself = os.getpid()

    def booted(mode: Mode, memory: Memory) -> Core:
        core = boot(mode, memory)
        if os.getpid() != myself:
            os._exit(0)
        return core

    return booted


def main() -> NoReturn:
    """Answer the questions. Leaves at once: what the core has started is not waited for."""
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the core prints is no answer
    question = json.load(sys.stdin)
    die_with(question["parent"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to handle; a KeyboardInterrupt is the core's
    myself = os.getpid()
    for answer in _answers(question["target"], Path(question["programs"]), question["first"]):
        if os.getpid() != myself:  # forked by the core
            break
        # Behind a newline: the core may have written there, too.
        os.write(answers, b"\n" + json.dumps(answer).encode() + b"\n")
    os._exit(0)


if __name__ == "__main__":
    main()
