"""The survey, with the real process: what it says of a corpus is what the programs show."""

import pytest

from sysfuzz.engine.process import EngineError
from sysfuzz.engine.survey import packages_of, survey
from sysfuzz.program.text import parse
from sysfuzz.program.wire import encode

NOTHING = encode(parse("mode amd64\n").program)
REFUSED = encode(parse("mode amd64\nmunmap(0x1, 0x1000)\n").program)
FORKED = encode(parse("mode amd64\nfork()\nmunmap(0x1, 0x1000)\n").program)


def test_each_program_has_its_own_features() -> None:
    """One answer an input, in order, branches of the core among them, and none that an earlier input has left."""
    refused, nothing, forked, again = survey(
        "nosyscalls", packages_of("nosyscalls"), [REFUSED, NOTHING, FORKED, REFUSED]
    )
    assert again == refused != forked
    assert refused["calls"] < forked["calls"]
    assert nothing["calls"] == frozenset()
    assert nothing["code"] < refused["code"]


@pytest.mark.parametrize(
    ("target", "packages"),
    [
        ("nosyscalls", ("sysfuzz.kernel",)),
        ("my.core:boot", ("sysfuzz.kernel", "my")),
        ("sysfuzz.bench.weaknesses:merge_ignores", ("sysfuzz.kernel",)),
    ],
)
def test_packages(target: str, packages: tuple[str, ...]) -> None:
    """A core of the user's own is instrumented with the built-in one; ours is not instrumented twice."""
    assert packages_of(target) == packages


def test_a_failed_survey_is_told() -> None:
    """With the words of the process that failed."""
    with pytest.raises(EngineError, match=r"survey of 1 inputs failed, exit status 1\n(.|\n)*unknown target 'nosuch'"):
        survey("nosuch", (), [NOTHING])
