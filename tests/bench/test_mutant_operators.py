"""What may go wrong at each kind of place, and where nothing may."""

import ast
from textwrap import dedent

import pytest

from sysfuzz.bench.mutants.listing import Mutant, _put, changes_of
from sysfuzz.bench.mutants.operators import COMPARE, DELETE, NEGATE, RETURN, TERM


def made(source, *operators):
    """Operator, before and after of the mutants of a text; of `operators` alone if there are any."""
    found = changes_of(dedent(source), "x.py")
    return [mutant[3:6] for mutant in found if not operators or mutant.operator in operators]


def body(statement):
    return f"def f(a, b):\n    c = 0\n    {statement}\n"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a < b", ["a <= b", "a >= b"]),
        ("a <= b", ["a < b", "a > b"]),
        ("a > b", ["a >= b", "a <= b"]),
        ("a >= b", ["a > b", "a < b"]),
        ("a == b", ["a != b"]),
        ("a is not b", ["a is b"]),
        ("a in b", ["a not in b"]),
        ("a + b", ["a - b", "a + b + 1"]),
        ("a // b", ["a * b", "a // b + 1"]),
        ("a % b", ["a // b"]),
        ("a << b", ["a >> b"]),
        ("a & ~b", ["a | ~b", "b"]),
        ("not a", ["a"]),
        ("max(a, b)", ["min(a, b)"]),
        ("True", ["False"]),
        ("[5]", ["6", "0"]),
        ("[0]", ["1"]),
        ("a & 12", ["a | 12", "13", "0", "8", "4"]),
        ("{3: a}", ["4"]),
        ("'EINVAL'", ["'EFBIG'"]),
        ("'EOVERFLOW'", ["'EPERM'"]),
        ("'a word'", []),
        ("b'\\x34'", ["b'5'"]),
        ("f'{a + b}'", []),
    ],
)
def test_an_expression(expression, expected):
    """The whole list for each kind of node, in order."""
    source = f"def f(a, b):\n    return g({expression})\n"
    assert [
        after for _, _, after in made(source)[2:]
    ] == expected  # before them: f returns at once; the return is left out


def test_each_part_of_a_chain():
    """In a chain of comparisons one operator changes at a time, and is told with its own operands."""
    found = made(body("return 0 <= a < b"), COMPARE)
    assert found == [
        ("compare", "0 <= a", "0 < a"),
        ("compare", "0 <= a", "0 > a"),
        ("compare", "a < b", "a <= b"),
        ("compare", "a < b", "a >= b"),
    ]


def test_each_term():
    """Each term of an `and` or `or` is dropped."""
    assert made(body("return a and b and c"), TERM) == [("term", f"and: {name}", "-") for name in "abc"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("a", ["not a"]),
        ("a and b", ["not (a and b)"]),
        ("a < b", []),
        ("not a", ["a"]),
        ("a < b < c", ["not a < b < c"]),
    ],
)
def test_a_condition_is_turned_round_once(condition, expected):
    """Where another operator makes the opposite, NEGATE does not."""
    assert [after for _, _, after in made(body(f"while {condition}: pass"), NEGATE)] == expected


def test_statements():
    """Every simple statement can be left out; not the first assignment of a name, an addition of a constant, or a block."""
    source = """
        def f(a):
            b = 1
            b = g(a)
            b += 1
            b += a
            del a[b]
            for c in a:
                if c:
                    continue
            return b
    """
    assert [before for _, before, _ in made(source, DELETE)] == [
        "b = g(a)",
        "b += a",
        "del a[b]",
        "continue",
        "return b",
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("bool", ["return False", "return True"]),
        ("int | str", ["return 0"]),
        ("str | None", ["return None"]),
        ("tuple[int, int]", ["return ()"]),
        ("None", ["return None"]),
    ],
)
def test_a_function_returns_early(kind, expected):
    """With the plainest value of its type."""
    assert [after for _, _, after in made(f"def f(a) -> {kind}:\n    return g(a)\n", RETURN)] == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""Text with 1 < 2."""\n',
        "import a.b\n",
        "Value = int | str\n",
        "class A:\n    __slots__ = ('EINVAL', 'EPERM')\n    b: int\n",
        "def f(a: 'EINVAL' = 1) -> int | str:\n    '''Only words.'''\n",
        "def check(self):\n    return self.a < 1\n",
        "def transitions(self):\n    return self.a < 1\n",
    ],
)
def test_what_no_program_sees_is_not_changed(source):
    """Words, types, declarations and the core's report about itself have no mutants."""
    assert made(source) == []


def test_words_of_statements_that_matter():
    """A panic and a change of the map can be left out, the words that they say cannot change; a line of the log is nothing at all."""
    source = """
        def f(self):
            assert self.a < 1, "EINVAL"
            self.log.append("EINVAL")
            self.changed("EINVAL")
            raise KernelPanic("EINVAL")
    """
    assert [(operator, before) for operator, before, _ in made(source)] == [
        ("return", "def f"),
        ("delete", "self.changed('EINVAL')"),
        ("delete", "raise KernelPanic('EINVAL')"),
    ]


def test_the_change_stands_in_the_text_where_it_says():
    """Line and column (from 1) are those of the node, and `reached` is the line of its statement; the rest of the tree stays."""
    source = "def f(a):\n    g(1)\n    return (\n        a and\n        a < 3\n    )\n"
    found = changes_of(source, "x.py")
    mutant = next(mutant for mutant in found if mutant.after == "a <= 3")
    assert mutant == Mutant("x.py", 5, 9, "compare", "a < 3", "a <= 3", "f", 3)
    assert mutant.name == "x.py:5:9 compare: a < 3 -> a <= 3"
    tree = ast.parse(source)
    _put(tree, *found[mutant])
    assert ast.unparse(tree) == "def f(a):\n    g(1)\n    return a and a <= 3"
