"""A scenario: a program for the matrix, and what its header says about it.

    # class: C5             the row that it is about; without it, what it shows tells
    # needs: sud            a call without which there is nothing to show
    # allowed: WHY          that the last run's call is let in breaks no design's promise; the row says so
    # source: WHERE         how it is known that designs differ here; for people

Each arms every design at once, since a call that a design does not have answers ENOSYS and changes nothing. Its last run is what the class is
about. The library lies in `programs` beside this file.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from sysfuzz.compare.classes import CLASSES
from sysfuzz.program.ir import CALLS, Program
from sysfuzz.program.lexer import unknown
from sysfuzz.program.source import Source, TextError
from sysfuzz.program.text import load

PROGRAMS = Path(__file__).with_name("programs")

_HEADER = re.compile(r"#\s*(class|needs|allowed):\s*(.*?)\s*")
# Headers that name something: what it is, and all that there are.
_NAMES: Mapping[str, tuple[str, Collection[str]]] = {"class": ("class", CLASSES), "needs": ("call", CALLS)}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A program and where it comes from; without a header, or a file, the fields for it are ""."""

    program: Program
    name: str  # of its file, or what stands for it
    stated: str = ""  # the class
    needs: str = ""
    allowed: str = ""
    path: str = ""  # of its file


def scenario(source: Source) -> Scenario:
    """What a file says. Raises TextError if its header names what there is not."""
    found: dict[str, str] = {}
    for number, line in enumerate(source.preamble, 1):
        match = _HEADER.fullmatch(line)
        if match is None:
            continue
        key, value = match[1], match[2]
        what, known = _NAMES.get(key, ("", (value,)))
        if value not in known:
            raise TextError(source.file, number, 1, unknown(what, value, known))
        found.setdefault(key, value)
    stated, needs, allowed = (found.get(key, "") for key in ("class", "needs", "allowed"))
    return Scenario(source.program, source.file, stated, needs, allowed, source.file)


@cache
def library() -> tuple[Scenario, ...]:
    """The scenarios that ship, in the order of their names, which are those of their files."""
    return tuple(_library())


def _library() -> Iterator[Scenario]:
    for path in sorted(PROGRAMS.glob("*.prog")):
        found = scenario(load(path))
        yield replace(found, name=path.name)
