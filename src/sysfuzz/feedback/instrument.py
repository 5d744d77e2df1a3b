"""Branch coverage of a core: an import hook that writes `counters[i] = 1` into the source at the start of each branch.

Marked are the entry of each function that does something, both outcomes of each if, the body and the else of a loop, each except and the
else of a try, and each case of a match. Conditional expressions and boolean operators are not: they have no place for a statement. The
built-in core becomes 1.10 to 1.14 times slower by it (Python 3.11 to 3.13, random map calls). Nothing here knows what the instrumented code
does.
"""

import ast
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import NamedTuple

DOMAIN = "code"  # the feature domain of a core's branches
NAME = "__counters__"  # the global of an instrumented module; ends in __ so that a class body does not mangle it

# Fields that hold a block of statements which may or may not run, by the node that has them.
_BLOCKS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.FunctionDef: ("body",),
    ast.AsyncFunctionDef: ("body",),
    ast.If: ("body", "orelse"),
    ast.For: ("body", "orelse"),
    ast.AsyncFor: ("body", "orelse"),
    ast.While: ("body", "orelse"),
    ast.Try: ("orelse",),
    ast.TryStar: ("orelse",),
    ast.ExceptHandler: ("body",),
    ast.match_case: ("body",),
}


class Point(NamedTuple):
    """A mark: the module, and the line of the statement that it stands before; an else that is not written has the line of its if."""

    module: str
    line: int


class Instrumentation(MetaPathFinder):
    """Instruments the modules named in `packages`, and all modules within them, while it is installed.

    Mark number n sets `counters[n % len(counters)]`. Marks are numbered in the order of import and, within a module, of its syntax tree:
    two processes that import the same sources in the same order agree. `points` lists the marks by number.
    """

    def __init__(self, counters: bytearray, packages: Sequence[str]) -> None:
        self.points: list[Point] = []
        self._counters = counters
        self._packages = tuple(packages)

    def install(self) -> None:
        """Instrument all later imports. ImportError: one of the modules has been imported already."""
        early = sorted(filter(self._covers, sys.modules))
        if early:
            raise ImportError(f"imported before instrumentation: {', '.join(early)}")
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Leave later imports alone; what is instrumented stays so."""
        sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Importlib's protocol: a spec with an instrumenting loader, or None for what is not ours or not Python source."""
        if not self._covers(fullname):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        spec.loader = _Loader(fullname, spec.loader.path, self)
        return spec

    def instrument(self, source: bytes, module: str, path: str) -> CodeType:
        """Compile `source` with its marks; every line number is that of the source."""
        tree = ast.parse(source, path)
        self._mark(tree, module)
        return compile(tree, path, "exec", dont_inherit=True)

    def attach(self, module: ModuleType) -> None:
        """Give a module the counters that its marks write to; before its code runs."""
        setattr(module, NAME, self._counters)

    def _covers(self, module: str) -> bool:
        return any(module == package or module.startswith(f"{package}.") for package in self._packages)

    def _mark(self, node: ast.AST, module: str) -> None:
        for field in _BLOCKS.get(type(node), ()):
            block: list[ast.stmt] = getattr(node, field)
            at = int(_has_docstring(node))
            if len(block) > at or isinstance(node, ast.If):
                block.insert(at, self._statement(module, block[at] if at < len(block) else node))
        for child in ast.iter_child_nodes(node):
            self._mark(child, module)

    def _statement(self, module: str, near: ast.AST) -> ast.stmt:
        """The next mark, at the position of `near`."""
        index = len(self.points) % len(self._counters)
        target = ast.Subscript(ast.Name(NAME, ast.Load()), ast.Constant(index), ast.Store())
        mark = ast.fix_missing_locations(ast.copy_location(ast.Assign([target], ast.Constant(1)), near))
        self.points.append(Point(module, mark.lineno))
        return mark


def _has_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node, clean=False) is not None


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, instrumentation: Instrumentation) -> None:
        super().__init__(fullname, path)
        self._instrumentation = instrumentation

    def get_code(self, fullname: str) -> CodeType:
        # The inherited method would take the code from a .pyc file, or leave instrumented code in one.
        return self._instrumentation.instrument(self.get_data(self.path), fullname, self.path)

    def exec_module(self, module: ModuleType) -> None:
        self._instrumentation.attach(module)
        super().exec_module(module)
