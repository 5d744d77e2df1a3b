"""Features by name, with the real process: a name means the same wherever and whenever it is told."""

import pytest

from sysfuzz.engine.process import EngineError
from sysfuzz.engine.survey import packages_of, survey, survey_names
from sysfuzz.program.text import parse
from sysfuzz.program.wire import encode

TARGET = "nosyscalls"
PROGRAMS = [
    encode(parse(f"mode amd64\n{ops}").program)
    for ops in ("", "munmap(0x1, 0x1000)\n", "fork()\nmunmap(0x1, 0x1000)\nas(2)\nexit(0)\n", "mlockall(1)\n")
]


def test_names_do_not_depend_on_what_else_is_asked() -> None:
    """In another process, in another order, each program has the same names; there are as many as there are counters, all of them different."""
    packages = packages_of(TARGET)
    there, _ = survey_names(TARGET, packages, PROGRAMS, 60.0)
    back, _ = survey_names(TARGET, packages, PROGRAMS[::-1], 60.0)
    assert there == back[::-1]
    for named, counted in zip(there, survey(TARGET, packages, PROGRAMS), strict=True):
        assert {domain: len(set(names)) for domain, names in named.items()} == {
            domain: len(features) for domain, features in counted.items()
        }
        assert all(list(names) == sorted(names) for names in named.values())


def test_a_branch_is_named_by_its_place() -> None:
    """Module and line, and a number where a line has several."""
    (row,), _ = survey_names(TARGET, packages_of(TARGET), PROGRAMS[2:3], 60.0)
    modules = {name.partition(":")[0] for name in row["code"]}
    assert "sysfuzz.kernel.kernel" in modules
    assert all(name.partition(":")[2].replace("#", "").isdecimal() for name in row["code"])


@pytest.mark.parametrize(("core", "words"), [("Leaves", "exit status 7"), ("Hangs", "no end within 3 s")])
def test_an_input_that_ends_the_process_is_the_first_without_an_answer(core: str, words: str) -> None:
    """Those before it have theirs, and the text says what has happened."""
    deadly = encode(parse("mode amd64\nmsync(0x1000, 0x1000, 0)\n").program)
    inputs = [PROGRAMS[1], PROGRAMS[2], deadly, PROGRAMS[1]]
    rows, end = survey_names(f"hostile_cores:{core}", (), inputs, 60.0 if core == "Leaves" else 3.0)
    assert (len(rows), end.partition("\n")[0]) == (2, words)


def test_a_process_that_cannot_start_is_no_answer() -> None:
    """It is told with its words."""
    with pytest.raises(
        EngineError, match=r"the survey of 1 inputs failed, exit status 1\n(.|\n)*unknown target 'nosuch'"
    ):
        survey_names("nosuch", (), PROGRAMS[:1], 60.0)
