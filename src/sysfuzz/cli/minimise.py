"""`sysfuzz minimise`: the smallest program that shows the same bug.

Here the search meets the clock, the user and the disk: how long it may last, what is told of it, where its best is kept and its result goes. How
programs get smaller is the business of `sysfuzz.minimise`.
"""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from sysfuzz.cli.columns import counted
from sysfuzz.cli.duration import to_seconds
from sysfuzz.cli.errors import CLEAN, BadInput, EngineFault
from sysfuzz.cli.inputs import GivenPath, target_option
from sysfuzz.cli.minimise_predicate import Predicate, Sight, sights
from sysfuzz.cli.minimise_subject import Subject, choose
from sysfuzz.cli.output import STDOUT, check_writable, json_option, replace_text, say, write_json
from sysfuzz.cli.render import coloured
from sysfuzz.cli.triage_store import findings_option
from sysfuzz.engine.interrupt import stop_on_signals
from sysfuzz.engine.replay import REPLAYS
from sysfuzz.findings.reproducer import program_text, reproducer
from sysfuzz.minimise.passes import PASSES
from sysfuzz.minimise.search import Budget, Ending, Minimised, NothingShown, Step, minimise
from sysfuzz.program.ir import Program

_REWRITE = "\r\x1b[2K"  # to the start of the terminal's line, and nothing on it

_ENDINGS: dict[Ending, str] = {
    "minimal": "nothing smaller shows it",
    "executions": "out of executions; run again, it goes on",
    "seconds": "out of time; run again, it goes on",
    "stopped": "interrupted; run again, it goes on",
}


@click.command("minimise")
@click.argument("given", metavar="FINDING|FILE", type=GivenPath())
@target_option
@findings_option
@click.option("--executions", type=click.IntRange(min=1), metavar="N", help="Stop after so many executions.")
@click.option("--for", "seconds", callback=to_seconds, metavar="DURATION", help="Stop after so long: 30s, 5m, 1h.")
@click.option("-o", "output", metavar="FILE", type=GivenPath(), help="Write the smallest program to FILE, too.")
@json_option
def command(
    given: Path,
    target: str | None,
    directory: Path,
    executions: int | None,
    seconds: float | None,
    output: Path | None,
    json_file: str | None,
) -> int:
    """Make a program smaller for as long as it shows the same bucket, with no milder face, and no further bug; print it.

    FINDING is an id of 'sysfuzz triage list': its program.prog is replaced by the smallest program, once that has
    shown the bug in 10 of 10 replays; original.prog stays. The bucket of a FILE is what it says in '# bucket: B',
    else the worst that it shows; the file itself stays as it is.

    The best program so far is always on disk, in a hidden file of the finding's directory or beside FILE, and a run
    that was killed goes on from there. Other buckets that are met are recorded beside the finding; of a FILE they are
    named. Exit code 3 if the result does not repeat.

    \b
    --json writes {"target", "bucket", "oracle", "severity", "executions", "steps", "ending",
                   "before": {"ops", "code"}, "after": {"ops", "code"}, "program",
                   "others": [{"bucket", "oracle", "severity", "program"}]}
    with programs as text, "code" in bytes, and as "ending" one of minimal, executions, seconds, stopped.
    """
    check_writable(json_file)
    if output is not None and (output.is_dir() or not output.parent.is_dir()):
        raise BadInput(f"-o: {output}: {'Is a directory' if output.is_dir() else 'no such directory'}")
    subject = choose(given, target, directory, output)
    start = subject.kept() or subject.program
    subject.keep(start)  # where that cannot be written, no work is begun

    told = _Told(json_file)

    def meet(sight: Sight) -> None:
        face = f"{coloured(sight.severity)} {sight.bucket} ({sight.verdict.oracle})"
        told.say(", ".join(filter(None, (f"met on the way: {face}", subject.record(sight, datetime.now(UTC))))))

    def accept(step: Step) -> None:
        subject.keep(step.program)
        told.step(step)

    predicate = Predicate(subject.target, subject.bucket, subject.severity, subject.beside, str(subject.file), meet)
    with stop_on_signals() as stop:  # to the end: whoever interrupts the search wants what it has found
        told.say(f"{subject.file}: {subject.bucket} on {subject.target.name}: {_size(subject.program)}")
        if start != subject.program:
            told.say(f"going on where the last run ended: {_size(start)}")
        budget = Budget(executions, seconds)
        try:
            found = minimise(start, predicate, PASSES, budget, clock=time.monotonic, stop=stop, on_step=accept)
        except NothingShown:
            raise EngineFault(_once(subject)) from None
        sight = _face(subject, found.program)
        written = list(_write(subject, sight, output))

    told.say(f"\n{program_text(found.program)}")
    told.say(f"{_size(subject.program)} -> {_size(found.program)}")
    told.say(f"{counted(found.executions, 'execution')}, {counted(found.steps, 'step')}: {_ENDINGS[found.ending]}")
    for line in written:
        told.say(line)
    write_json(json_file, _report(subject, sight, found, predicate))
    if (
        subject.entry is not None or found.ending == "minimal"
    ):  # else there is no other place from which the next run could go on
        subject.finish()
    return CLEAN


