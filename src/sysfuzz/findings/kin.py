"""Findings that may be one bug: the same on all lists, told and never dropped.

Two buckets are kin if what the one names can be what the other names under more circumstances (`oracles/kinship.py`). Only what is open on
one target is compared: when the elder is fixed, what is left stands for itself. Knows neither files nor programs.
"""

from collections.abc import Iterable, Mapping

from sysfuzz.findings.store import Entry
from sysfuzz.oracles.kinship import fold

_OPEN = ("new", "confirmed")


def is_open(entry: Entry) -> bool:
    """Whether it is compared with others: nobody has called it settled."""
    return entry.finding.status in _OPEN


def elders(entries: Iterable[Entry]) -> Mapping[str, str]:
    """Id of the finding that may stand for it, by id, of those among `entries` that have one."""
    by_target: dict[str, dict[str, str]] = {}  # id by bucket
    for entry in entries:
        if is_open(entry):
            by_target.setdefault(entry.finding.target, {})[entry.finding.bucket] = entry.id
    found = {}
    for ids in by_target.values():
        for bucket, elder in fold(ids).items():
            if elder != bucket:
                found[ids[bucket]] = ids[elder]
    return found
