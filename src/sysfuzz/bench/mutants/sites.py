"""Where a core may be changed: the places of its syntax tree that decide what it does.

Left out is what changes nothing that a program could see, by construction: docstrings, types, imports, assertions (they are there for the
type checker), messages of a panic, words of the map's log, `__slots__`; and the core's own report about itself, `check` and `transitions`,
which is an oracle's eye and not a kernel's hand. What may be done at a place is said in `operators`.
"""

import ast
from collections.abc import Iterator
from typing import NamedTuple, TypeGuard

Way = tuple[tuple[str, int | None], ...]  # from the tree's root: the field, and the index in it where it is a list

_REPORTS = frozenset(("check", "transitions"))
_TYPES = frozenset(("bool", "bytes", "int", "str"))
_SILENT = (ast.Assert, ast.Import, ast.ImportFrom, ast.JoinedStr)
# Names and types; the arguments' defaults are types' companions, and none of them decides anything.
_SKIPPED = frozenset(("annotation", "returns", "decorator_list", "bases", "args", "targets", "target", "ctx"))


class Site(NamedTuple):
    """A node that may be changed."""

    node: ast.AST
    path: Way
    function: str  # the qualified name of what it stands in, "" at the top of the file
    reached: int  # the line of a statement that runs before the change can show; 0: one that importing the file runs
    condition: bool  # its truth is asked by an if, a while or a conditional expression
    key: bool  # of a dictionary
    bits: bool  # what is done with it is done bit by bit, or it is a constant with a name
    first: bool  # an assignment without which a name would not be there


def sites(tree: ast.Module) -> Iterator[Site]:
    """The places of a file, outer ones first, in the order of its text."""
    yield from _blocks(tree, (), "", 0, _firsts(tree))


def _blocks(node: ast.AST, path: Way, function: str, reached: int, firsts: frozenset[int]) -> Iterator[Site]:
    """The places in the children of a node, statements by statement."""
    for field, value in ast.iter_fields(node):
        if field in _SKIPPED and not (field == "args" and isinstance(node, ast.Call)):
            continue
        if isinstance(value, ast.AST):
            yield from _node(node, value, (*path, (field, None)), function, reached, firsts)
        elif isinstance(value, list):
            for index, child in enumerate(value):
                if isinstance(child, ast.AST):
                    yield from _node(node, child, (*path, (field, index)), function, reached, firsts)


def _node(
    parent: ast.AST, node: ast.AST, path: Way, function: str, reached: int, firsts: frozenset[int]
) -> Iterator[Site]:
    if _is_silent(node):
        return
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        function = f"{function}.{node.name}" if function else node.name
    in_function = reached > 0
    if isinstance(node, ast.FunctionDef):
        first = node.body[bool(ast.get_docstring(node)) :]
        if node.name in _REPORTS or not first:
            return
        reached = first[0].lineno
    elif isinstance(node, ast.stmt) and in_function:
        reached = node.lineno
    (field, _) = path[-1]
    condition = field == "test" or (field == "ifs" and isinstance(parent, ast.comprehension))
    yield Site(node, path, function, reached, condition, field == "keys", _is_bitwise(parent), id(node) in firsts)
    if isinstance(node, ast.Raise) or _is_log(node):
        return  # the statement may go, its words do not matter
    yield from _blocks(node, path, function, reached, firsts)


def _firsts(tree: ast.Module) -> frozenset[int]:
    """The ids of the assignments that give a local variable, or a field in `__init__`, its first value."""
    found = set()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            known = {argument.arg for argument in function.args.args}
            assignments = [node for node in ast.walk(function) if isinstance(node, ast.Assign | ast.AnnAssign)]
            for node in sorted(assignments, key=lambda node: node.lineno):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = {name.id for target in targets for name in ast.walk(target) if _is_local(name)}
                if names - known or function.name == "__init__":
                    found.add(id(node))
                known |= names
    return frozenset(found)


def _is_local(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _is_silent(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()):
            return True  # a docstring
        case ast.Assign(targets=[ast.Name(id="__slots__")]):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Attribute(attr="log" | "_log"), attr="append"))):
            return True
        case ast.BinOp(left=ast.Name(id=name), op=ast.BitOr()) if name in _TYPES:
            return True  # the type of an alias
        case ast.AnnAssign(value=None):
            return True
    return isinstance(node, _SILENT)


def _is_bitwise(parent: ast.AST) -> bool:
    match parent:
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr() | ast.BitXor()) | ast.UnaryOp(op=ast.Invert()):
            return True
        case ast.Assign(targets=[ast.Name()]):
            return True
    return isinstance(parent, ast.AugAssign) and isinstance(parent.op, ast.BitAnd | ast.BitOr)


def _is_log(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="changed"))):
            return True
    return False
