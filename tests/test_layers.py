"""The rules of the house, checked on the source itself."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sysfuzz

HOME = Path(sysfuzz.__file__).parent

# Lowest first. A package imports from itself and from lower layers; those of one layer do not know each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("program",),
    ("x86",),  # the modes and vendors that it tells apart are words of program
    ("kernel", "spec"),
    ("generate", "minimise", "machine"),
    ("targets",),
    ("oracles", "feedback"),
    ("findings",),
    ("engine",),
    ("campaign", "ci", "report", "bench", "compare"),
    ("dashboard",),
    ("cli",),
)
HEIGHT = {package: height for height, layer in enumerate(LAYERS) for package in layer}

# Libraries that a package imports, beyond the project and the standard library. kernel and spec have none: above all, no Unicorn.
LIBRARIES = {
    "x86": {"capstone"},
    "machine": {"unicorn"},
    "engine": {"atheris"},
    "report": {"jinja2"},
    "campaign": {"distributed", "fsspec"},
    "dashboard": {"jinja2", "prometheus_client", "starlette", "uvicorn"},
    "bench": {"lifelines", "matplotlib", "scipy", "unicorn"},
    "cli": {"click", "rich"},
}

FILES = sorted(path.relative_to(HOME).as_posix() for path in HOME.rglob("*.py"))


def imports(source: str, file: str) -> Iterator[str]:
    """Full names of the modules that `source`, at `file` within sysfuzz, imports anywhere in it."""
    package = ["sysfuzz", *file.split("/")[:-1]]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield base
            if base == "sysfuzz":
                yield from (f"sysfuzz.{alias.name}" for alias in node.names)


def broken(source: str, file: str) -> list[str]:
    """The imports of `source` that the layers forbid."""
    package, *inner = file.split("/")
    if not inner:
        return []  # sysfuzz/__init__.py and __main__.py stand above all
    wrong = []
    for name in imports(source, file):
        top, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if top == "sysfuzz" and other in HEIGHT and other != package and HEIGHT[other] >= HEIGHT[package]:
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("file", FILES)
def test_imports_go_down(file: str) -> None:
    """No module imports from its own layer's other packages, or from a higher layer."""
    assert broken((HOME / file).read_text(encoding="utf-8"), file) == []


@pytest.mark.parametrize(
    ("file", "source", "expected"),
    [
        ("kernel/trap.py", "from sysfuzz.spec.abi import x", ["sysfuzz.spec.abi"]),
        ("spec/abi.py", "def f():\n    import sysfuzz.kernel.trap", ["sysfuzz.kernel.trap"]),
        ("kernel/trap.py", "from sysfuzz import machine", ["sysfuzz.machine"]),
        ("program/text.py", "from ..x86 import decode", ["sysfuzz.x86"]),
        ("cli/main.py", "from sysfuzz.engine import epoch", []),
        ("kernel/trap.py", "from sysfuzz.kernel.rules import Rules\nfrom sysfuzz.program.ir import Mode", []),
    ],
)
def test_the_rule_bites(file: str, source: str, expected: list[str]) -> None:
    """Imports of siblings and of higher layers are seen in every form that Python has; others are not objected to."""
    assert broken(source, file) == expected


def test_every_package_has_a_layer() -> None:
    """A new package is given its place here."""
    assert {file.split("/")[0] for file in FILES if "/" in file} <= set(HEIGHT)


@pytest.mark.parametrize("file", [file for file in FILES if "/" in file])
def test_libraries_stay_in_their_package(file: str) -> None:
    """A library is imported only where the table says so."""
    tops = {name.partition(".")[0] for name in imports((HOME / file).read_text(encoding="utf-8"), file)}
    assert tops - {"sysfuzz"} - sys.stdlib_module_names <= LIBRARIES.get(file.partition("/")[0], set())


@pytest.mark.parametrize("file", FILES)
def test_files_open_with_their_idea(file: str) -> None:
    """Every file opens with a docstring."""
    assert ast.get_docstring(ast.parse((HOME / file).read_text(encoding="utf-8")))
