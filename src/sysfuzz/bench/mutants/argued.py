"""The committed page that argues about survivors: which are no different from the core, and which show a gap.

A list item is a mutant's name in backquotes, a colon and the reason; the heading of level 2 above it says what it is argued to be. Everything
else on the page is for people. Nothing here judges an argument.
"""

import re
from pathlib import Path
from typing import NamedTuple

from sysfuzz.findings.files import read_text

EQUIVALENT = "Equivalent"
_ITEM = re.compile(r"- `(?P<name>[^`]+)`: (?P<why>\S.*)")
_LIKE_AN_ITEM = re.compile(r"- `[\w.]+\.py:\d")


class Argument(NamedTuple):
    """What is said of one mutant."""

    name: str
    section: str
    why: str


class BadPage(ValueError):
    """A line that looks like an item and is none; `str(error)` is one line, `file:line: message`."""


def read(path: Path) -> dict[str, Argument]:
    """The arguments of a page by name of mutant. Raises BadPage, also for a name that is there twice, and StoreError."""
    arguments: dict[str, Argument] = {}
    section = ""
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if "\ufffd" in line:
            raise BadPage(f"{path}:{number}: no UTF-8")
        if line.startswith("## "):
            section = line.removeprefix("## ").strip()
        found = _ITEM.fullmatch(line)
        if found is None:
            if _LIKE_AN_ITEM.match(line):
                raise BadPage(f"{path}:{number}: expected - `mutant`: reason")
            continue
        if found["name"] in arguments:
            raise BadPage(f"{path}:{number}: {found['name']} is argued twice")
        arguments[found["name"]] = Argument(found["name"], section, found["why"])
    return arguments


def equivalent(arguments: dict[str, Argument]) -> frozenset[str]:
    """The names of those that are argued to be no different from the core."""
    return frozenset(argument.name for argument in arguments.values() if argument.section == EQUIVALENT)
