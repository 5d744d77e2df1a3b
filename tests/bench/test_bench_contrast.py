"""Two engines compared: effect sizes and tests against examples of the literature, and what must hold of them whatever the numbers."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_trials import made, row
from test_bench_survival import REMISSION

from sysfuzz.bench.contrast import Contrast, a12, contrasts, holm, interval, magnitude
from sysfuzz.bench.records import Effort

# The patients of the same study who were given a placebo: weeks until the remission ended, which it did for all of them.
PLACEBO = (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)

_NUMBERS = st.lists(st.integers(0, 9), min_size=1, max_size=9)
_P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=9)


def against(full, **others) -> dict[str, Contrast]:
    """The full engine against others, in executions, to a horizon that is the budget of 1,000."""
    ends = {trial.weakness: 1000.0 for trial in full}
    return {one.engine: one for one in contrasts(full, others, "executions", ends)}


def test_a12_of_an_example():
    """The example of R's package effsize, whose Cliff's delta, 2 A12 - 1, is -0.25."""
    treatment = [10, 10, 20, 20, 20, 30, 30, 30, 40, 50]
    assert a12(treatment, [10, 20, 30, 40, 40, 50]) == 0.375


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([4, 5], [1, 2, 3], 1.0),
        ([1, 2, 3], [4, 5], 0.0),
        ([1, 2], [2, 1], 0.5),
        ([math.inf, 1], [math.inf, math.inf], 0.25),
    ],
)
def test_a12_at_its_ends(first, second, expected):
    """All larger, none larger, the same, and trials without a detection, which are equal to one another."""
    assert a12(first, second) == expected


@given(_NUMBERS, _NUMBERS)
def test_a12_of_both_sides_is_one(first, second):
    """What one side wins the other loses, and ties are halved."""
    assert a12(first, second) + a12(second, first) == pytest.approx(1)


@given(_NUMBERS.flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))), _NUMBERS)
def test_a12_knows_no_order(pair, other):
    """Only the values count."""
    assert a12(pair[0], other) == a12(pair[1], other)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (0.5, "negligible"), (0.555, "negligible"), (0.556, "small"), (0.638, "medium"), (0.713, "medium"), (0.714, "large"),
        (1.0, "large"), (0.445, "negligible"), (0.444, "small"), (0.362, "medium"), (0.286, "large"), (0.0, "large"),
    ],
)  # fmt: skip
def test_the_words_of_vargha_and_delaney(value, word):
    """The bounds belong to the larger effect, on either side of 0.5."""
    assert magnitude(value) == word


def test_holm_of_an_example():
    """Adjusted p-values as R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") gives them."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(_P_VALUES)
def test_holm_only_raises_and_keeps_the_order(values):
    """No adjusted value is smaller than its own, larger than 1 or Bonferroni's, or passes another's."""
    adjusted = holm(values)
    assert all(
        own <= now <= min(1, own * len(values)) or math.isclose(now, own)
        for own, now in zip(values, adjusted, strict=True)
    )
    order = sorted(range(len(values)), key=values.__getitem__)
    assert [adjusted[index] for index in order] == sorted(adjusted)


def test_the_log_rank_test_of_the_textbooks():
    """Treatment against placebo: chi-square 16.79 with one degree of freedom (Kleinbaum and Klein)."""
    budget = Effort(36, 36)
    treated = [
        made(seed=seed, found=one.time if one.detected else None, spent=one.time, budget=budget, rate=1)
        for seed, one in enumerate(REMISSION)
    ]
    placebo = [made("placebo", seed=seed, found=time, budget=budget, rate=1) for seed, time in enumerate(PLACEBO)]
    found = against(treated, placebo=placebo)["placebo"]
    assert found.tests.log_rank == pytest.approx(math.erfc(math.sqrt(16.79 / 2)), rel=0.005)
    assert found.other == pytest.approx(sum(PLACEBO) / 21)


def test_the_smallest_p_of_five_against_five():
    """All five trials below all others': 2 of the 252 orders are as far apart."""
    found = against(row("full", "w", range(1, 6)), other=row("other", "w", range(6, 11)))["other"]
    assert found.tests.mann_whitney == pytest.approx(2 / 252)
    assert found.a12 == found.a12_pooled == 1.0


