"""Comparing the spec's pages with a core's regions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.program.layout import MAX_PAGES
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import Region, View
from sysfuzz.spec import Difference, Matcher, Page, State, diff, matches

P = PAGE
TRAITS = (3, 7, 1, 0, 0, 0)
OTHER = (5, 7, 1, 0, 0, 1)
STATE = State(1, False, {16: Page(*TRAITS), 17: Page(*TRAITS, 3), 18: Page(*OTHER)})
SAME = (Region(16 * P, 18 * P, *TRAITS), Region(18 * P, 19 * P, *OTHER))


def region(first, beyond, traits=TRAITS):
    """A region of whole pages."""
    return Region(first * P, beyond * P, *traits)


@pytest.mark.parametrize(
    "regions",
    [
        SAME,
        (region(16, 17), region(17, 18), region(18, 19, OTHER)),
        (region(18, 19, OTHER), region(16, 18)),
    ],
)
def test_any_split_matches(regions):
    """Which entries a core keeps, and in which order it lists them, does not matter."""
    view = View(1, False, regions)
    assert matches(STATE, view)
    assert diff(STATE, view) == []


@pytest.mark.parametrize(
    ("regions", "wanted"),
    [
        ((), [Difference(n, "mapped", 1, 0) for n in (16, 17, 18)]),
        (SAME[:1], [Difference(18, "mapped", 1, 0)]),
        (
            (region(30, 33),),
            [Difference(n, "mapped", 1, 0) for n in (16, 17, 18)]
            + [Difference(n, "mapped", 0, 1) for n in (30, 31, 32)],
        ),
        ((*SAME, region(30, 32)), [Difference(30, "mapped", 0, 1), Difference(31, "mapped", 0, 1)]),
        (
            (region(16, 17), region(17, 19, OTHER)),
            [Difference(17, "prot", 3, 5), Difference(17, "attributes", 0, 1)],
        ),
        ((region(16, 18, (3, 5, 0, 2, 4, 0)), SAME[1]), [
            Difference(n, field, wanted, actual)
            for n in (16, 17)
            for field, wanted, actual in (("maxprot", 7, 5), ("inherit", 1, 0), ("advice", 0, 2), ("wired", 0, 4))
        ]),
        ((*SAME, region(18, 19, OTHER)), [Difference(18, "mapped", 1, 2)]),
        ((region(16, 18), region(16, 17)), [Difference(16, "mapped", 1, 2), Difference(18, "mapped", 1, 0)]),
        ((SAME[0], Region(18 * P, 19 * P - 1, *OTHER)), [Difference(18, "aligned", 0, 1)]),
        ((Region(16 * P + 8, 18 * P, *TRAITS), SAME[1]), [Difference(16, "aligned", 0, 8)]),
        ((*SAME, Region(20 * P, 20 * P, *TRAITS)), []),
    ],
)  # fmt: skip
def test_differences_by_page(regions, wanted):
    """Every difference is told, page by page in order, and there is none just if the two match."""
    view = View(1, False, regions)
    assert diff(STATE, view) == wanted
    assert matches(STATE, view) == (not wanted)


def test_a_region_as_large_as_the_address_space():
    """A core may report nonsense: it is told without walking all of it."""
    view = View(1, False, (region(1, 1 << 51),))
    assert not matches(STATE, view)
    extra = [difference for difference in diff(STATE, view) if difference.field == "mapped"]
    assert extra[0] == Difference(1, "mapped", 0, 1)
    assert len(extra) == MAX_PAGES + 1
    assert {16, 17, 18}.isdisjoint(difference.page for difference in extra)


def test_agree_compares_processes_and_marks():
    """The same pids in the same order, the same marks, and matching maps; whatever was asked before."""
    other = State(2, True, {})
    views = (View(1, False, SAME), View(2, True, ()))
    cases = [
        ((STATE, other), views, True),
        ((STATE,), views, False),
        ((STATE, other), views[:1], False),
        ((STATE, other), (views[0], View(3, True, ())), False),
        ((STATE, other), (views[0], View(2, False, ())), False),
        ((STATE, other), (views[0], View(2, True, SAME)), False),
        ((STATE, other), (View(1, False, SAME[1:]), views[1]), False),
        ((STATE._replace(pages={}), other), views, False),
        ((STATE._replace(marked=True), other), views, False),
        ((STATE._replace(pid=2),), (View(2, False, SAME),), True),
        ((STATE, other), views, True),
    ]
    matcher = Matcher()
    for states, reported, wanted in cases:
        assert matcher.agree(states, reported) is wanted
        assert Matcher().agree(states, reported) is wanted


PAGES = st.dictionaries(st.integers(1, 12), st.builds(Page, *[st.integers(0, 1)] * 6, st.sampled_from([-1, 2])))


@given(PAGES, PAGES, st.booleans())
def test_matches_is_equality_of_traits(expected, actual, split):
    """A view made of some pages matches just the state whose pages have the same traits, and diff agrees with that."""
    regions = []
    for number in sorted(actual):
        traits = actual[number][:6]
        if regions and not split and regions[-1].end == number * P and regions[-1][2:] == traits:
            regions[-1] = regions[-1]._replace(end=(number + 1) * P)
        else:
            regions.append(region(number, number + 1, traits))
    view = View(1, False, tuple(regions))
    for pages in (expected, actual):
        same = {n: page[:6] for n, page in pages.items()} == {n: page[:6] for n, page in actual.items()}
        assert matches(State(1, False, pages), view) == same
        assert (diff(State(1, False, pages), view) == []) == same
