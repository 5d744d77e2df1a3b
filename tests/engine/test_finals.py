"""Constants become final, and nothing else changes."""

import ast
from pathlib import Path

import pytest

import sysfuzz
from sysfuzz.engine.finals import finalise

SOURCES = sorted(Path(sysfuzz.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A = 1", "A: Final = (1)"),
        ("_A = f(2)  # why", "_A: Final = (f(2))  # why"),
        ("A: int = 1", "A: Final[int] = (1)"),
        ("A: tuple[int, ...] = (1, 2)", "A: Final[tuple[int, ...]] = ((1, 2))"),
        ("A, B = 1, x", "A: Final = (1); B: Final = (x)"),
        ("A = {\n    1: 2,  # é\n}", "A: Final = ({\n    1: 2,  # é\n})"),
    ],
)
def test_a_constant_is_final(before: str, after: str) -> None:
    """It keeps its value, its annotation and its comments."""
    assert finalise(f"{before}\n") == f"from typing import Final\n{after}\n"


@pytest.mark.parametrize(
    "text",
    [
        "A = 1\nA = 2\n",
        "A = 1\ndef f():\n    global A\n    A = 2\n",
        "A = 1\nA += 1\n",
        "A = 1\ndel A\n",
        "A = (1, 2)\n",
        "A, B = f()\n",
        "A, b = 1, 2\n",
        "A = B = 1\n",
        "A.B = 1\n",
        "A: int\n",
        "A: Final = 1\n",
        "T = TypeVar('T')\n",
        "Value = int | str\n",
        "make = tuple.__new__\n",
        "if x:\n    A = 1\n",
        "class C:\n    A = 1\n",
    ],
)
def test_what_is_no_constant_stays(text: str) -> None:
    """Whatever is assigned again, is no value, or would be slower."""
    assert finalise(text) == f"from typing import Final\n{text}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_only_annotations_differ(path: Path) -> None:
    """Each source of this package is the same program: without the annotations and the import, the syntax trees are equal."""
    text = path.read_text(encoding="utf-8")
    assert ast.dump(_plain(finalise(text))) == ast.dump(_plain(text))


def _plain(text: str) -> ast.Module:
    """The syntax tree without module-level annotations of constants and without imports of Final; tuples taken apart."""
    tree = ast.parse(text)
    body: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "typing":
            node.names = [name for name in node.names if name.name != "Final"]
            if not node.names:
                continue
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            body.append(ast.Assign([node.target], node.value))
        elif (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Tuple)
            and isinstance(node.value, ast.Tuple)
        ):
            body += [
                ast.Assign([target], value) for target, value in zip(node.targets[0].elts, node.value.elts, strict=True)
            ]
        else:
            body.append(node)
    tree.body = body
    return tree
