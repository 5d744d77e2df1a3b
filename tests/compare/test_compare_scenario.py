"""Scenarios: what a header says, and what holds for all that ship."""

import pytest

from sysfuzz.compare.classes import CLASSES
from sysfuzz.compare.scenario import PROGRAMS, Scenario, library, scenario
from sysfuzz.program.ir import CALLS
from sysfuzz.program.source import TextError
from sysfuzz.program.text import format_source, load, parse

ALL = {found.name: found for found in library()}


def test_a_header_says_what_a_program_is_about() -> None:
    """Class, needs and allowed are read from comments above the first statement, the first of each; others are passed over."""
    source = parse(
        "# any words\n# class: C18\n# needs: sud\n#allowed:  it says so \n# class: C1\nexec()\n# needs: fork\n",
        "a.prog",
    )
    assert scenario(source) == Scenario(source.program, "a.prog", "C18", "sud", "it says so", "a.prog")


def test_without_a_header_nothing_is_said() -> None:
    """A program from anywhere is a scenario."""
    source = parse("exec()\n", "a.prog")
    assert scenario(source) == Scenario(source.program, "a.prog", path="a.prog")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("# class: C23", f"a.prog:2:1: unknown class 'C23' (did you mean C3?); supported: {', '.join(CLASSES)}"),
        ("# class:", f"a.prog:2:1: unknown class ''; supported: {', '.join(CLASSES)}"),
        (
            "# needs: seccmp",
            f"a.prog:2:1: unknown call 'seccmp' (did you mean seccomp?); supported: {', '.join(CALLS)}",
        ),
    ],
)
def test_what_there_is_not_is_located(line: str, message: str) -> None:
    """A header that names no class, or no call, is told with its line."""
    with pytest.raises(TextError) as caught:
        scenario(parse(f"\n{line}\nexec()\n", "a.prog"))
    assert str(caught.value) == message


def test_every_class_has_a_program_or_a_reason() -> None:
    """A class either has programs or says why it cannot have any, never both."""
    stated = {found.stated for found in ALL.values()}
    assert stated == {name for name, row in CLASSES.items() if not row.missing}


@pytest.mark.parametrize("name", ALL)
def test_what_ships_is_in_order(name: str) -> None:
    """A program is named by its class, is canonical, ends with a run, and arms at least two designs or says what it needs."""
    found = ALL[name]
    assert name.startswith(f"C{int(found.stated[1:]):02}-")
    assert (PROGRAMS / name).read_text(encoding="utf-8") == format_source(load(PROGRAMS / name))
    assert found.program.ops[-1].call == "run"
    calls = {op.call for op in found.program.ops}
    assert (
        found.needs in calls
        or len(calls & {"syscallemu", "msyscall", "pinsyscalls", "sud", "seccomp"}) > 1
        or found.stated == "C20"
    )


def test_titles_fit_a_terminal() -> None:
    """A row's name is short, and its number is its place."""
    assert [row.id for row in CLASSES.values()] == [f"C{number}" for number in range(1, 23)]
    assert all(len(row.title) <= 24 for row in CLASSES.values())
