"""What may go wrong at a place: the operators of mutation, each a slip that a programmer makes.

compare     another comparison: at the boundary, the other way round, or its opposite
negate      a condition turned round
delete      a statement left out
constant    a number one higher, 0 or with a bit flipped; a truth value turned round; the name beside the right one, as an errno for another
arithmetic  another operator, a sum or quotient one too high, a sign or complement left out, min for max
return      a function that answers at once with its type's plainest value, a loop that ends after one turn
term        a term of an `and` or `or` left out

Where two operators would give the same program, one of them does; and what could only fail for a name that is not there (the first assignment of
a local variable, or of an object's field, left out) says nothing about a fuzzer and is not made. Nothing here knows what the code is about.
"""

import ast
import copy
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sysfuzz.bench.mutants.sites import Site
from sysfuzz.program import names

COMPARE, NEGATE, DELETE, CONSTANT, ARITHMETIC, RETURN, TERM = (
    "compare", "negate", "delete", "constant", "arithmetic", "return", "term",
)  # fmt: skip


_Value = bool | int | str | bytes | None


class Change(NamedTuple):
    """A node in the place of another: what to tell about it, and where in the text it is."""

    operator: str
    at: ast.AST  # the node whose position tells where
    before: str
    after: str
    node: ast.AST


_COMPARISONS: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATORS: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}
_COUNTED = (ast.Add, ast.Sub, ast.FloorDiv)
_OTHER_FUNCTION = {"max": "min", "min": "max"}
_SIMPLE = (
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.Expr,
    ast.Delete,
    ast.Raise,
    ast.Return,
    ast.Break,
    ast.Continue,
)
_TABLES = (
    names.ERRNO,
    names.SIGNAL,
    names.MAP,
    names.ADVICE,
    names.INHERIT,
    names.MSYNC,
    names.MLOCKALL,
    names.SYSARCH,
)
# Where nothing is said about a type, None is its plainest value.
_PLAINEST: Mapping[str, tuple[_Value, ...]] = {
    "bool": (False, True),
    "int": (0,),
    "str": ("",),
    "bytes": (b"",),
    "Value": (0,),
    "Result": (0,),
}


def changes(site: Site) -> Iterator[Change]:
    """Everything that may go wrong at a place, in a fixed order."""
    node = site.node
    if site.condition and isinstance(node, ast.expr) and not _has_its_opposite(node):
        yield _replace(NEGATE, node, ast.UnaryOp(ast.Not(), node))
    match node:
        case ast.Compare():
            yield from _compare(node)
        case ast.BoolOp():
            yield from _term(node)
        case ast.BinOp():
            yield from _arithmetic(node)
        case ast.UnaryOp():
            yield _replace(NEGATE if isinstance(node.op, ast.Not) else ARITHMETIC, node, node.operand)
        case ast.AugAssign():
            yield _replace(ARITHMETIC, node, ast.AugAssign(node.target, _OPERATORS[type(node.op)](), node.value))
        case ast.Call(func=ast.Name(id=name)) if name in _OTHER_FUNCTION:
            function = ast.Name(_OTHER_FUNCTION[name], ast.Load())
            yield _replace(ARITHMETIC, node, ast.Call(function, node.args, node.keywords))
        case ast.Constant():
            yield from _constant(node, site.key, site.bits)
        case ast.FunctionDef():
            yield from _early_return(node)
        case ast.For() | ast.While():
            yield _early_break(node)
    if isinstance(node, _SIMPLE) and site.reached and not site.first and not _adds_constant(node):
        yield _replace(DELETE, node, ast.Pass())


def _replace(operator: str, node: ast.AST, new: ast.AST) -> Change:
    return Change(operator, node, ast.unparse(node), ast.unparse(new), new)


