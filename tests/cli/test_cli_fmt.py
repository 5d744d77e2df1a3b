"""`sysfuzz fmt`: canonical text."""

import os
from pathlib import Path

import pytest
from commandline import assert_refused, run

UGLY = "# kept\nexit( 0x0 )  # -> 0  # too\n"
CANONICAL = "# kept\nmode amd64\nexit(0)                                 # -> 0  # too\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test works in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    Path("ugly.prog").write_text(UGLY)
    Path("fine.prog").write_text(CANONICAL)


def test_prints_canonical_text() -> None:
    """Without options the text is printed and no file is touched."""
    result = run("fmt", "ugly.prog", "fine.prog")
    assert (result.stdout, result.exit_code) == (CANONICAL * 2, 0)
    assert Path("ugly.prog").read_text() == UGLY


def test_check_names_files() -> None:
    """--check names what is not canonical, exits with 1 if there is any, and touches nothing."""
    result = run("fmt", "--check", ".")
    assert (result.stdout, result.exit_code) == ("ugly.prog\n", 1)
    assert Path("ugly.prog").read_text() == UGLY
    assert run("fmt", "--check", "fine.prog").exit_code == 0


@pytest.mark.parametrize("option", ["-w", "--write"])
def test_write_replaces_files(option: str) -> None:
    """--write changes only what is not canonical, keeps the mode of a file, and leaves a link a link."""
    Path("ugly.prog").chmod(0o640)
    Path("link.prog").symlink_to("ugly.prog")
    untouched = Path("fine.prog").stat().st_mtime_ns
    result = run("fmt", option, "link.prog", "fine.prog")
    assert (result.stdout, result.exit_code) == ("link.prog\n", 0)
    assert Path("ugly.prog").read_text() == CANONICAL
    assert Path("ugly.prog").stat().st_mode & 0o777 == 0o640
    assert Path("link.prog").is_symlink()
    assert Path("fine.prog").stat().st_mtime_ns == untouched
    assert sorted(os.listdir()) == ["fine.prog", "link.prog", "ugly.prog"]


def test_line_ends_are_canonical_too() -> None:
    """A file with carriage returns is not canonical, although every line reads the same."""
    Path("dos.prog").write_bytes(CANONICAL.replace("\n", "\r\n").encode())
    assert run("fmt", "--check", "dos.prog").exit_code == 1
    run("fmt", "-w", "dos.prog")
    assert Path("dos.prog").read_text() == CANONICAL


def test_check_and_write_exclude_each_other() -> None:
    """One asks, the other changes."""
    assert_refused(
        run("fmt", "--check", "-w", "."),
        "sysfuzz fmt: --check and --write exclude each other ('sysfuzz fmt --help' says more)",
    )


def test_a_failing_disk_leaves_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the new text cannot be written, the old one stays, and nothing else is left."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    result = run("fmt", "-w", "ugly.prog")
    assert result.exit_code == 2
    assert result.stderr.endswith("ugly.prog: cannot write: No space left on device\n")
    assert Path("ugly.prog").read_text() == UGLY
    assert sorted(os.listdir()) == ["fine.prog", "ugly.prog"]
