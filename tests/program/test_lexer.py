"""Tokens of a line, numbers, and the words of messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.program.lexer import END, NAME, NUMBER, PUNCTUATION, STRING, Scanner, number, quote, unknown


def test_tokens_have_kinds_and_columns() -> None:
    """Every kind of token, with blanks and tabs between some of them, and the end at the comment."""
    scanner = Scanner('a_1 0x1f\t"0f",( =-|+ )  # "b"', 1, "a.prog")
    tokens = []
    while scanner.token.kind != END:
        tokens.append(scanner.take())
    assert tokens == [
        (NAME, "a_1", 1),
        (NUMBER, "0x1f", 5),
        (STRING, '"0f"', 10),
        *((PUNCTUATION, mark, column) for mark, column in zip(",(=-|+)", (14, 15, 17, 18, 19, 20, 22), strict=True)),
    ]
    assert scanner.token == (END, "#", 25)


@given(st.integers(0, 2**64))
def test_numbers_in_both_bases(value: int) -> None:
    """Decimal and hex, the latter in either case."""
    assert number(str(value)) == number(f"{value:#x}") == number(f"{value:#X}") == value


@pytest.mark.parametrize(
    "text", ["", "00", "07", "0x", "x1", "1f", "0b1", "0o7", "1_0", "-1", "+1", " 1", "1 ", "\u0663"]
)
def test_what_is_no_number(text: str) -> None:
    """Nothing that C or Python would read otherwise, and no other digits than ASCII's."""
    assert number(text) is None


@pytest.mark.parametrize("text", ["1" * 25, "9" * 100_000, "0x1" + "0" * 100_000])
def test_long_numbers_are_wide(text: str) -> None:
    """A number of any length is read, as one that no range holds."""
    value = number(text)
    assert value is not None
    assert value > 2**64


def test_quotes_are_short_and_printable() -> None:
    """What a message repeats of the input is at most 40 characters long and shows what cannot be seen."""
    assert quote("a\tb\x1b") == r"'a\tb\x1b'"
    assert quote("x" * 40) == f"'{'x' * 40}'"
    assert quote("x" * 41) == f"'{'x' * 37}...'"


def test_the_closest_word_is_named() -> None:
    """A message names a similar word, whatever its case, and every supported one; nothing is guessed for other words."""
    words = ("PROT_READ", "PROT_EXEC")
    assert unknown("name", "prot_raed", words) == (
        "unknown name 'prot_raed' (did you mean PROT_READ?); supported: PROT_READ, PROT_EXEC"
    )
    assert unknown("name", "zzz", words) == "unknown name 'zzz'; supported: PROT_READ, PROT_EXEC"