def _adds_constant(node: ast.AST) -> bool:
    """Whether the constant 0 in the place of its own leaves this statement out."""
    return (
        isinstance(node, ast.AugAssign)
        and isinstance(node.op, ast.Add | ast.Sub)
        and isinstance(node.value, ast.Constant)
    )


def _has_its_opposite(node: ast.AST) -> bool:
    """Whether another operator already turns this condition round."""
    match node:
        case ast.UnaryOp(op=ast.Not()) | ast.Compare(ops=[_]):
            return True
    return False


def _compare(node: ast.Compare) -> Iterator[Change]:
    operands = [node.left, *node.comparators]
    for index, op in enumerate(node.ops):
        left, right = operands[index : index + 2]
        for kind in _COMPARISONS[type(op)]:
            ops = [*node.ops[:index], kind(), *node.ops[index + 1 :]]
            yield Change(
                COMPARE,
                left,
                ast.unparse(ast.Compare(left, [op], [right])),
                ast.unparse(ast.Compare(left, [kind()], [right])),
                ast.Compare(node.left, ops, node.comparators),
            )


def _term(node: ast.BoolOp) -> Iterator[Change]:
    word = "and" if isinstance(node.op, ast.And) else "or"
    for index, value in enumerate(node.values):
        rest = [*node.values[:index], *node.values[index + 1 :]]
        new = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
        yield Change(TERM, value, f"{word}: {ast.unparse(value)}", "-", new)


def _arithmetic(node: ast.BinOp) -> Iterator[Change]:
    yield _replace(ARITHMETIC, node, ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right))
    if isinstance(node.op, _COUNTED) and not isinstance(node.right, ast.Constant):  # a constant has its own neighbours
        yield _replace(ARITHMETIC, node, ast.BinOp(node, ast.Add(), ast.Constant(1)))


def _constant(node: ast.Constant, key: bool, bits: bool) -> Iterator[Change]:
    """Keys of a table only move on to the next: 0 and flipped bits make the same hole."""
    value = node.value
    others: tuple[_Value, ...] = ()
    match value:
        case bool():
            others = (not value,)
        case int() if key:
            others = (value + 1,)
        case int():
            others = _numbers(value, bits)
        case str():
            others = _beside(value)
        case bytes() if value:
            others = (value[:-1] + bytes((value[-1] ^ 1,)),)
    for other in others:
        yield _replace(CONSTANT, node, ast.Constant(other))


def _numbers(value: int, bits: bool) -> tuple[int, ...]:
    """One higher; 0; of several bits, without the lowest and without the highest."""
    flipped = (value & value - 1, value ^ 1 << value.bit_length() - 1) if bits and value.bit_count() > 1 else ()
    return tuple(dict.fromkeys(other for other in (value + 1, 0, *flipped) if other != value))


def _beside(name: str) -> tuple[str, ...]:
    """The next name of the table that `name` is in; the last one's is the first."""
    for table in _TABLES:
        if name in table:
            row = list(table)
            return (row[(row.index(name) + 1) % len(row)],)
    return ()


def _early_return(node: ast.FunctionDef) -> Iterator[Change]:
    if node.name == "__init__":
        return
    head = int(ast.get_docstring(node, clean=False) is not None)
    kind = "" if node.returns is None else ast.unparse(node.returns)
    values = _PLAINEST.get(kind) or ((0,) if kind.startswith("int |") else (None,))
    answers = [ast.Tuple([], ast.Load())] if kind.startswith("tuple[") else [ast.Constant(value) for value in values]
    for answer in answers:
        statement = ast.Return(answer)
        new = copy.copy(node)
        new.body = [*node.body[:head], statement, *node.body[head:]]
        yield Change(RETURN, node, f"def {node.name}", ast.unparse(statement), new)


def _early_break(node: ast.For | ast.While) -> Change:
    new = copy.copy(node)
    new.body = [*node.body, ast.Break()]
    head = ast.unparse(node).splitlines()[0]
    return Change(RETURN, node, head, "break at its end", new)
