"""The plan: every trial once, and any beginning of it fair."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.bench.plan import Planned, plan

NAMES = st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=1, max_size=5, unique=True)
SEEDS = st.integers(1, 4)


@given(NAMES, NAMES, SEEDS)
def test_every_trial_is_planned_once(weaknesses, engines, seeds):
    """Each weakness meets each engine with each seed, no pair twice."""
    due = {Planned(w, e, s) for w in weaknesses for e in engines for s in range(1, seeds + 1)}
    trials = plan(weaknesses, engines, range(1, seeds + 1))
    assert len(trials) == len(due)
    assert set(trials) == due


@given(NAMES, NAMES, SEEDS, st.data())
def test_any_beginning_is_balanced(weaknesses, engines, seeds, data):
    """Wherever a run ends, no engine is more than one trial ahead of another, nor a weakness more than one seed of each engine."""
    trials = plan(weaknesses, engines, range(1, seeds + 1))
    start = trials[: data.draw(st.integers(0, len(trials)))]
    for names, field, most in ((engines, "engine", 1), (weaknesses, "weakness", len(engines))):
        counts = Counter(getattr(trial, field) for trial in start)
        numbers = [counts[name] for name in names]
        assert max(numbers) - min(numbers) <= most
