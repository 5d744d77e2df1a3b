"""The designs: every known weakness is shown by a program and told on the design's page, and nothing is told that no program shows."""

import re
from functools import cache
from pathlib import Path

import pytest

from sysfuzz.oracles.judge import BY_DESIGN, judge
from sysfuzz.oracles.verdict import Verdict
from sysfuzz.program.ir import MODES, SPECIAL
from sysfuzz.program.outcome import View
from sysfuzz.program.text import load
from sysfuzz.spec.promise import REFERENCE
from sysfuzz.targets.designs import DESIGNS, Design, Weakness
from sysfuzz.targets.table import get

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "targets"
PROGRAMS = ROOT / "tests" / "programs"
WEAKNESSES = ROOT / "tests" / "weaknesses"  # programs about weaknesses of the flag

EACH = pytest.mark.parametrize("design", DESIGNS.values(), ids=lambda design: design.name)
# A word of a page that is the cause of a verdict, or the beginning of one.
_CAUSE = re.compile(r"`((?:attribute|check|frame|guard|overblock|panic|result)/[^`]+)`")


def _is_of(cause: str, words: str) -> bool:
    """Whether a verdict of this cause is what `words` name."""
    return cause == words or cause.startswith(f"{words}/")


@cache
def _verdicts(name: str) -> tuple[Verdict, ...]:
    """What the oracles say of the design's own programs and, of a design of the flag, of those about the flag's weaknesses."""
    target = get(name)
    paths = sorted((PROGRAMS / name).glob("*.prog"))
    if DESIGNS[name].promise is REFERENCE:
        paths += sorted(WEAKNESSES.glob("*.prog"))
    programs = [load(path).program for path in paths]
    return tuple(verdict for program in programs for verdict in judge(program, target.run(program), target.promise))


def _page(design: Design) -> str:
    return (PAGES / f"{design.name}.md").read_text(encoding="utf-8")


def _rows(design: Design) -> list[str]:
    """The rows of the page's tables."""
    return [line for line in _page(design).splitlines() if line.startswith("|")]


@EACH
def test_every_weakness_is_shown(design):
    """Of each cause that a weakness is known by some program makes the oracles speak: no row is a claim."""
    seen = {verdict.cause for verdict in _verdicts(design.name) if verdict.oracle != BY_DESIGN}
    causes = [words for weakness in design.weaknesses for words in weakness.causes]
    assert [words for words in causes if not any(_is_of(cause, words) for cause in seen)] == []


@EACH
def test_everything_shown_is_known(design):
    """No program of the design shows what is neither a weakness nor documented: that would be a finding, or a bug of ours."""
    found = [verdict for verdict in _verdicts(design.name) if verdict.oracle != BY_DESIGN]
    assert [verdict for verdict in found if design.weakness(verdict.cause) is None] == []


@EACH
def test_what_is_documented_is_no_weakness(design):
    """One difference is either stated by the design's documents or a weakness."""
    causes = [words for weakness in design.weaknesses for words in weakness.causes]
    assert [words for words in causes if design.promise.citation(words)] == []


@EACH
def test_the_page_names_every_cause(design):
    """The tables of a design's page name all causes of its weaknesses, and none that is neither such nor by design."""
    told = {words for row in _rows(design) for words in _CAUSE.findall(row)}
    causes = {words for weakness in design.weaknesses for words in weakness.causes}
    assert causes - told == set()
    assert [words for words in told - causes if not design.promise.citation(words)] == []


@EACH
def test_the_page_says_how_each_is_known(design):
    """A weakness stands on the page in its own words, with how it is known."""
    for weakness in design.weaknesses:
        first = weakness.causes[0]
        rows = [row for row in _rows(design) if f"`{first}`" in row and f"| {weakness.known} |" in row]
        assert rows, f"{weakness.summary}: {first}"


@EACH
def test_weaknesses_are_told_apart(design):
    """No two weaknesses of a design have a cause in common, or one the beginning of another's."""
    causes = [words for weakness in design.weaknesses for words in weakness.causes]
    assert [(a, b) for a in causes for b in causes if a is not b and _is_of(a, b)] == []


@EACH
def test_the_reference_has_none(design):
    """Only designs other than the reference have weaknesses, and each of those has some."""
    assert bool(design.weaknesses) == (design.name != "nosyscalls")


@EACH
def test_boots_in_both_modes(design):
    """A design has one live process with nothing enforced yet, in either mode, and its own calls alone."""
    for mode in MODES:
        program = load(WEAKNESSES / "merge_ignores.prog").program._replace(mode=mode, ops=(), regs=())
        (view,) = get(design.name).run(program).boot
        assert isinstance(view, View)
        assert (view.pid, view.marked, view.guard) == (1, False, ())
    assert set(SPECIAL) >= design.promise.calls


def test_a_cause_is_looked_up_by_whole_words():
    """`a/b` is what begins causes like `a/b/c`, not `a/bc`."""
    known = Weakness("", "stated", "", ("a/b", "d"))
    design = Design("", "", DESIGNS["nosyscalls"].boot, REFERENCE, (known,))
    assert [design.weakness(cause) for cause in ("a/b", "a/b/c", "d/e", "a/bc", "a", "", "x")] == [known] * 3 + [
        None
    ] * 4