def _face(subject: Subject, program: Program) -> Sight:
    """The bug as the smallest program shows it. Raises EngineFault if it does not any more."""
    for sight in sights(subject.target, program, str(subject.unfinished)):
        if sight.bucket == subject.bucket:
            return sight
    raise EngineFault(_once(subject))


def _once(subject: Subject) -> str:
    return f"{subject.unfinished}: showed {subject.bucket} on {subject.target.name}, and not again"


def _write(subject: Subject, sight: Sight, output: Path | None) -> Iterator[str]:
    """Write the smallest program to where it belongs; a line for each file. Raises EngineFault if the store's would not repeat."""
    if subject.entry is not None:
        shown, reason = subject.replays(sight)
        if shown < REPLAYS:
            why = f" ({reason})" if reason else ""
            raise EngineFault(f"{subject.unfinished}: shows the bug in {shown} of {REPLAYS} replays{why}; not stored")
        replaced = subject.replace(sight, datetime.now(UTC))
        yield f"{subject.file} {'is replaced' if replaced else 'stays as it is'}: {shown} of {REPLAYS} replays show the bug"
    if output is not None:
        replace_text(output, reproducer(sight.program, subject.target.name, subject.bucket, output))
        yield f"{output} is written"


def _report(subject: Subject, sight: Sight, found: Minimised, predicate: Predicate) -> dict[str, object]:
    return {
        "target": subject.target.name,
        "bucket": subject.bucket,
        "oracle": sight.verdict.oracle,
        "severity": sight.severity,
        "executions": found.executions,
        "steps": found.steps,
        "ending": found.ending,
        "before": _numbers(subject.program),
        "after": _numbers(found.program),
        "program": program_text(found.program),
        "others": [
            {
                "bucket": other.bucket,
                "oracle": other.verdict.oracle,
                "severity": other.severity,
                "program": program_text(other.program),
            }
            for other in predicate.others.values()
        ],
    }


def _numbers(program: Program) -> dict[str, int]:
    code = sum(len(arg) for op in program.ops for arg in op.args if isinstance(arg, bytes))
    return {"ops": len(program.ops), "code": code}


def _size(program: Program) -> str:
    numbers = _numbers(program)
    return f"{counted(numbers['ops'], 'op')}, {counted(numbers['code'], 'byte')} of code"


class _Told:
    """What is told as the search goes on: a line that changes on a terminal, elsewhere a line whenever another pass succeeds."""

    def __init__(self, json_file: str | None) -> None:
        self._json_file = json_file
        self._stderr = json_file == STDOUT
        self._terminal = (sys.stderr if self._stderr else sys.stdout).isatty()
        self._before = ""  # what takes the changing line away
        self._by = ""

    def say(self, text: str) -> None:
        """Print something that stays."""
        say(self._before + text, self._json_file)
        self._before = ""

    def step(self, step: Step) -> None:
        """Show how far the search has come."""
        text = f"  {step.by}: {_size(step.program)} after {counted(step.executions, 'execution')}"
        if self._terminal:
            click.echo(_REWRITE + text, nl=False, err=self._stderr)
            self._before = _REWRITE
        elif step.by != self._by:
            self._by = step.by
            self.say(text)