def test_the_smallest_p_of_six_weaknesses():
    """All six restricted means below the other's: 2 of the 64 choices of signs are as far from 0."""
    full, other = [], []
    for number in range(6):
        full += row("full", f"w{number}", [10 + number])
        other += row("other", f"w{number}", [100 + 7 * number])
    assert against(full, other=other)["other"].tests.signed_rank == pytest.approx(2 / 64)


def test_all_engines_are_one_family():
    """Each test's p-values are adjusted over the engines."""
    full = row("full", "w", range(1, 6))
    found = against(full, a=row("a", "w", range(6, 11)), b=row("b", "w", range(1, 6)))
    assert found["a"].adjusted.mann_whitney == pytest.approx(2 * 2 / 252)
    assert found["b"].adjusted.mann_whitney == 1.0


def test_a12_is_taken_within_weaknesses():
    """Ten times as quick on each of two weaknesses that differ a thousandfold: always on the same one, half of the time across."""
    full = row("full", "easy", [1, 1]) + row("full", "hard", [100, 100])
    other = row("other", "easy", [10, 10]) + row("other", "hard", [1000, 1000])
    found = against(full, other=other)["other"]
    assert found.a12 == 1.0
    assert found.a12_pooled == 0.75
    assert [duel.factor for duel in found.duels] == [10, 10]


def test_only_what_both_have_run_is_compared():
    """A weakness or seed that one of them lacks counts for neither; nothing in common is no contrast."""
    full = row("full", "a", [10, 20, 900]) + row("full", "b", [30])
    found = against(full, some=row("some", "a", [40, 60]) + row("some", "c", [1]), none=row("none", "c", [1]))
    assert list(found) == ["some"]
    assert (found["some"].trials, found["some"].full, found["some"].other) == (2, 15, 50)


_FOUND = st.none() | st.integers(1, 1000)


@settings(max_examples=10)
@given(st.lists(st.tuples(_FOUND, _FOUND), min_size=2, max_size=12))
def test_the_other_way_round_is_the_opposite(pairs):
    """Exchanged engines: the same p-values, and what was ahead is behind."""
    one = [trial for number, (found, _) in enumerate(pairs) for trial in row("full", f"w{number // 2}", [found])]
    two = [trial for number, (_, found) in enumerate(pairs) for trial in row("full", f"w{number // 2}", [found])]
    one, two = ([trial._replace(seed=number) for number, trial in enumerate(side)] for side in (one, two))
    assume(one != two)
    here, there = against(one, other=two)["other"], against(two, other=one)["other"]
    assert here.tests == pytest.approx(there.tests)
    assert here.standing == -there.standing
    assert here.difference == pytest.approx(-there.difference)
    assert here.a12 + there.a12 == pytest.approx(1)


def test_ahead_needs_means_effect_and_tests_to_agree():
    """Far apart is ahead or behind; the same, or apart in a single weakness of many, is neither."""

    def engine(name, times):
        return [
            trial
            for number, time in enumerate(times)
            for trial in row(name, f"w{number:02}", [time + seed for seed in range(5)])
        ]

    quick, slow = [10 + number for number in range(20)], [500 + 5 * number for number in range(20)]
    found = against(
        engine("full", quick),
        slow=engine("slow", slow),
        same=engine("same", quick),
        one=engine("one", [900, *quick[1:]]),
    )
    assert {name: one.standing for name, one in found.items()} == {"slow": 1, "same": 0, "one": 0}
    assert against(engine("full", slow), quick=engine("quick", quick))["quick"].standing == -1


def test_the_interval_is_that_of_the_mean():
    """Of 100 differences of which half are 0 and half 1 the standard error is 0.05; the same each time; a single one has none."""
    found = interval([0.0, 1.0] * 50)
    assert found == pytest.approx((0.5 - 1.96 * 0.05, 0.5 + 1.96 * 0.05), abs=0.015)
    assert interval([0.0, 1.0] * 50) == found
    assert interval([3.0, 3.0]) == (3.0, 3.0)
    assert interval([3.0]) is None
