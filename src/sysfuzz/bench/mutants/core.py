"""Imports the core with one mutant in it, and tells which of its lines run.

The mutant is put into the syntax tree before the marks of branch coverage are, so that every mark has the number that it has without a mutant.
As the whole file is compiled and imported, what it does while it is imported is the mutant's as well. Runs nothing.
"""

import ast
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

from sysfuzz.bench.mutants.listing import Mutant, mutate
from sysfuzz.feedback.instrument import Instrumentation

_REACHED = "__reached__"  # the global that a file's marks write to; ends in __ so that a class body does not mangle it
_BLOCKS = ("body", "orelse", "finalbody")


class MutantImport(Instrumentation):
    """Instrumentation with `mutant` in its file; `mutant` None is the core as it is, which tells the lines that are reached."""

    def __init__(self, counters: bytearray, packages: Sequence[str], mutant: Mutant | None) -> None:
        super().__init__(counters, packages)
        self.applied = False
        self._mutant = mutant
        self._lines: dict[str, bytearray] = {}  # by file: not 0 for the first line of a statement that has run

    def reached(self) -> dict[str, list[int]]:
        """The first lines of the statements in functions that have run, by file."""
        return {file: [line for line, ran in enumerate(lines) if ran] for file, lines in sorted(self._lines.items())}

    def instrument(self, source: bytes, module: str, path: str) -> CodeType:
        """See Instrumentation."""
        tree = ast.parse(source, path)
        file = Path(path).name
        if self._mutant is None:
            _mark_lines(tree)
        elif self._mutant.file == file:
            mutate(tree, self._mutant)
            self.applied = True
        self._mark(tree, module)
        return compile(tree, path, "exec", dont_inherit=True)

    def attach(self, module: ModuleType) -> None:
        """See Instrumentation."""
        super().attach(module)
        if self._mutant is None:
            path = Path(str(module.__file__))
            lines = self._lines[path.name] = bytearray(
                path.read_bytes().count(b"\n") + 2
            )  # they count from 1, and the last may have no end
            setattr(module, _REACHED, lines)


def _mark_lines(tree: ast.Module) -> None:
    """Put a mark before each statement of each function."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            _mark_block(function, int(ast.get_docstring(function, clean=False) is not None))


def _mark_block(node: ast.AST, head: int = 0) -> None:
    for field in _BLOCKS:
        block: list[ast.stmt] = getattr(node, field, [])
        marked = block[:head]
        for statement in block[head:]:
            for part in (statement, *getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                _mark_block(part)
            marked += (_line_mark(statement), statement)
        block[:] = marked


def _line_mark(statement: ast.stmt) -> ast.stmt:
    target = ast.Subscript(ast.Name(_REACHED, ast.Load()), ast.Constant(statement.lineno), ast.Store())
    return ast.fix_missing_locations(ast.copy_location(ast.Assign([target], ast.Constant(1)), statement))
