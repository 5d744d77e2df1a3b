"""All mutants of the core, by name, in a fixed order; and the syntax tree of one.

A name is a place and a text, so that it means the same mutant as long as the line stays where it is and as it is. Does not run anything.
"""

import ast
import copy
import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import sysfuzz
from sysfuzz.bench.mutants import operators
from sysfuzz.bench.mutants.sites import Way, sites

CORE = Path(sysfuzz.__file__).parent / "kernel"
# What a core is and which decisions it is asked for: declarations, whose defaults are not logic.
_DECLARATIONS = frozenset(("__init__.py", "protocol.py", "rules.py"))
# What an execution goes through.
_DECISIVE = ("program", "x86", "kernel", "spec", "generate", "machine", "targets", "oracles", "feedback", "engine")


class Mutant(NamedTuple):
    """One change. Everything but `reached` identifies it."""

    file: str  # in kernel/
    line: int
    column: int  # from 1
    operator: str
    before: str
    after: str
    function: str
    reached: int  # the line of a statement that runs before the change can show; 0: one that importing the file runs

    @property
    def name(self) -> str:
        """The identity as text."""
        return f"{self.file}:{self.line}:{self.column} {self.operator}: {self.before} -> {self.after}"


def files() -> list[str]:
    """The files of the core that have mutants, in order."""
    return sorted(path.name for path in CORE.glob("*.py") if path.name not in _DECLARATIONS)


def mutants(file: str) -> list[Mutant]:
    """The mutants of a file of the core, in the order of their places."""
    return list(_changes_of(file))


def mutate(tree: ast.Module, mutant: Mutant) -> None:
    """Make `tree`, that of the mutant's file, the mutant's. KeyError: the file has no such mutant."""
    path, node = _changes_of(mutant.file)[mutant]
    _put(tree, path, node)


def changes_of(source: str, file: str) -> dict[Mutant, tuple[Way, ast.AST]]:
    """The mutants of a source text, each with the place in its tree and what is put there."""
    return dict(sorted(_all(ast.parse(source), file), key=lambda pair: pair[0][:3]))


@cache  # a child that is forked has them all
def _changes_of(file: str) -> dict[Mutant, tuple[Way, ast.AST]]:
    return changes_of((CORE / file).read_text(encoding="utf-8"), file)


def digest() -> str:
    """Changes when any file of the core or of the fuzzer does: results before and after are not of one thing."""
    total = hashlib.sha256()
    for package in _DECISIVE:
        for path in sorted((CORE.parent / package).glob("*.py")):
            total.update(f"{package}/{path.name}\0".encode() + path.read_bytes())
    return total.hexdigest()[:16]


def sample(chosen: Sequence[Mutant], count: int) -> list[Mutant]:
    """`count` of them, the same each time, in their order: those whose names' hashes are lowest."""
    ranked = sorted(chosen, key=lambda mutant: hashlib.sha256(mutant.name.encode()).digest())
    kept = set(ranked[:count])
    return [mutant for mutant in chosen if mutant in kept]


def _all(tree: ast.Module, file: str) -> Iterator[tuple[Mutant, tuple[Way, ast.AST]]]:
    for site in sites(tree):
        for change in operators.changes(site):
            at = change.at
            yield (
                Mutant(
                    file,
                    at.lineno,  # type: ignore[attr-defined]  # statements and expressions have a position
                    at.col_offset + 1,  # type: ignore[attr-defined]
                    change.operator,
                    change.before,
                    change.after,
                    site.function,
                    site.reached,
                ),
                (site.path, change.node),
            )


def _put(tree: ast.Module, path: Way, new: ast.AST) -> None:
    parent: ast.AST = tree
    for step in path[:-1]:
        parent = _child(parent, step)
    fresh = ast.fix_missing_locations(ast.copy_location(copy.deepcopy(new), _child(parent, path[-1])))
    field, index = path[-1]
    if index is None:
        setattr(parent, field, fresh)
    else:
        getattr(parent, field)[index] = fresh


def _child(node: ast.AST, step: tuple[str, int | None]) -> ast.AST:
    field, index = step
    value = getattr(node, field)
    child: ast.AST = value if index is None else value[index]
    return child
