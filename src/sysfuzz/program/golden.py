"""A golden program: what its author states about its ops, and where an outcome is otherwise.

`expect` knows one op and one step; here they are put beside each other. Whether the statements are right, and which target they are about, is
not asked.
"""

from typing import NamedTuple

from sysfuzz.program.expect import Expectation, compare, parse_expectation, render
from sysfuzz.program.outcome import Outcome
from sysfuzz.program.source import Source


class StatesNothing(ValueError):
    """A program without any expectation: to check it would be a silent success. `str(error)` is one line that names the file."""


class Golden(NamedTuple):
    """A program and what each of its ops shall yield, None where nothing is said."""

    source: Source
    expectations: tuple[Expectation | None, ...]


class Miss(NamedTuple):
    """One op that did not yield what it shall."""

    op: int
    line: int  # of the op, 1-based
    expected: str  # as its author wrote it
    actual: str  # in the same words; "" if the op was not reached

    def __str__(self) -> str:
        return f"expected {self.expected}, got {self.actual or 'nothing: the run ended before'}"


def golden(source: Source) -> Golden:
    """The statements of a program. Raises TextError at one that means nothing, StatesNothing if there is none."""
    expectations = tuple(
        mark and parse_expectation(mark.text, op.call, source.file, mark.line, mark.column)
        for op, mark in zip(source.program.ops, source.expectations, strict=True)
    )
    if not any(expectations):
        raise StatesNothing(f"{source.file}: nothing to check; an op says what it yields behind '# ->'")
    return Golden(source, expectations)


def misses(stated: Golden, outcome: Outcome) -> list[Miss]:
    """The ops of the program that did not yield in `outcome`, which comes of running it, what they shall."""
    missed = []
    for op, (line, expectation) in enumerate(zip(stated.source.lines, stated.expectations, strict=True)):
        if expectation is None:
            continue
        if op >= len(outcome.steps):
            missed.append(Miss(op, line, expectation.text, ""))
        elif compare(expectation, outcome.steps[op]):
            missed.append(Miss(op, line, expectation.text, render(outcome.steps[op])))
    return missed
