"""Distilling: nothing that was shown is lost, nothing is kept that is not needed, and the order is that of rarity."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.feedback.distil import distil, union

Rows = list[dict[str, frozenset[int]]]

programs = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(["calls", "code"]), st.frozensets(st.integers(0, 5), max_size=4)),
        st.integers(1, 50),
    ),
    max_size=7,
)


def shown_by(rows: Rows) -> set[tuple[str, int]]:
    """All features, counted without the code under test."""
    return {(domain, feature) for row in rows for domain, features in row.items() for feature in features}


@given(programs)
def test_all_features_are_kept_and_no_program_is_too_many(cases: list[tuple[dict[str, frozenset[int]], int]]) -> None:
    """The kept programs show what all show, and without any one of them less would be shown."""
    rows, sizes = [row for row, _ in cases], [size for _, size in cases]
    kept = distil(rows, sizes)
    assert list(kept) == sorted(set(kept))
    assert shown_by([rows[position] for position in kept]) == shown_by(rows)
    for fewer in combinations(kept, max(0, len(kept) - 1)):
        assert len(fewer) == len(kept) or shown_by([rows[position] for position in fewer]) != shown_by(rows)


@pytest.mark.parametrize(
    ("shown", "sizes", "expected"),
    [
        ([], [], ()),
        ([{"calls": {1}}, {"calls": {1}}], [9, 4], (1,)),  # the smaller of two that show the same
        ([{"calls": {1}}, {"calls": {1}}], [4, 4], (0,)),  # the first of two that are alike
        ([{"calls": {1, 2}}, {"calls": {1}}, {"calls": {2}}], [5, 4, 4], (0,)),  # one that shows it all for little
        ([{"calls": {1, 2}}, {"calls": {1}}, {"calls": {2}}], [50, 4, 4], (1, 2)),  # but not at any price
        ([{"calls": {1}, "code": {1}}, {"calls": {1}}, {"code": {2}}], [8, 2, 8], (0, 2)),  # a number means nothing across domains
        ([{"calls": set()}, {}], [1, 1], ()),  # what shows nothing
    ],
)  # fmt: skip
def test_choices(shown: list[dict[str, set[int]]], sizes: list[int], expected: tuple[int, ...]) -> None:
    """Small cases whose answer is seen at a glance."""
    assert distil(shown, sizes) == expected


def test_union_counts_each_feature_once() -> None:
    """By domain, in the order of names."""
    assert list(union([{"code": {1, 2}}, {"calls": {7}, "code": {2}}]).items()) == [("calls", 1), ("code", 2)]
