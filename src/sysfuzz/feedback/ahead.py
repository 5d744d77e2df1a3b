"""Branch coverage of a core that is compiled: the marks of `instrument`, written into its sources ahead of the compiler.

`prepare` imports the job as a worker would, so that every mark gets the number that it has in a worker that interprets the core: the same epoch
keeps the same inputs either way. The counters are a constant of a module that is written as well, so that a mark is a store and no lookup.
Knows no compiler.
"""

import ast
import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import CodeType

from sysfuzz.feedback.instrument import NAME, Instrumentation

MARKS = "marks.json"  # beside the package's __init__.py; only a prepared copy has it
_HOLDER = "sysfuzz.feedback.marks"  # the module that holds the counters; only a prepared copy has it
_HELD = f'''"""The counters that the marks of the core set."""

from typing import Final

{NAME}: Final = bytearray({{}})
'''


class _Recording(Instrumentation):
    """Keeps the text of what it instruments."""

    def __init__(self, counters: bytearray, packages: Sequence[str]) -> None:
        super().__init__(counters, packages)
        self.sources: dict[str, tuple[Path, str]] = {}  # file and instrumented text by module

    def instrument(self, source: bytes, module: str, path: str) -> CodeType:
        tree = ast.parse(source, path)
        self._mark(tree, module)
        at = int(ast.get_docstring(tree, clean=False) is not None)
        code = compile(tree, path, "exec", dont_inherit=True)
        tree.body.insert(at, ast.parse(f"from {_HOLDER} import {NAME}").body[0])
        self.sources[module] = Path(path), ast.unparse(ast.fix_missing_locations(tree))
        return code


def prepare(package: Path, start: str, packages: Sequence[str], counters: int) -> None:
    """Rewrite the sources of `packages` in `package`, a copy of this package from which this process imports, and leave their marks there.

    `start` is the module that workers import first; none of `packages` may have been imported.
    """
    recording = _Recording(bytearray(counters), packages)
    recording.install()
    import_module(start)
    recording.remove()
    for path, text in recording.sources.values():
        path.write_text(f"{text}\n", encoding="utf-8")
    holder = package.joinpath(*_HOLDER.split(".")[1:]).with_suffix(".py")
    holder.write_text(_HELD.format(counters), encoding="utf-8")
    (package / MARKS).write_text(json.dumps(recording.points), encoding="utf-8")


def is_prepared(package: Path) -> bool:
    """Whether `package` is a copy that `prepare` has been through."""
    return (package / MARKS).exists()


def counters() -> bytearray:
    """The counters of this process, which imports from a prepared copy."""
    held: bytearray = getattr(import_module(_HOLDER), NAME)
    return held


def points(package: Path) -> list[tuple[str, int]]:
    """(module, line) of the marks by number, of a prepared copy."""
    return [(module, line) for module, line in json.loads((package / MARKS).read_text(encoding="utf-8"))]
