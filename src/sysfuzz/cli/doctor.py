"""`sysfuzz doctor`: whether everything that fuzzing needs is here and works, and how to get what is missing.

What a core lacks is asked in `doctor_target`.
"""

import os
import sys
from collections.abc import Callable
from typing import NamedTuple

import click

from sysfuzz.cli.columns import columns, counted
from sysfuzz.cli.errors import CLEAN, FOUND, one_line
from sysfuzz.cli.output import json_option
from sysfuzz.findings.provenance import installed_versions

_PYTHONS = ((3, 11), (3, 14))  # from, and before: as pyproject.toml says
_COUNTERS = "__sanitizer_cov_8bit_counters_init"

# A system call from a marked page and one from an unmarked page, with what the last two ops must yield.
_SELF_TESTS = {
    "amd64": ("""\
        mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_ANON|MAP_FIXED|MAP_NOSYSCALLS, -1, 0)
        mmap(0x20000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_ANON|MAP_FIXED, -1, 0)
        poke(0x10000, "0f05")
        poke(0x20000, "b8140000000f05c3")
        run(0x10000)
        run(0x20000)
        """, ("SIGILL @0x10000", "enter getpid @0x20005; done")),
    "i386": ("""\
        mode i386
        mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_ANON|MAP_FIXED|MAP_NOSYSCALLS, -1, 0)
        mmap(0x20000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_ANON|MAP_FIXED, -1, 0)
        poke(0x10000, "cd80")
        poke(0x20000, "b814000000cd80c3")
        run(0x10000)
        run(0x20000)
        """, ("SIGILL @0x10000", "enter getpid @0x20005; done")),
}  # fmt: skip


class Diagnosis(NamedTuple):
    """One thing that was looked at."""

    what: str
    fine: bool
    found: str
    remedy: str = ""


@click.command("doctor")
@click.option(
    "--target",
    metavar="T",
    help="Hold this target against the golden programs: a name of 'sysfuzz targets', or your own core as module:attribute or ./library.so.",
)
@json_option
def command(target: str | None, json_file: str | None) -> int:
    """Check the installation: versions, the emulated CPU, the engine, the terminal, the cores.

    Exit code 1 if fuzzing would not work.

    With --target, say what a core has and what is missing: methods of the protocol, calls, and the golden programs of its
    design by area, the first that fails of each. Exit code 1 if anything is missing.

    \b
    --target with --json writes
      {"target", "promise", "unsupported": [CALL], "conforms",
       "methods": [{"signature", "wants", "wrong"}],
       "calls": [{"call", "asked", "right", "nosys"}],
       "areas": [{"area", "programs", "passed", "left_out",
         "failures": [{"program", "line", "call", "expected", "actual"}]}],
       "reference": {"programs", "passed"}, "not_run"}
    where promise is the design whose programs were run, wrong is "" for a method that is right, nosys counts answers ENOSYS
    that are wrong, line is 0 where no op is to blame, and reference counts the programs of nosyscalls for another design.
    """
    if target is not None:
        from sysfuzz.cli.doctor_target import examined  # it needs the packages that are looked for below

        return examined(target, json_file)
    if json_file is not None:
        raise click.UsageError("--json goes with --target")
    diagnoses = [
        _python(),
        *_packages(),
        *map(_emulator, _SELF_TESTS),
        _libfuzzer(),
        _accelerator(),
        _cores(),
        _terminal(),
    ]
    for line in columns(("ok" if d.fine else "MISSING", d.what, d.found) for d in diagnoses):
        click.echo(line)
    bad = [diagnosis for diagnosis in diagnoses if not diagnosis.fine]
    for diagnosis in bad:
        click.echo(f"{diagnosis.what}: {diagnosis.remedy}", err=True)
    click.echo(f"{counted(len(bad), 'problem')}" if bad else "ready to fuzz")
    return FOUND if bad else CLEAN


def _python() -> Diagnosis:
    low, high = _PYTHONS
    version = sys.version_info[:2]
    supported = f"{low[0]}.{low[1]} to {high[0]}.{high[1] - 1}"
    found = f"{version[0]}.{version[1]} at {sys.executable}"
    return Diagnosis(
        "python", low <= version < high, found, f"{supported} are supported; make an environment with one of them"
    )


def _packages() -> list[Diagnosis]:
    return [
        Diagnosis(name, bool(version), version or "not installed", f"pip install {name}")
        for name, version in installed_versions().items()
        if name not in ("sysfuzz", "python")
    ]


def _emulator(mode: str) -> Diagnosis:
    """System calls on the emulated CPU at privilege 3."""
    text, expected = _SELF_TESTS[mode]

    def test() -> str:
        # Imported here, as below: a package that is missing is what is looked for.
        from sysfuzz.program.expect import render
        from sysfuzz.program.text import parse
        from sysfuzz.targets.table import get

        outcome = get("nosyscalls").run(parse(text).program)
        found = tuple(render(step) for step in outcome.steps[-2:])
        if found != expected:
            raise ValueError(f"expected {expected[0]} and {expected[1]}, got {' and '.join(found)}")
        return "a call from a marked page is refused, one from elsewhere is let through"

    return _try(f"emulated {mode}", test, "unicorn 2.1.4 is supported: pip install 'unicorn>=2.1.4,<2.2'")


def _libfuzzer() -> Diagnosis:
    def test() -> str:
        from sysfuzz.feedback.counters import load_libfuzzer

        getattr(load_libfuzzer(), _COUNTERS)
        return "atheris holds it, and it takes counters of ours"

    return _try("libFuzzer", test, "atheris 3.0 (python 3.11) and 3.1 are supported: pip install atheris")


def _try(what: str, test: Callable[[], str], remedy: str) -> Diagnosis:
    try:
        return Diagnosis(what, True, test())
    except Exception as error:  # whatever is wrong with the installation is what is asked for
        return Diagnosis(what, False, one_line(f"{type(error).__name__}: {error}"), remedy)


def _accelerator() -> Diagnosis:
    def test() -> str:
        from sysfuzz.engine import accelerator

        return "compiled" if accelerator.ready() else "not compiled: 'sysfuzz accelerate' makes fuzzing faster"

    return _try("accelerator", test, "see the line above")


def _cores() -> Diagnosis:
    cores = len(os.sched_getaffinity(0))
    return Diagnosis("cores", True, f"{cores}; 'sysfuzz fuzz -j {cores}' uses them all")


def _terminal() -> Diagnosis:
    live = sys.stdout.isatty()
    return Diagnosis("output", True, "a terminal: live progress" if live else "no terminal: plain lines of progress")
