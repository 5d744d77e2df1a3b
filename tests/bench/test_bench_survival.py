"""Survival of planted weaknesses, against an example that every textbook has and against areas taken by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trials import made, row

from sysfuzz.bench.records import Effort
from sysfuzz.bench.survival import Seen, curve, horizons, restricted_mean, seen

# Weeks of remission of 21 patients who were given 6-MP: Freireich et al., Blood 21 (1963). True: the remission ended.
REMISSION = [
    *(Seen(time, True) for time in (6, 6, 6, 7, 10, 13, 16, 22, 23)),
    *(Seen(time, False) for time in (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)),
]


def test_the_curve_of_the_textbooks():
    """Kaplan-Meier estimates as printed by Kleinbaum and Klein, Survival Analysis, for these patients."""
    found = curve(REMISSION)
    steps = dict(zip(found.times, found.shares, strict=True))
    expected = {0: 1.0, 6: 0.8571, 7: 0.8067, 10: 0.7529, 13: 0.6902, 16: 0.6275, 22: 0.5378, 23: 0.4482, 35: 0.4482}
    assert {time: round(steps[time], 4) for time in expected} == expected
    assert found.censored == (6, 9, 10, 11, 17, 19, 20, 25, 32, 34, 35)


@pytest.mark.parametrize(
    ("observations", "horizon", "area"),
    [
        ([Seen(2, True), Seen(4, True)], 10, 3.0),
        ([Seen(2, True), Seen(10, False)], 10, 6.0),
        ([Seen(2, True), Seen(20, True)], 10, 6.0),
        ([Seen(10, False), Seen(10, False)], 10, 10.0),
        ([Seen(2, False), Seen(4, True)], 10, 4.0),  # of two, one is watched on: 1 until 4, then 0
        ([Seen(2, True), Seen(3, False), Seen(6, True), Seen(10, False)], 10, 2 + 4 * 0.75 + 4 * 0.375),
    ],
)
def test_the_restricted_mean_is_the_area(observations, horizon, area):
    """Below the curve up to the horizon, as taken by hand."""
    assert restricted_mean(observations, horizon) == pytest.approx(area)


def test_the_restricted_mean_of_the_textbooks_patients():
    """To 10 weeks: 6 without a loss, then the steps at 6 and 7."""
    assert restricted_mean(REMISSION, 10) == pytest.approx(6 + 18 / 21 + 3 * (18 / 21) * (16 / 17))


_SEEN = st.builds(Seen, st.integers(1, 50), st.booleans())


@settings(max_examples=10)  # a fit takes 36 ms
@given(st.lists(_SEEN, min_size=1, max_size=8).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_order_does_not_matter(pair):
    """Neither for the curve nor for its area."""
    one, other = pair
    assert curve(one) == curve(other)
    assert restricted_mean(one, 20) == restricted_mean(other, 20)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), st.integers(1, 60))
def test_without_censoring_it_is_the_mean(times, horizon):
    """Of the times, each at most the horizon."""
    expected = sum(min(time, horizon) for time in times) / len(times)
    assert restricted_mean([Seen(time, True) for time in times], horizon) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("trial", "horizon", "expected"),
    [
        (made(found=40), 100, Seen(40, True)),
        (made(found=100), 100, Seen(100, True)),
        (made(found=101), 100, Seen(100, False)),
        (made(spent=30), 100, Seen(30, False)),
        (made(), 100, Seen(100, False)),
    ],
)
def test_what_comes_after_the_horizon_is_not_seen(trial, horizon, expected):
    """A later detection is a trial without one until then."""
    assert seen(trial, "executions", horizon) == expected


@pytest.mark.parametrize(
    ("trials", "executions", "seconds"),
    [
        (row("full", "w", [3, None]), 1000, 10.0),
        (row("full", "w", [3, 5]), 1000, 10.0),
        (row("full", "w", [None]) + row("uniform", "w", [None, None], rate=1000), 1000, 1.0),
        (row("full", "w", [None]) + row("slow", "w", [None], spent=50, rate=5), 50, 10.0),
        ([made(weakness="w", spent=20), made(weakness="w", seed=2)], 1000, 10.0),
        (row("full", "w", [None], budget=Effort(2000, 40.0)) + row("uniform", "w", [1]), 1000, 10.0),
    ],
    ids=["censored", "all detected", "a fast engine", "a slow engine", "one was stopped", "two budgets"],
)
def test_the_horizon_is_where_knowledge_ends(trials, executions, seconds):
    """The budget, unless the trials of some engine ended before and the last of them without a detection."""
    assert horizons(trials, "executions") == {"w": executions}
    assert horizons(trials, "seconds") == {"w": seconds}
