"""Runs `sysfuzz` for the tests of its verbs: in this process, or as users do."""

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

import sysfuzz
from sysfuzz.cli.main import cli

# What a child needs to import the package that is tested.
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(sysfuzz.__file__).parents[1])}


def run(*args: object) -> Result:
    """`sysfuzz args…` in this process."""
    return CliRunner().invoke(cli, [str(arg) for arg in args])


def command(*args: object) -> list[str]:
    """The command line of a real process."""
    return [sys.executable, "-m", "sysfuzz", *map(str, args)]


def spawn(*args: object, cwd: Path, **options: object) -> "subprocess.CompletedProcess[str]":
    """`sysfuzz args…` as a process of its own, with its output."""
    return subprocess.run(
        command(*args), cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False, **options
    )


def assert_refused(result: Result, message: str, code: int = 2) -> None:
    """One line on standard error, nothing on standard output, the exit code."""
    assert (result.stderr, result.stdout, result.exit_code) == (f"{message}\n", "", code)
