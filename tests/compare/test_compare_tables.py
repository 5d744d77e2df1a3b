"""How a matrix looks."""

from html.parser import HTMLParser

import pytest

from sysfuzz.compare.cells import Sight
from sysfuzz.compare.classes import CLASSES
from sysfuzz.compare.matrix import Cell, Matrix
from sysfuzz.compare.scenario import Scenario
from sysfuzz.compare.tables import FORMATS, html, markdown, text
from sysfuzz.program.text import parse

GIVEN = Scenario(parse("fork()\n").program, "a.prog", path="d/a.prog")


def made() -> Matrix:
    """A matrix with each word, a name that needs care, and something without a class."""
    matrix = Matrix(["plain", "<own>|core"])
    matrix.add("plain", GIVEN, [Sight("C1", "escapes", "check/syscall/tail", True), Sight("C4", "blocked")])
    matrix.add("<own>|core", GIVEN, [Sight("C5", "by design", "a <citation>"), Sight("", "escapes", "check/<x>")])
    return matrix


def link(name: str, target: str, cell: Cell) -> str:
    """Where the programs are."""
    return f"d/{cell.scenario.name}" if cell.scenario is not None else ""


@pytest.mark.parametrize("form", FORMATS)
def test_every_class_and_target_is_there(form: str) -> None:
    """Each form names all rows and columns, and is the same each time."""
    shown = FORMATS[form](made(), link)
    assert shown == FORMATS[form](made(), link)
    assert all(row.id in shown and row.title in shown for row in CLASSES.values())
    assert "plain" in shown
    assert shown.endswith("\n")


def test_text_says_what_escapes_and_why() -> None:
    """A row of words, and below it the programs that show an escape, the reasons, and what has no class."""
    lines = text(made(), link).splitlines()
    assert lines[0].split() == ["plain", "<own>|core"]
    assert next(line for line in lines if line.startswith("C1 ")).split() == [
        "C1",
        "boundary",
        "straddle",
        "escapes",
        "-",
    ]
    assert "  C1  plain  check/syscall/tail  d/a.prog" in lines
    assert "  C5  a <citation>  <own>|core" in lines
    assert "  <own>|core  check/<x>" in lines


def test_markdown_leads_to_the_programs() -> None:
    """Each word that has a program is a link, whose place is said once."""
    lines = markdown(made(), link).splitlines()
    assert "| C1 | boundary straddle | [**escapes**][a] | - |" in lines
    assert "| C4 | overlapping decode | [blocked][a] | - |" in lines
    assert lines[-1] == "[a]: d/a.prog"


def test_markdown_tells_files_of_one_name_apart() -> None:
    """The second is linked in full."""
    shown = markdown(made(), lambda name, target, cell: f"{target[0]}{name}/a.prog" if cell.scenario else "")
    assert "[**escapes**][a]" in shown
    assert "[blocked](pC4/a.prog)" in shown


class Page(HTMLParser):
    """What a page says, and whether its elements are closed in order."""

    VOID = ("meta",)

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open."""
        self.open += [tag] if tag not in self.VOID else []
        self.links += [value for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        """Close."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text."""
        self.words.append(data)


def test_html_is_whole() -> None:
    """Elements nest, names of cores are text, words are links."""
    page = Page()
    page.feed(html(made(), link))
    page.close()
    assert page.open == []
    assert "<own>|core" in page.words
    assert "check/<x>" in page.words
    assert page.links == ["d/a.prog"] * 3
