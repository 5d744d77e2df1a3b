"""What is news, of bugs and of golden programs."""

from dataclasses import replace

import pytest

from sysfuzz.ci.base import Base
from sysfuzz.ci.change import Checked, Standing, accepted, check, outcome, standing
from sysfuzz.findings.bucket import slug_of
from sysfuzz.findings.finding import Evidence, Finding
from sysfuzz.findings.ignore import NOTHING, IgnoreList, parse
from sysfuzz.program.golden import golden
from sysfuzz.program.text import parse as program_of
from sysfuzz.targets.table import get
from toy_findings import made

FOUND = made(
    bucket="check/[a]*",  # a bucket may hold what means something in a pattern
    oracle="escape",
    severity="critical",
    target="my.core:boot",
    faces={"escape": 1},
    evidence=Evidence(0, "SIGILL", "dispatched"),
)
ID = slug_of(FOUND.target, FOUND.bucket)
OTHER = replace(FOUND, bucket="check/other")
OTHER_ID = slug_of(OTHER.target, OTHER.bucket)
BY_DESIGN = replace(FOUND, oracle="by-design", severity="by design")
IGNORED = parse("my.core:*  check/*  # as its manual says\n", "ignore.txt")


def base(*findings: Finding) -> Base:
    """What is known."""
    return Base({slug_of(finding.target, finding.bucket): finding for finding in findings}, "findings")


@pytest.mark.parametrize(
    ("finding", "known", "ignored", "expected"),
    [
        (FOUND, [], NOTHING, "new"),
        (FOUND, [OTHER], NOTHING, "new"),
        (FOUND, [replace(FOUND, target="my.core:other")], NOTHING, "new"),
        (FOUND, [FOUND], NOTHING, "known"),
        (FOUND, [replace(FOUND, status="confirmed")], NOTHING, "known"),
        (FOUND, [replace(FOUND, status="rejected")], NOTHING, "known"),
        (FOUND, [replace(FOUND, status="fixed")], NOTHING, "back"),
        (FOUND, [replace(FOUND, status="duplicate", duplicate_of=OTHER_ID), OTHER], NOTHING, "known"),
        (
            FOUND,
            [replace(FOUND, status="duplicate", duplicate_of=OTHER_ID), replace(OTHER, status="fixed")],
            NOTHING,
            "back",
        ),
        (FOUND, [replace(FOUND, status="duplicate", duplicate_of=OTHER_ID)], NOTHING, "known"),
        (FOUND, [replace(FOUND, status="fixed")], IGNORED, "ignored"),
        (FOUND, [], IGNORED, "ignored"),
        (BY_DESIGN, [], NOTHING, "by design"),
        (BY_DESIGN, [replace(FOUND, status="fixed")], NOTHING, "by design"),
    ],
)
def test_standing(finding: Finding, known: list[Finding], ignored: IgnoreList, expected: Standing) -> None:
    """News is what nobody knew of or what is said to be fixed, and neither what is ignored nor what the design's documents say."""
    assert standing(ID, finding, base(*known), ignored) == expected


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ([], ""),
        ([replace(FOUND, status="confirmed")], "confirmed in findings"),
        ([replace(FOUND, status="fixed")], ""),
        ([replace(FOUND, bucket="check/a")], ""),
    ],
)
def test_what_is_known_need_not_be_told(known: list[Finding], reason: str) -> None:
    """A finding that is known is accepted with the reason, by its very target and bucket; one that is fixed is not."""
    assert accepted(base(*known), NOTHING).reason(FOUND) == reason


def test_the_ignore_list_comes_first() -> None:
    """People's reason for a bucket is told rather than that it is known."""
    assert accepted(base(FOUND), IGNORED).reason(FOUND) == "as its manual says"


BAD_FLAG = """\
mode amd64
mmap(0, 0x1000, PROT_READ, MAP_PRIVATE|MAP_ANON|0x800000, -1, 0)  # -> EINVAL
fork()  # -> 0x2
"""


@pytest.mark.parametrize(("target", "missed"), [("nosyscalls", []), ("nosyscalls-2011", [2, 3])])
def test_golden_programs_are_held_to_their_word(target: str, missed: list[int]) -> None:
    """What a program states and the target does not do is missed, by its line; after a panic nothing is done. The buckets are those given."""
    checked = check(get(target), golden(program_of(BAD_FLAG, "flag.prog")), ("a",))
    assert ([miss.line for miss in checked.misses], checked.buckets) == (missed, ("a",))
    assert (checked.file, checked.target) == ("flag.prog", target)


@pytest.mark.parametrize(
    ("buckets", "expected"),
    [(("a",), "known"), (("a", "b"), "new"), (("c",), "ignored"), (("c", "a"), "known"), ((), "broken")],
)
def test_a_golden_program_stands_as_its_worst_bug(buckets: tuple[str, ...], expected: str) -> None:
    """One that fails has the worst standing of the bugs that it shows; with none it is broken, with nothing missed it holds."""
    stated = golden(program_of(BAD_FLAG, "flag.prog"))
    missed = check(get("nosyscalls-2011"), stated, buckets)
    standings: dict[tuple[str, str], Standing] = {
        ("nosyscalls-2011", "a"): "known",
        ("nosyscalls-2011", "b"): "new",
        ("nosyscalls-2011", "c"): "ignored",
    }
    assert outcome(missed, standings) == expected
    assert outcome(Checked(stated, "nosyscalls-2011", (), buckets), standings) == ""
