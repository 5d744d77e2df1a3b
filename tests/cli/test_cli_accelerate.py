"""The verb around the accelerator: what it says, and what it ends with. What compiling yields is tested with the engine."""

from pathlib import Path

import pytest
from commandline import run

from sysfuzz.engine import accelerator


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache with nothing in it, and as little to compile as there can be."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(accelerator, "_PACKAGES", ())
    monkeypatch.setattr(accelerator, "_MODULES", ("findings/severity.py",))


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what is missing, and that nothing is lost."""
    monkeypatch.setenv("CC", "no-such-compiler")
    result = run("accelerate")
    assert result.exit_code == 2
    assert (
        result.stderr == "accelerate: there is no C compiler (no-such-compiler); sysfuzz works without, only slower\n"
    )


def test_an_unusable_cache_is_named(tmp_path: Path) -> None:
    """A file where the cache should be is bad input, with its place."""
    (tmp_path / "cache").write_text("")
    result = run("accelerate")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{tmp_path}/cache/sysfuzz")
    assert result.stderr.endswith("Not a directory\n")


def test_nothing_to_remove() -> None:
    """Removing what is not there is no error."""
    result = run("accelerate", "--remove")
    assert (result.exit_code, result.stdout) == (0, "nothing was compiled\n")
