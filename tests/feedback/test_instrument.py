"""The instrumentation, on small modules whose marks can be counted by hand."""

import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from sysfuzz.feedback.instrument import NAME, Instrumentation, Point

Load = Callable[..., tuple[ModuleType, bytearray, Instrumentation]]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Imports a source afresh as module `subject`, instrumented, with so many counters, which are then cleared."""
    monkeypatch.syspath_prepend(tmp_path)

    def load(source: str, size: int = 64) -> tuple[ModuleType, bytearray, Instrumentation]:
        sys.modules.pop("subject", None)
        (tmp_path / "subject.py").write_text(source)
        counters = bytearray(size)
        instrumentation = Instrumentation(counters, ["subject"])
        instrumentation.install()
        try:
            module = importlib.import_module("subject")
        finally:
            instrumentation.remove()
        counters[:] = bytes(size)
        return module, counters, instrumentation

    yield load
    sys.modules.pop("subject", None)


def lines(counters: bytearray, instrumentation: Instrumentation) -> list[int]:
    """The lines of the marks that are set."""
    return [point.line for point, value in zip(instrumentation.points, counters, strict=False) if value]


BRANCHES = '''\
def both(x):
    """A docstring."""
    if x:
        return 1
    return 2

def chain(x):
    if x == 1:
        return "one"
    elif x == 2:
        return "two"
    else:
        return "many"

def loops(n):
    for i in range(n):
        if i == 5:
            break
    else:
        n = 0
    while n:
        n -= 1
    else:
        n = -1

def tries(f):
    try:
        f()
    except ValueError:
        return "value"
    except KeyError:
        return "key"
    else:
        return "fine"

def cases(x):
    match x:
        case 1:
            return "one"
        case str():
            return "text"
        case _:
            return "other"

async def later():
    return 1
'''


def fail(error: Exception) -> Callable[[], None]:
    """A function that raises `error`."""

    def f() -> None:
        raise error

    return f


@pytest.mark.parametrize(
    ("call", "argument", "expected"),
    [
        ("both", 1, [3, 4]),
        ("both", 0, [3, 3]),
        ("chain", 1, [8, 9]),
        ("chain", 2, [8, 10, 11]),
        ("chain", 3, [8, 10, 13]),
        ("loops", 0, [16, 20, 24]),
        ("loops", 1, [16, 17, 17, 20, 24]),
        ("loops", 6, [16, 17, 17, 18, 22, 24]),
        ("tries", fail(ValueError()), [27, 30]),
        ("tries", fail(KeyError()), [27, 32]),
        ("tries", int, [27, 34]),
        ("cases", 1, [37, 39]),
        ("cases", "x", [37, 41]),
        ("cases", None, [37, 43]),
    ],
)
def test_each_branch_sets_its_mark(load: Load, call: str, argument: object, expected: list[int]) -> None:
    """The marks that a call sets are those of the blocks that it runs, each with the line of the block's first statement."""
    module, counters, instrumentation = load(BRANCHES)
    getattr(module, call)(argument)
    assert sorted(lines(counters, instrumentation)) == expected


def test_results_and_docstrings_stay(load: Load) -> None:
    """Instrumented code does what it did."""
    module, _, _ = load(BRANCHES)
    assert [module.both(0), module.chain(2), module.tries(int), module.cases("")] == [2, "two", "fine", "text"]
    assert module.both.__doc__ == "A docstring."


def test_numbers_are_those_of_the_source(load: Load) -> None:
    """Marks are dense, name module and line, and are the same when the same source is imported again."""
    _, _, first = load(BRANCHES)
    _, _, second = load(BRANCHES)
    assert first.points == second.points
    assert second.points[0] == Point("subject", 3)
    assert len(second.points) == 24


def test_tracebacks_keep_their_lines(load: Load) -> None:
    """An exception names the line of the source, and that line can be shown."""
    module, _, _ = load("def f(x):\n    if x:\n        y = 0\n        return 1 / y\n")
    with pytest.raises(ZeroDivisionError) as caught:
        module.f(1)
    frame = traceback.extract_tb(caught.tb)[-1]
    assert (frame.lineno, frame.line) == (4, "return 1 / y")


def test_more_marks_than_counters_wrap(load: Load) -> None:
    """With too few counters marks share them, and none is out of range."""
    module, counters, instrumentation = load(BRANCHES, size=2)
    module.cases(1)
    assert len(instrumentation.points) > 2
    assert counters == b"\1\1"


def test_class_bodies_and_future_imports(load: Load) -> None:
    """A branch in a class body can be marked, and a __future__ import stays first."""
    module, _, _ = load('"""Doc."""\nfrom __future__ import annotations\nclass C:\n    if True:\n        x: int = 1\n')
    assert module.C.x == 1
    assert module.__doc__ == "Doc."


def test_only_the_named_packages(load: Load, tmp_path: Path) -> None:
    """A module whose name merely begins alike is not instrumented."""
    (tmp_path / "subject_of_others.py").write_text("def f():\n    return 1\n")
    _, _, instrumentation = load("import subject_of_others\n")
    assert sys.modules.pop("subject_of_others").f() == 1
    assert instrumentation.points == []


def test_no_bytecode_is_left(load: Load, tmp_path: Path) -> None:
    """Instrumented code is never cached where an ordinary import would find it."""
    load(BRANCHES)
    assert list(tmp_path.rglob("*.pyc")) == []


def test_removal_ends_it(load: Load) -> None:
    """After `remove`, an import is an ordinary one."""
    load(BRANCHES)
    del sys.modules["subject"]
    assert not hasattr(importlib.import_module("subject"), NAME)


def test_too_late_is_said(load: Load) -> None:
    """Modules that are imported already cannot be instrumented, and that is not passed over."""
    load("x = 1\n")
    with pytest.raises(ImportError, match="imported before instrumentation: subject"):
        Instrumentation(bytearray(1), ["subject"]).install()
