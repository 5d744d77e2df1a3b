"""A program as a person wrote it: the program itself, where each line stands, its expectations and every comment.

The parser makes a Source and the printer prints one, so that formatting a file loses nothing. This file knows neither
the grammar nor what an expectation means; an expectation is kept as the text behind `# ->`.
"""

from dataclasses import dataclass
from typing import NamedTuple

from sysfuzz.program.ir import Program


class TextError(ValueError):
    """Bad program text: a file, a 1-based line and column, and a message that says what is supported.

    Columns count characters, a tab is one. `str(error)` is one line, `file:line:column: message`, as of compilers.
    """

    def __init__(self, file: str, line: int, column: int, message: str) -> None:
        super().__init__(file, line, column, message)
        self.file = file
        self.line = line
        self.column = column
        self.message = message

    def __str__(self) -> str:
        return f"{self.file if self.file.isprintable() else repr(self.file)}:{self.line}:{self.column}: {self.message}"


class Mark(NamedTuple):
    """An expectation as it is written behind `# ->`, and where it starts; both are 0 if it comes from no file."""

    text: str
    line: int = 0
    column: int = 0


class Statement(NamedTuple):
    """One line that says something: what it is about, and what people wrote around it."""

    subject: str | int  # "mode", "vendor", a register's name, or the index of an op
    line: int = 0  # 1-based; 0 if it comes from no file
    above: tuple[str, ...] = ()  # comment lines since the statement before, with their #; "" is a blank line
    expectation: Mark | None = None  # of an op only
    comment: str = ""  # behind the statement, without its #


@dataclass(frozen=True, slots=True)
class Source:
    """A program and the text around it."""

    program: Program
    statements: tuple[Statement, ...] = ()  # in the order of the file; headers may be absent, ops are all there
    preamble: tuple[str, ...] = ()  # comment lines above the first statement, with their #; "" is a blank line
    below: tuple[str, ...] = ()  # comment lines behind the last statement
    file: str = "<string>"

    @property
    def expectations(self) -> tuple[Mark | None, ...]:
        """The expectation of each op, None where there is none."""
        return tuple(s.expectation for s in self.statements if isinstance(s.subject, int))

    @property
    def lines(self) -> tuple[int, ...]:
        """The line number of each op."""
        return tuple(s.line for s in self.statements if isinstance(s.subject, int))
