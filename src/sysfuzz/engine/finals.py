"""Constants made final, in the copy that is compiled: a name that a module assigns once and spells in capitals is declared `Final`.

The compiler looks a plain global up by its name at each use; a final one it keeps in a variable of C, or writes its value into the code. Nothing
else is changed, and the sources stay free of what only a compiler wants. Knows the syntax of Python, and no module.
"""

import ast
from collections import Counter

_NOT_VALUES = ("TypeVar", "NewType")  # what they make is for types, which may not be final


def finalise(text: str) -> str:
    """The source `text` with its constants final and one more import.

    A tuple that has no annotation is left alone: the compiler would take it apart, and put it together again at each use.
    """
    tree = ast.parse(text)
    assigned = Counter(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    )
    lines = text.splitlines(keepends=True)
    for node in reversed(tree.body):
        new = _final(node, text, assigned)
        if new is not None:
            _replace(lines, node, new)
    at = tree.body[0].end_lineno or 0 if ast.get_docstring(tree, clean=False) is not None else 0
    lines.insert(at, "from typing import Final\n")
    return "".join(lines)


def _final(node: ast.stmt, text: str, assigned: Counter[str]) -> str | None:
    """The statement that makes the same constants final; None if there are none."""
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        targets: list[ast.expr] = [node.target]
        values = [node.value]
        kind = f"Final[{ast.unparse(node.annotation)}]"
        if kind.startswith("Final[Final"):
            return None
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target, value, kind = node.targets[0], node.value, "Final"
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            targets, values = target.elts, value.elts
        else:
            targets, values = [target], [value]
    else:
        return None
    parts = []
    for target, value in zip(targets, values, strict=True):
        if not (isinstance(target, ast.Name) and target.id.isupper() and assigned[target.id] == 1):
            return None
        if isinstance(value, ast.Tuple) and kind == "Final":
            return None
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _NOT_VALUES:
            return None
        parts.append(f"{target.id}: {kind} = ({ast.get_source_segment(text, value)})")
    return "; ".join(parts)


def _replace(lines: list[str], node: ast.stmt, new: str) -> None:
    """Put `new` in the place of a statement; offsets count bytes of UTF-8."""
    first, last = node.lineno - 1, (node.end_lineno or 0) - 1
    head = lines[first].encode()[: node.col_offset].decode()
    tail = lines[last].encode()[node.end_col_offset :].decode()
    lines[first : last + 1] = [f"{head}{new}{tail}"]
