"""The oracles in words."""

import pytest

from sysfuzz.oracles.judge import BY_DESIGN, ORACLES
from sysfuzz.report.rules import RULES, rule_of


def test_every_oracle_has_its_words() -> None:
    """No oracle is without texts, and no text without its oracle."""
    assert set(RULES) == {*ORACLES, BY_DESIGN}


@pytest.mark.parametrize("oracle", RULES)
def test_form(oracle: str) -> None:
    """A title is a few words of its own; claim and advice are sentences."""
    rule = RULES[oracle]
    assert 2 <= len(rule.title.split()) <= 5
    assert [other.title for other in RULES.values()].count(rule.title) == 1
    for text in (rule.claim, rule.advice):
        assert text[0].isupper() or text.startswith("mmap")
        assert text.endswith(".")
        assert "  " not in text


def test_unknown_oracle() -> None:
    """An oracle of another version is named, and said to be unknown."""
    rule = rule_of("time-travel")
    assert rule.title == "time-travel"
    assert "does not know" in rule.advice
