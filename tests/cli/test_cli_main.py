"""One way out for all verbs."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from commandline import ENVIRONMENT, assert_refused, command, run, spawn

import sysfuzz
from programs import GOLDEN
from sysfuzz.cli import targets

VERBS = [
    "fuzz", "exec", "check", "minimise", "triage", "regress", "report", "ci", "targets", "compare", "fmt", "corpus", "campaign", "dashboard",
    "bench", "accelerate", "doctor",
]  # fmt: skip


def test_help_names_every_verb() -> None:
    """`sysfuzz --help` and `-h` list all verbs and say what the exit codes are."""
    result = run("--help")
    assert result.exit_code == 0
    assert run("-h").stdout == result.stdout
    section = result.stdout.partition("Verbs:\n")[2]
    assert [line.split()[0] for line in section.splitlines()] == VERBS
    assert "0 clean, 1 findings or a failed check, 2 usage or bad input, 3" in result.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str) -> None:
    """Each verb can be imported and explains itself."""
    result = run(verb, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: sysfuzz {verb} ")


def test_help_does_not_need_the_emulator(tmp_path: Path) -> None:
    """Help, and the verb that looks for what is missing, run where no emulator is installed."""
    for package in ("unicorn", "atheris", "capstone"):
        (tmp_path / f"{package}.py").write_text("raise ImportError('not here')")
    environment = ENVIRONMENT | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ENVIRONMENT['PYTHONPATH']}"}
    help_ = subprocess.run(command("--help"), env=environment, capture_output=True, text=True, check=False)
    assert help_.returncode == 0
    doctor = subprocess.run(command("doctor"), env=environment, capture_output=True, text=True, check=False)
    assert doctor.returncode == 1
    assert "MISSING  emulated amd64  ImportError: not here" in doctor.stdout
    assert "emulated amd64: unicorn 2.1.4 is supported: pip install" in doctor.stderr
    exec_ = subprocess.run(command("exec", "x"), env=environment, capture_output=True, text=True, check=False)
    assert exec_.returncode == 3
    assert exec_.stderr.count("\n") == 1
    assert "sysfuzz doctor" in exec_.stderr


def test_version() -> None:
    """The version is that of the package."""
    assert run("--version").stdout == f"sysfuzz {sysfuzz.__version__}\n"


def test_no_verb_shows_help() -> None:
    """Without a verb the verbs are shown, and the exit code says that something was missing."""
    result = run()
    assert result.exit_code == 2
    assert "Verbs:" in result.stdout


def test_unknown_verb() -> None:
    """A misspelt verb is told with the closest one."""
    assert_refused(
        run("fuz"),
        f"sysfuzz: unknown verb 'fuz' (did you mean fuzz?); supported: {', '.join(VERBS)} ('sysfuzz --help' says more)",
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["exec"], "Missing argument 'FILE'"),
        (["fuzz"], "Missing option '--target'"),
        (["exec", "--tarce", "x"], "No such option '?--tarce'?.*--trace"),
        (["fuzz", "--target", "nosyscalls", "--runs", "0"], "Invalid value for '--runs': 0 is not in the range x>=1"),
        (
            ["fuzz", "--target", "nosyscalls", "--for", "9"],
            "Invalid value for '--for': '9' is no duration; supported: .* 60s",
        ),
    ],
)
def test_wrong_usage_is_one_line(args: list[str], message: str) -> None:
    """What is wrong with a command line is told in one line, with the exit code of bad input; the words are click's."""
    result = run(*args)
    assert (result.stdout, result.exit_code) == ("", 2)
    assert re.fullmatch(
        rf"sysfuzz {args[0]}: {message}[^\n]* \('sysfuzz {args[0]} --help' says more\)\n", result.stderr
    )


def test_a_fault_of_sysfuzz_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody expects says where it came from, exits with 3, and shows the way on demand only."""
    monkeypatch.setattr(targets, "DESIGNS", None)
    result = run("targets")
    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1
    assert "targets.py:" in result.stderr
    assert "sysfuzz failed: AttributeError: 'NoneType' object" in result.stderr
    monkeypatch.setenv("SYSFUZZ_TRACEBACK", "1")
    assert "Traceback (most recent call last)" in run("targets").stderr


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    """`sysfuzz targets | head -0` complains about nothing."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        process = subprocess.run(
            command("targets"),
            cwd=tmp_path,
            env=ENVIRONMENT,
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (process.returncode, process.stderr) == (141, "")


def test_full_disk_behind_standard_output(tmp_path: Path) -> None:
    """Output that cannot be written is an error, not a silent success."""
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            command("targets"),
            cwd=tmp_path,
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (process.returncode, process.stderr) == (2, "standard output: No space left on device\n")


def test_no_color(tmp_path: Path) -> None:
    """NO_COLOR is obeyed: https://no-color.org."""
    (tmp_path / "golden.prog").write_text(GOLDEN)
    shown = spawn("exec", "golden.prog", cwd=tmp_path)
    assert "\x1b" not in shown.stdout


def test_the_module_is_the_command(tmp_path: Path) -> None:
    """`python -m sysfuzz` names itself as users type it."""
    assert spawn("--version", cwd=tmp_path).stdout == f"sysfuzz {sysfuzz.__version__}\n"
