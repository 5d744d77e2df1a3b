"""The command `sysfuzz`: its verbs, and one way out for all of them.

A verb returns its exit code; whatever it raises becomes one line on standard error. Each verb is a file of its own.
"""

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from sysfuzz import __version__
from sysfuzz.cli import errors
from sysfuzz.program.lexer import unknown

# A verb's module is imported when it is asked for: `doctor` must run where a package is missing, and help need not wait for the emulator.
_VERBS = {
    "fuzz": "Fuzz a target and record what is found.",
    "exec": "Run one program and show everything that is seen.",
    "check": "Compare programs with what they say that they yield.",
    "minimise": "Make a program smaller that shows a bug.",
    "triage": "Look through findings.",
    "regress": "Write a regression test made of a finding.",
    "report": "Report findings, for people and for CI systems.",
    "ci": "Check a change: fail only for bugs that are new.",
    "targets": "List what can be fuzzed.",
    "compare": "Show what each design makes of the known ways out.",
    "fmt": "Print programs in canonical form.",
    "corpus": "Look after a corpus.",
    "campaign": "Fuzz for days: many workers, one directory.",
    "dashboard": "Show a campaign in a browser.",
    "bench": "Measure sysfuzz itself.",
    "accelerate": "Compile sysfuzz, to fuzz faster.",
    "doctor": "Check the installation.",
}

_INTERRUPTED = 130  # 128 + SIGINT, as shells count
_BROKEN_PIPE = 141  # 128 + SIGPIPE
_TRACEBACK = "SYSFUZZ_TRACEBACK"


class _Verbs(click.Group):
    """A group whose verbs return exit codes, and whose errors are one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the verbs."""
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb, which its module calls `command`."""
        if cmd_name not in _VERBS:
            ctx.fail(unknown("verb", cmd_name, _VERBS))
        command: click.Command = importlib.import_module(f"sysfuzz.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs in help."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(_VERBS.items()))

    def main(self, args: Sequence[str] | None = None, *_: Any, **extra: Any) -> NoReturn:  # the signature is click's
        """Run a verb, and exit."""
        extra["standalone_mode"] = False
        extra.setdefault("prog_name", "sysfuzz")
        if "NO_COLOR" in os.environ:
            extra["color"] = False
        try:
            code = super().main(args, **extra)
            sys.stdout.flush()
        except SystemExit as error:
            # 1 is click's own answer to a closed pipe; here it means findings.
            code = _BROKEN_PIPE if error.code == 1 else error.code
        except BaseException as error:  # Ctrl-C is click's Abort by now; a core of the user's own may raise anything
            code = _explain(error)
        sys.exit(code)


@click.command("sysfuzz", cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Fuzz kernels that decide by the mapping an instruction lies in whether a system call may happen.

    Exit codes: 0 clean, 1 findings or a failed check, 2 usage or bad input, 3 engine fault.
    """


def main() -> NoReturn:
    """The entry point."""
    _open_closed()
    cli.main()


def _open_closed() -> None:
    """Let a standard file that is closed be /dev/null, lest the next file that is opened takes its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  # for as long as the process lives


def _explain(error: BaseException) -> int:
    """Say in one line what happened; the exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())
        return errors.BAD_INPUT
    if isinstance(error, click.UsageError):
        verb = error.ctx.command_path if error.ctx else "sysfuzz"
        return _say(f"{verb}: {errors.one_line(error.format_message())} ('{verb} --help' says more)", errors.BAD_INPUT)
    if _TRACEBACK in os.environ:
        traceback.print_exception(error)
    if isinstance(error, click.ClickException):
        return _say(error.format_message(), error.exit_code)
    if isinstance(error, click.Abort):
        return _say("sysfuzz: interrupted", _INTERRUPTED)
    if isinstance(error, OSError):
        return _say(errors.describe(error), errors.BAD_INPUT)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    what = errors.one_line(f"{type(error).__name__}: {error}")
    hint = "'sysfuzz doctor' may know why" if isinstance(error, ImportError) else f"{_TRACEBACK}=1 shows how"
    return _say(f"{frame.filename}:{frame.lineno}: sysfuzz failed: {what} ({hint})", errors.ENGINE_FAULT)


def _say(text: str, code: int) -> int:
    click.echo(text, err=True)
    return code
