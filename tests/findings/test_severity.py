"""The table of severities."""

import pytest

from sysfuzz.findings.severity import SEVERITIES, is_bug, rank, severity_of
from sysfuzz.oracles.judge import BY_DESIGN, ORACLES


@pytest.mark.parametrize(
    ("oracle", "severity"),
    [
        ("escape", "critical"),
        ("panic", "high"),
        ("attribute-lost", "high"),
        ("attribute-gained", "high"),
        ("process-flag", "high"),
        ("guard", "high"),
        ("insane", "high"),
        ("flag-accepted", "medium"),
        ("sigill-frame", "medium"),
        ("state-changed", "medium"),
        ("map", "medium"),
        ("errno", "low"),
        ("blocked", "low"),
        ("lock", "low"),
        ("by-design", "by design"),
    ],
)
def test_severities_are_those_of_the_design(oracle: str, severity: str) -> None:
    """Each oracle has the severity that the design gives it."""
    assert severity_of(oracle) == severity


def test_every_oracle_has_a_severity() -> None:
    """A new oracle cannot be forgotten in the table."""
    assert {severity_of(oracle) for oracle in (*ORACLES, BY_DESIGN)} == set(SEVERITIES)


def test_unknown_oracle_is_refused() -> None:
    """A name that is not in the table is a mistake in the code, not a severity."""
    with pytest.raises(ValueError, match=r"no severity for oracle 'escap'; supported: escape, panic"):
        severity_of("escap")


def test_rank_orders_from_worst_to_least() -> None:
    """Sorting by rank puts the critical first, and what is no bug last."""
    assert sorted(["low", "critical", "by design", "medium", "high"], key=rank) == list(SEVERITIES)


def test_by_design_is_no_bug() -> None:
    """What the design's own documents state counts for nothing that bugs count for."""
    assert [severity for severity in SEVERITIES if not is_bug(severity)] == ["by design"]
