"""One line of program text as tokens, with the comment behind them.

The Scanner reads one token at a time, so that a line of any length costs what is understood of it. It knows characters,
numbers and comments; which words exist is the parser's business.
"""

import difflib
import re
from collections.abc import Iterable
from typing import NamedTuple

from sysfuzz.program.source import Mark, TextError

NAME, NUMBER, STRING, PUNCTUATION, END = "name", "number", "string", "punctuation", "end"

_TOKEN = re.compile(
    r'[ \t]*(?:(?P<name>[A-Za-z_]\w*)|(?P<number>[0-9]\w*)|(?P<string>"[^"#]*")|(?P<punctuation>[(),|+=-])'
    r"|(?P<end>#|$))",
    re.ASCII,
)
_EQUALS = re.compile(r"[ \t]*=")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0|[1-9][0-9]*")
_EXPECTATION = re.compile(r"#[ \t]*->[ \t]*")
# A comment behind an expectation. Unassigned system calls are named "#N": a # before a digit is no comment.
_NEXT_COMMENT = re.compile(r"(?<=[ \t])#(?![0-9])")

# How "surrogateescape" decodes the bytes 0x80 to 0xff that are not UTF-8.
_ESCAPED_BYTES = range(0xDC80, 0xDD00)

# int() refuses very long decimals. The first 24 digits of one, which starts with no 0, are out of every range already:
# 2^64 has 20.
_MAX_DECIMAL_DIGITS = 24
_MAX_QUOTE = 40


class Token(NamedTuple):
    """A token, its text as written, and the 1-based column of its first character."""

    kind: str
    text: str
    column: int


def quote(text: str) -> str:
    """`text` in quotes, printable and short enough for a message."""
    return repr(text if len(text) <= _MAX_QUOTE else text[: _MAX_QUOTE - 3] + "...")


def unknown(what: str, word: str, supported: Iterable[str]) -> str:
    """The message for a word that is none of `supported`: with the closest one, if any is close, and all of them."""
    folded = {name.casefold(): name for name in supported}
    close = difflib.get_close_matches(word[:_MAX_QUOTE].casefold(), folded, n=1)
    hint = f" (did you mean {folded[close[0]]}?)" if close else ""
    return f"unknown {what} {quote(word)}{hint}; supported: {', '.join(folded.values())}"


def number(text: str) -> int | None:
    """The value of a decimal or 0x number, None if `text` is none. A leading zero makes none: C would read octal.

    A decimal of more than 24 digits yields some number above 2^64.
    """
    if not _NUMBER.fullmatch(text):
        return None
    return int(text, 16) if text[:2] in ("0x", "0X") else int(text[:_MAX_DECIMAL_DIGITS])


class Scanner:
    """Reads one line: `token` is the current token, `take` moves on, and behind the last one stand the comments."""

    def __init__(self, text: str, line: int, file: str) -> None:
        self.line = line
        self._text = text
        self._file = file
        self._position = 0
        self._refuse_unprintable()
        self.token = self._scan()

    def error(self, message: str, column: int | None = None) -> TextError:
        """A located error at `column`, by default that of the current token."""
        return TextError(self._file, self.line, self.token.column if column is None else column, message)

    def take(self) -> Token:
        """Return the current token and move to the next."""
        token = self.token
        self.token = self._scan()
        return token

    def at(self, punctuation: str) -> bool:
        """Whether the current token is this punctuation."""
        return self.token.kind == PUNCTUATION and self.token.text == punctuation

    def skip(self, punctuation: str) -> bool:
        """Take the current token if it is this punctuation."""
        found = self.at(punctuation)
        if found:
            self.take()
        return found

    def expect(self, punctuation: str, where: str) -> None:
        """Take this punctuation; it is needed `where`."""
        if not self.skip(punctuation):
            raise self.error(f"expected '{punctuation}' {where}, not {self.found()}")

    def before_equals(self) -> bool:
        """Whether the current token is a name and an equals sign follows it."""
        return self.token.kind == NAME and _EQUALS.match(self._text, self._position) is not None

    def found(self) -> str:
        """The current token as a message names it."""
        return "the end of the line" if self.token.kind == END else quote(self.token.text)

    def line_comment(self) -> str:
        """The whole line, which holds no statement: a comment with its #, or "" for a blank line."""
        comment = self._text.strip()
        if match := _EXPECTATION.match(comment):
            raise self.error(f"the expectation {quote(comment[match.end() :])} stands behind no op")
        return comment

    def comments(self) -> tuple[Mark | None, str]:
        """The expectation and the comment behind the statement that was read, which must be complete."""
        if self.token.kind != END:
            raise self.error(f"unexpected {self.found()} behind the statement; supported: a comment")
        start = self.token.column  # 1-based column of the #, hence the index behind it
        match = _EXPECTATION.search(self._text, start - 1)
        if match is None:
            return None, self._text[start:].strip()
        comment = _NEXT_COMMENT.search(self._text, match.end())
        behind = self._text[comment.end() :].strip() if comment else ""
        if again := _EXPECTATION.search(self._text, match.end()):
            raise self.error("an op has one expectation; this is the second", again.start() + 1)
        text = self._text[match.end() : comment.start() if comment else None].strip()
        if not text:
            raise self.error("nothing is expected behind '->'", match.end() + 1)
        before = self._text[start : max(start, match.start())].strip()
        return Mark(text, self.line, match.end() + 1), " # ".join(filter(None, (before, behind)))

    def _scan(self) -> Token:
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            rest = self._text[self._position :].lstrip()
            column = len(self._text) - len(rest) + 1
            if rest[0] == '"':
                raise self._refuse("the string is not closed", column)
            raise self._refuse(f"unexpected character {quote(rest[0])}", column)
        kind = str(match.lastgroup)
        self._position = match.end()
        return Token(kind, match[kind], match.start(kind) + 1)

    def _refuse(self, message: str, column: int) -> TextError:
        return TextError(self._file, self.line, column, message)

    def _refuse_unprintable(self) -> None:
        """Junk, and characters that make a line look like another, are refused in comments too."""
        if self._text.replace("\t", " ").isprintable():
            return
        index, char = next((i, c) for i, c in enumerate(self._text) if c != "\t" and not c.isprintable())
        code = ord(char)
        is_byte = code in _ESCAPED_BYTES
        name = f"byte {code & 0xFF:#04x} is not UTF-8" if is_byte else f"character U+{code:04X} is not printable"
        raise self._refuse(f"{name}; supported: printable characters, blanks and tabs", index + 1)
