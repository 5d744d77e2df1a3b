"""docs/programs.md: whatever a program may say stands there."""

import re
from pathlib import Path

import pytest

from sysfuzz.program import names
from sysfuzz.program.ir import CALLS, SPECIAL

PAGE = (Path(__file__).parents[2] / "docs" / "programs.md").read_text(encoding="utf-8")
CODE = set(re.findall(r"`([^`\n]+)`", PAGE))
TABLES = (
    names.PROT,
    names.MAP,
    names.ADVICE,
    names.INHERIT,
    names.MSYNC,
    names.MLOCKALL,
    names.SYSARCH,
    names.DISPATCH,
    names.SIGNAL,
)


def signature(call: str) -> str:
    """A call as manuals write it: what may be left out in brackets."""
    needed = [param.name for param in CALLS[call] if not param.keyword]
    optional = [f"{param.keyword}=N" for param in CALLS[call] if param.keyword]
    return f"{call}({', '.join(needed)}{''.join(f'[, {word}]' for word in optional)})"


@pytest.mark.parametrize("call", CALLS)
def test_every_call_is_there(call: str) -> None:
    """With its parameters, by their names."""
    assert signature(call) in CODE


def test_there_are_no_other_calls() -> None:
    """The tables of calls hold nothing else; those of single designs have one of their own."""
    section = PAGE.partition("\n## Calls\n")[2].partition("\n## ")[0]
    usual, special = (set(re.findall(r"`(\w+)\(", part)) for part in section.split("Calls of single designs"))
    assert usual == CALLS.keys() - set(SPECIAL)
    assert special == set(SPECIAL)


def test_every_name_is_there() -> None:
    """The names of arguments stand in the rows of their families, and no others do."""
    rows = PAGE.partition("| family | names |")[2].partition("\n\n")[0].splitlines()[2:]
    written = set()
    for row in rows:
        families, lines = (re.findall(r"`([^`]+)`", cell) for cell in row.strip("|").split("|"))
        written |= {family + word for family, line in zip(families, lines, strict=True) for word in line.split()}
    assert written == {name for table in TABLES for name in table}


@pytest.mark.parametrize("header", ["target", "bucket", "class", "needs", "allowed", "source"])
def test_every_comment_that_is_read_is_there(header: str) -> None:
    """The comments of a header are told with what follows them."""
    assert any(code.startswith(f"# {header}: ") for code in CODE)
