"""How bad a bug is, by the oracle that showed it: design decisions as one table.

The order is that in which people should read findings. This file knows the oracles by name only.
"""

from collections.abc import Mapping
from typing import Literal

Severity = Literal["critical", "high", "medium", "low", "by design"]

SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "by design")

_BY_ORACLE: Mapping[str, Severity] = {
    # A system call from a no-syscalls page reached the dispatcher: what the whole check is there to prevent.
    "escape": "critical",
    # Any user takes the machine down, or the map says what no entry has shown yet: the next entry will.
    "panic": "high",
    "attribute-lost": "high",
    "attribute-gained": "high",
    "process-flag": "high",
    "guard": "high",
    "insane": "high",
    # An answer that callers build on is wrong.
    "flag-accepted": "medium",
    "sigill-frame": "medium",
    "dispatch": "medium",
    "state-changed": "medium",
    "map": "medium",
    # Refused for the wrong reason, refused without need, or paid for without need: safe, but not as documented.
    "errno": "low",
    "blocked": "low",
    "lock": "low",
    # The design's own documents state it: no bug of this core, and a hole for whoever does not know them.
    "by-design": "by design",
}


def severity_of(oracle: str) -> Severity:
    """The severity of what `oracle` shows. Raises ValueError for a name that is not in the table."""
    severity = _BY_ORACLE.get(oracle)
    if severity is None:
        raise ValueError(f"no severity for oracle {oracle!r}; supported: {', '.join(_BY_ORACLE)}")
    return severity


def rank(severity: Severity) -> int:
    """0 for the most severe: the order of every list of findings."""
    return SEVERITIES.index(severity)


def is_bug(severity: Severity) -> bool:
    """Whether it is more than what the design's own documents say."""
    return severity != "by design"
