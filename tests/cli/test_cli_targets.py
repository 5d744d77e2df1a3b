"""`sysfuzz targets` and `sysfuzz doctor`."""

import pytest
from commandline import run

from sysfuzz.cli import doctor
from sysfuzz.targets.table import DESIGNS


def test_every_target_is_listed() -> None:
    """Each target has a line with its summary; each weakness says how it is known."""
    result = run("targets")
    assert result.exit_code == 0
    for design in DESIGNS.values():
        assert any(line.split(maxsplit=1) == [design.name, design.summary] for line in result.stdout.splitlines())
        for weakness in design.weaknesses:
            assert f"  {weakness.summary} ({weakness.known}: {weakness.source})\n" in result.stdout
    assert "module:attribute" in result.stdout


def test_doctor_finds_this_installation_well() -> None:
    """Where the tests run, fuzzing works: CPU and engine are tried, not only looked for."""
    result = run("doctor")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[-1] == "ready to fuzz"
    assert all(line.startswith("ok  ") for line in lines[:-1])
    for what in (
        "python",
        "unicorn",
        "atheris",
        "capstone",
        "emulated amd64",
        "emulated i386",
        "libFuzzer",
        "cores",
        "output",
    ):
        assert any(line.startswith(f"ok  {what} ") for line in lines), what


def test_doctor_says_what_is_wrong_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old Python, a missing package and an emulator that answers wrongly are each named with a remedy; exit code 1."""
    monkeypatch.setattr(doctor, "_PYTHONS", ((3, 98), (3, 99)))
    monkeypatch.setattr(doctor, "installed_versions", lambda: {"atheris": ""})
    monkeypatch.setattr(doctor, "_SELF_TESTS", {"amd64": ("exit(0)\nfork()\n", ("1", "2"))})
    result = run("doctor")
    assert result.exit_code == 1
    assert "\n3 problems\n" in result.stdout
    assert result.stderr.splitlines() == [
        "python: 3.98 to 3.98 are supported; make an environment with one of them",
        "atheris: pip install atheris",
        "emulated amd64: unicorn 2.1.4 is supported: pip install 'unicorn>=2.1.4,<2.2'",
    ]
    assert "MISSING  emulated amd64  ValueError: expected 1 and 2, got 0 and ESRCH" in result.stdout
