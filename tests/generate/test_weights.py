"""Weights are positive, each has its reason, and a table that does not fit its meanings is refused at once."""

import pytest

from sysfuzz.generate import weights

TABLES = {
    name: value for name, value in vars(weights).items() if isinstance(value, dict) and name.isupper() and name != "MAP"
}


@pytest.mark.parametrize("name", TABLES)
def test_every_weight_has_a_reason(name: str) -> None:
    """No row is without weight or without reason."""
    assert TABLES[name]
    for row, (weight, reason) in TABLES[name].items():
        assert row
        assert isinstance(weight, int)
        assert weight > 0
        assert reason


def test_a_deck_repeats_names_by_weight() -> None:
    """Each name stands in the deck as often as its weight, in the order of the table."""
    assert weights.deck({"b": (2, "…"), "a": (1, "…"), "c": (3, "…")}) == ("b", "b", "a", "c", "c", "c")


def test_dealing_replaces_names_by_meanings() -> None:
    """A dealt deck holds what the names mean."""
    assert weights.deal({"b": (2, "…"), "a": (1, "…")}, {"a": 1, "b": 2}) == (2, 2, 1)


@pytest.mark.parametrize("meanings", [{"a": 1}, {"a": 1, "b": 2, "c": 3}])
def test_a_table_without_all_meanings_is_refused(meanings: dict[str, int]) -> None:
    """A name without a meaning, or a meaning without a weight, could never be dealt."""
    with pytest.raises(KeyError, match=r"[bc]"):
        weights.deal({"a": (1, "…"), "b": (1, "…")}, meanings)
