"""Branch coverage of a core that is compiled: the marks of `instrument`, written into its sources ahead of the compiler.

`prepare` imports the job as a worker would, so that every mark gets the number that it has in a worker that interprets the core: the same epoch
keeps the same inputs either way. `attach` gives the compiled modules the counters of the process that runs them. Knows no compiler.
"""

import ast
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import CodeType

from sysfuzz.feedback.instrument import NAME, Instrumentation

MARKS = "marks.json"  # beside the package's __init__.py; only a prepared copy has it


class _Recording(Instrumentation):
    """Keeps the text of what it instruments."""

    def __init__(self, counters: bytearray, packages: Sequence[str]) -> None:
        super().__init__(counters, packages)
        self.sources: dict[str, tuple[Path, str]] = {}  # file and instrumented text by module

    def instrument(self, source: bytes, module: str, path: str) -> CodeType:
        tree = ast.parse(source, path)
        self._mark(tree, module)
        # The compiler wants the name to be defined; until `attach` the marks of a module go nowhere.
        at = int(ast.get_docstring(tree, clean=False) is not None)
        tree.body.insert(at, ast.parse(f"{NAME}: bytearray = bytearray({len(self._counters)})").body[0])
        self.sources[module] = Path(path), ast.unparse(ast.fix_missing_locations(tree))
        return compile(tree, path, "exec", dont_inherit=True)


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
    marks = {"counters": counters, "modules": list(recording.sources), "points": recording.points}
    (package / MARKS).write_text(json.dumps(marks), encoding="utf-8")


def is_prepared(package: Path) -> bool:
    """Whether `package` is a copy that `prepare` has been through."""
    return (package / MARKS).exists()


def attach(package: Path, counters: bytearray) -> list[tuple[str, int]]:
    """Give the prepared modules, which have been imported, their counters; (module, line) of the marks by number.

    ValueError: they were prepared for another number of counters.
    """
    marks = json.loads((package / MARKS).read_text(encoding="utf-8"))
    if marks["counters"] != len(counters):
        raise ValueError(f"{package} was prepared for {marks['counters']} counters, not {len(counters)}")
    for module in marks["modules"]:
        setattr(sys.modules[module], NAME, counters)
    return [(module, line) for module, line in marks["points"]]
