"""Builds cores in C for tests, each once; a test that needs one is skipped where there is no compiler."""

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
C = TESTS.parent / "harnesses" / "c"
EXAMPLE = C / "example"
BAD_CORE = TESTS / "targets" / "bad_core.c"

COMPILER = shutil.which("gcc") or shutil.which("clang")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="neither gcc nor clang is here")


@cache
def _directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="c-cores-")  # removed at the end, with this reference


def compiled(name: str, *arguments: object) -> Path:
    """The shared library that the compiler makes of `arguments`: files and flags."""
    library = Path(_directory().name) / name
    assert COMPILER is not None
    flags = ("-std=c99", "-Wall", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden", f"-I{C}", f"-I{EXAMPLE}")
    subprocess.run([COMPILER, *flags, "-o", library, *map(str, arguments)], check=True, capture_output=True)
    return library


@cache
def made(name: str, coverage: str | None = None) -> Path:
    """A library of the example, as its Makefile makes it."""
    home = Path(_directory().name) / f"made-{coverage}"
    options = [f"CC={COMPILER}", f"BUILD={home}", "CFLAGS=-O1 -Werror"]
    if coverage is not None:
        options.append(f"COVERAGE={coverage}")
    subprocess.run(["make", "-s", "-C", EXAMPLE, *options, home / name], check=True, capture_output=True)
    return home / name


@cache
def bad() -> Path:
    """The example with the habits of bad_core.c."""
    others = sorted(path for path in EXAMPLE.glob("*.c") if path.name != "core.c")
    return compiled("libbad.so", "-O1", BAD_CORE, *others)
