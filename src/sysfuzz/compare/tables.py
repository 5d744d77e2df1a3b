"""How a matrix looks: as text for a terminal, as Markdown for documentation, as one HTML file.

What the words mean stands with each, since a matrix travels without its manual. Where programs lie is told by whoever writes them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import PurePath

from sysfuzz.compare.cells import WORDS, Word
from sysfuzz.compare.classes import CLASSES, EscapeClass
from sysfuzz.compare.matrix import Cell, Matrix
from sysfuzz.targets.designs import DESIGNS

Link = Callable[[str, str, Cell], str]  # class, target, cell -> where its program lies; "" if nowhere

TITLE = "Designs side by side"

LEGEND: Mapping[Word, str] = {
    "escapes": "a call was let in that the design promises to refuse; or, where the class is about something else (C9, C19, C20), that "
    "went wrong",
    "by design": "the call is let in, and the design, or what it is about, says so",
    "blocked": "tried, and what had to happen did",
    "not applicable": "the design has nothing for it, or programs cannot show it",
}

_METHOD = (
    "Each program arms every design: the same page is forbidden, or, where a design lists what is allowed, not on its list. Its last run "
    "is what its class is about."
)

_NONE = "-"
_GAP = "  "


def text(matrix: Matrix, link: Link) -> str:
    """For a terminal: the table, what escapes, what is by design."""
    rows = [["", "", *matrix.targets]]
    for name, row in CLASSES.items():
        rows.append([name, row.title, *(_word(matrix.cell(name, target)) for target in matrix.targets)])
    lines = _columns(rows)
    escapes = [
        [name, target, cell.why, link(name, target, cell) or (cell.scenario.name if cell.scenario else "")]
        for name, target, cell in _cells(matrix)
        if cell.word == "escapes"
    ]
    if escapes:
        lines += ["", "escapes", *(f"  {line}" for line in _columns(escapes))]
    reasons = [[", ".join(names), why, _list(matrix, targets)] for (names, targets), why in _reasons(matrix)]
    if reasons:
        lines += ["", "by design", *(f"  {line}" for line in _columns(reasons))]
    if matrix.others:
        lines += ["", "in no class"]
        lines += [f"  {line}" for line in _columns([target, cause] for target, cause in matrix.others)]
    lines += ["", *_columns([_NONE if word == WORDS[-1] else word, meaning] for word, meaning in LEGEND.items())]
    return "\n".join(lines) + "\n"


def markdown(matrix: Matrix, link: Link) -> str:
    """A page: legend, table with links, the classes."""
    programs = _Programs()
    lines = [f"# {TITLE}", "", f"{_METHOD} Made by `sysfuzz compare --format markdown`; not to be edited.", ""]
    lines += [f"* {_NONE if word == WORDS[-1] else f'**{word}**'}: {meaning}" for word, meaning in LEGEND.items()]
    lines += ["", f"| | | {' | '.join(matrix.targets)} |", f"|---|---|{'---|' * len(matrix.targets)}"]
    for name, row in CLASSES.items():
        cells = [programs.cell(cell, link(name, target, cell)) for target, cell in _row(matrix, name)]
        lines.append(f"| {name} | {row.title} | {' | '.join(cells)} |")
    lines += [
        "",
        "Each word leads to the smallest program of its cell: `sysfuzz exec FILE --target T` shows what happens in it.",
        "",
    ]
    lines += ["| class | what it is | what is said about it |", "|---|---|---|"]
    for row in CLASSES.values():
        lines.append(f"| {row.id} {row.title} | {_plain(row.mechanism)} | {_plain('; '.join(_said(matrix, row)))} |")
    if matrix.others:
        lines += ["", "In no class:", ""]
        lines += [f"* {target}: `{cause}`" for target, cause in matrix.others]
    return "\n".join([*lines, *programs.places()]) + "\n"


class _Programs:
    """Links of a page, by the names of the files, so that the table can be read as it is."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def cell(self, cell: Cell, href: str) -> str:
        """A word that leads to a program."""
        word = f"**{cell.word}**" if cell.word == "escapes" else _word(cell)
        if not href:
            return word
        name = PurePath(href).stem
        return f"[{word}][{name}]" if self._known.setdefault(name, href) == href else f"[{word}]({href})"

    def places(self) -> list[str]:
        """The lines that say where they lead."""
        return ["", *(f"[{name}]: {href}" for name, href in sorted(self._known.items()))] if self._known else []


