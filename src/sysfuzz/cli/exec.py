"""`sysfuzz exec`: run one program and show everything that was seen."""

from functools import partial
from pathlib import Path

import click

from sysfuzz.cli import as_json, render
from sysfuzz.cli.columns import counted
from sysfuzz.cli.errors import CLEAN, FOUND
from sysfuzz.cli.inputs import GivenPath, choose_target, open_target, read_program, target_option
from sysfuzz.cli.output import check_writable, json_option, say, write_json
from sysfuzz.cli.running import located, run
from sysfuzz.findings.severity import is_bug, severity_of


@click.command("exec")
@click.argument("file", type=GivenPath())
@target_option
@click.option("--trace", is_flag=True, help="Also print what the map did, and the CPU's truth about each attempt.")
@json_option
def command(file: Path, target: str | None, trace: bool, json_file: str | None) -> int:
    """Run one program; print each op with its result, the events, the map, and the verdicts of the oracles.

    Exit code 1 if there is a verdict that is not by design.

    \b
    --json writes, with addresses and values as in program text:
      {"target",
       "ops": [{"op", "result", "events":
         [{"kind", "addr", "instruction", "call", "args", "result", "code", "handled"}]}],
       "map": [{"pid", "marked", "regions":
         [{"start", "end", "prot", "maxprot", "inherit", "advice", "wired", "attributes"}],
         "guard": [[NUMBER]]}],
       "panic": null or {"reason", "where", "exception"},
       "verdicts": [{"oracle", "op", "expected", "actual", "cause", "bucket", "severity"}]}
    An event has "call", "args" and "result" if the call was dispatched, "code" and "handled" if a signal was
    delivered, and only its kind if the run ended. The rows of a guard mean what the target's design says: of syscallemu
    [start, end], of msyscall [1] once a range is named, of pinsyscalls [base, length, offset by number ...], of sud [lwp,
    mode, offset, length, selector], of seccomp-ip [lwp, start, end]; the designs with attributes alone have none.
    """
    check_writable(json_file)
    source = read_program(file)
    runner = open_target(choose_target(target, source))
    program = source.program
    outcome, verdicts = run(runner, source)

    with located(runner, source):
        lines = list(render.report(program, outcome, verdicts, trace, runner.promise.name))
        record = as_json.run(runner.name, program, outcome, verdicts)
    show = partial(say, json_file=json_file)
    show(f"{file}: {counted(len(program.ops), 'op')} on {runner.name} ({program.mode}, {program.vendor})\n")
    for line in lines:
        show(line)
    write_json(json_file, record)
    return FOUND if any(is_bug(severity_of(verdict.oracle)) for verdict in verdicts) else CLEAN
