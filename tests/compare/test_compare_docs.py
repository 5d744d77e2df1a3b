"""The matrix of the designs that ship: what is known of them, and the page that shows it."""

from functools import cache
from pathlib import Path

import pytest

from sysfuzz.compare.cells import sights
from sysfuzz.compare.classes import CLASSES
from sysfuzz.compare.matrix import Cell, Matrix
from sysfuzz.compare.scenario import library
from sysfuzz.compare.tables import markdown
from sysfuzz.targets import table
from sysfuzz.targets.designs import DESIGNS

PAGE = Path(__file__).parents[2] / "docs" / "compare.md"

WORDS = {"E": "escapes", "D": "by design", "B": "blocked", "-": "not applicable"}
# By hand, from the sources that the pages of docs/targets cite: of msyscall, sud and the others with one address the one behind the
# instruction is looked at; of syscallemu that and the first; the pin is the first alone. None but the flag knows of segments.
#         nosyscalls, nosyscalls-2011, syscallemu, msyscall, pinsyscalls, sud, sud-inclusive, seccomp-ip
KNOWN = {
    "C1": "BBEEBEEE",
    "C2": "BBBBBEEE",  # Linux moves sysenter to the vdso before it looks; user dispatch does not see the vsyscall page
    "C3": "BBE--EEE",
    "C4": "BBBBBBBB",
    "C5": "DDDDDDDD",
    "C6": "DDDDBDDD",  # a pin of the trampoline's is good for one number
    "C7": "DDDDDDDD",
    "C8": "BEDBBBDD",  # 2011 forgets; ranges stay where they are; what is not on a list is not on it anywhere
    "C9": "BEEEBEEE",
    "C10": "BBEBBDDB",
    "C11": "--E-----",
    "C12": "BBBBBBBB",
    "C13": "--------",
    "C14": "--------",
    "C15": "DDDBDDDD",  # msyscall refuses what can be written to
    "C16": "--------",
    "C17": "BBBBBBBB",
    "C18": "-----DD-",
    "C19": "BEEBEBBB",  # the panic of 2011; arming in two steps, and after exec; the once-flag that a failing call spends
    "C20": "BBDBBDDD",  # OpenBSD's mmap refuses what it does not know; NetBSD's and Linux's take it
    "C21": "--------",
    "C22": "BBBBBBBB",
}


@cache
def matrix() -> Matrix:
    """What the library shows of all designs."""
    made = Matrix(table.names())
    for scenario in library():
        for name in made.targets:
            made.add(name, scenario, sights(scenario, table.get(name)))
    return made


def link(name: str, target: str, cell: Cell) -> str:
    """Where a program lies, seen from the page."""
    return f"../src/sysfuzz/compare/programs/{cell.scenario.name}" if cell.scenario is not None else ""


def test_the_page_is_what_the_designs_do() -> None:
    """docs/compare.md is what `sysfuzz compare --format markdown -o docs/compare.md` writes now."""
    assert PAGE.read_text(encoding="utf-8") == markdown(matrix(), link)


@pytest.mark.parametrize("name", CLASSES)
def test_the_matrix_agrees_with_what_is_known(name: str) -> None:
    """Each cell is what the designs' sources say."""
    made = matrix()
    words = [made.cell(name, target).word for target in made.targets]
    assert words == [WORDS[letter] for letter in KNOWN[name]]


def test_nothing_is_in_no_class() -> None:
    """The library shows nothing beside what it is about."""
    assert not matrix().others


def test_every_escape_is_a_known_weakness() -> None:
    """What escapes is on the design's own list: neither the library nor the model has found anything else."""
    made = matrix()
    unknown = [
        (name, target, made.cell(name, target).why)
        for name in CLASSES
        for target in made.targets
        if made.cell(name, target).word == "escapes" and DESIGNS[target].weakness(made.cell(name, target).why) is None
    ]
    assert unknown == []


def test_programs_of_the_page_are_there() -> None:
    """Every link leads to a file."""
    links = [line.partition(": ")[2] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("[C")]
    assert links
    assert [href for href in links if not (PAGE.parent / href).is_file()] == []