def html(matrix: Matrix, link: Link) -> str:
    """One file without scripts or anything from elsewhere."""
    head = "".join(f"<th>{escape(target)}</th>" for target in matrix.targets)
    body = "".join(_html_row(matrix, row, link) for row in CLASSES.values())
    legend = "".join(
        f'<li><b class="{_css(word)}">{_NONE if word == WORDS[-1] else word}</b> {escape(meaning)}</li>'
        for word, meaning in LEGEND.items()
    )
    others = "".join(f"<li>{escape(target)}: <code>{escape(cause)}</code></li>" for target, cause in matrix.others)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{TITLE}</title><style>{_STYLE}</style></head>\n'
        f"<body><h1>{TITLE}</h1>\n<ul>{legend}</ul>\n<table><thead><tr><th></th><th></th>{head}</tr></thead>\n<tbody>{body}</tbody></table>\n"
        + (f"<h2>In no class</h2><ul>{others}</ul>\n" if others else "")
        + "</body></html>\n"
    )


FORMATS: Mapping[str, Callable[[Matrix, Link], str]] = {"text": text, "markdown": markdown, "html": html}

_STYLE = (
    "body{font:15px/1.4 sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.25em .6em;text-align:left}"
    "ul{list-style:none;padding:0}.escapes{background:#f6c6c6}.by-design{background:#f7e7b5}.blocked{background:#cfe8cf}.not-applicable{color:#666}"
)


def _cells(matrix: Matrix) -> Iterator[tuple[str, str, Cell]]:
    for name in CLASSES:
        for target, cell in _row(matrix, name):
            yield name, target, cell


def _row(matrix: Matrix, name: str) -> list[tuple[str, Cell]]:
    return [(target, matrix.cell(name, target)) for target in matrix.targets]


def _word(cell: Cell) -> str:
    return _NONE if cell.word == WORDS[-1] else cell.word


def _reasons(matrix: Matrix) -> Iterator[tuple[tuple[list[str], list[str]], str]]:
    """What is said of the cells that are by design: (classes, targets) of each reason."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for name, target, cell in _cells(matrix):
        if cell.word == "by design":
            names, targets = found.setdefault(cell.why, ([], []))
            names += [name] if name not in names else []
            targets += [target] if target not in targets else []
    for why, where in found.items():
        yield where, why


def _list(matrix: Matrix, targets: list[str]) -> str:
    return "all" if targets == list(matrix.targets) else ", ".join(targets)


def _said(matrix: Matrix, row: EscapeClass) -> list[str]:
    """Why the answers to a class are what they are, each once, and whose they are."""
    if row.missing:
        return [f"not applicable: {row.missing}"]
    found: dict[str, list[str]] = {}
    for target, cell in _row(matrix, row.id):
        if cell.word in ("escapes", "by design"):
            found.setdefault(f"{cell.word}: {_words(target, cell)}", []).append(target)
    return [f"{why} ({_list(matrix, targets)})" for why, targets in found.items()]


def _words(target: str, cell: Cell) -> str:
    """Why, for people: the weakness that the cause shows, if the design is known for it."""
    if cell.word != "escapes":
        return cell.why
    known = DESIGNS[target].weakness(cell.why) if target in DESIGNS else None
    return f"{known.summary}, `{cell.why}`" if known else f"`{cell.why}`"


def _html_row(matrix: Matrix, row: EscapeClass, link: Link) -> str:
    cells = ""
    for target, cell in _row(matrix, row.id):
        href, word = link(row.id, target, cell), _word(cell)
        inner = f'<a href="{escape(href)}">{word}</a>' if href else word
        cells += f'<td class="{_css(cell.word)}" title="{escape(cell.why)}">{inner}</td>'
    return f'<tr><th>{row.id}</th><th title="{escape(row.mechanism)}">{row.title}</th>{cells}</tr>\n'


def _css(word: Word) -> str:
    return word.replace(" ", "-")


def _plain(words: str) -> str:
    return words.replace("|", "\\|")


def _columns(rows: Iterable[Sequence[str]]) -> list[str]:
    table = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
