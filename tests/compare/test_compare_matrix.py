"""The matrix: which of many answers a cell keeps."""

from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.compare.cells import Sight
from sysfuzz.compare.classes import CLASSES
from sysfuzz.compare.matrix import Matrix
from sysfuzz.compare.scenario import Scenario
from sysfuzz.program.text import parse

SMALL, MIDDLE, LARGE = (
    Scenario(parse("fork()\n" * count).program, f"{count}", allowed="so it is") for count in (1, 2, 3)
)


def test_a_worse_word_stands() -> None:
    """Whatever the sizes: escapes, by design, blocked, and nothing at last."""
    matrix = Matrix(["t", "u"])
    assert matrix.cell("C5", "t").word == "not applicable"
    for scenario, sight in (
        (SMALL, Sight("C5", "blocked")),
        (MIDDLE, Sight("C5", "by design", "so it is")),
        (LARGE, Sight("C5", "escapes", "check/syscall", True)),
    ):
        assert matrix.add("t", scenario, [sight])
        cell = matrix.cell("C5", "t")
        assert (cell.word, cell.why, cell.scenario) == (sight.word, sight.why, scenario)
        assert not matrix.add("t", scenario, [sight])
    assert not matrix.add("t", SMALL, [Sight("C5", "by design")])
    assert matrix.cell("C5", "u").word == "not applicable"


def test_the_smallest_program_of_what_an_entry_has_shown_stands() -> None:
    """Of one word a program in which a call got in comes first, then the smaller one."""
    matrix = Matrix(["t"])
    matrix.add("t", SMALL, [Sight("C8", "escapes", "attribute/fork")])
    matrix.add("t", LARGE, [Sight("C8", "escapes", "attribute/fork", True)])
    assert matrix.cell("C8", "t").scenario == LARGE
    matrix.add("t", MIDDLE, [Sight("C8", "escapes", "attribute/mmap/merge", True)])
    assert (matrix.cell("C8", "t").scenario, matrix.cell("C8", "t").why) == (MIDDLE, "attribute/mmap/merge")


def test_what_has_no_class_is_kept_apart() -> None:
    """By target and cause, with the smallest program."""
    matrix = Matrix(["t"])
    for scenario in (MIDDLE, SMALL, LARGE):
        matrix.add("t", scenario, [Sight("", "escapes", "check/syscall", True)])
    assert matrix.others == {("t", "check/syscall"): SMALL}
    assert matrix.count("not applicable") == len(CLASSES)


SEEN = st.tuples(
    st.sampled_from(("t", "u")),
    st.sampled_from((SMALL, MIDDLE, LARGE)),
    st.builds(
        Sight,
        st.sampled_from(("", "C1", "C2")),
        st.sampled_from(("escapes", "by design", "blocked")),
        st.sampled_from(("", "a", "b")),
        st.booleans(),
    ),
)


@given(st.lists(SEEN, max_size=12).flatmap(lambda seen: st.tuples(st.just(seen), st.permutations(seen))))
def test_the_order_does_not_matter(orders: tuple[list[tuple[str, Scenario, Sight]], ...]) -> None:
    """The same things seen make the same matrix."""
    made = []
    for order in orders:
        matrix = Matrix(["t", "u"])
        for target, scenario, sight in order:
            matrix.add(target, scenario, [sight])
        made.append(([matrix.cell(name, target) for name in CLASSES for target in ("t", "u")], matrix.others))
    assert made[0] == made[1]
