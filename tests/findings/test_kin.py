"""Which findings of a store are told to be perhaps one bug."""

from dataclasses import replace
from pathlib import Path

import pytest
from sightings import NOON, sighting

from sysfuzz.findings.bucket import slug_of
from sysfuzz.findings.finding import Finding, Status
from sysfuzz.findings.kin import elders
from sysfuzz.findings.store import Entry


def entry(bucket: str, target: str = "t", status: Status = "new") -> Entry:
    """A finding as a store lists it."""
    finding = replace(Finding.first(sighting("escape", bucket=bucket, target=target), NOON), status=status)
    return Entry(slug_of(target, bucket), finding, Path(slug_of(target, bucket)))


def test_the_simpler_one_stands_for_its_kin() -> None:
    """What shows for a gate at any place stands for what shows there at odd places only; other families stand for themselves."""
    entries = [entry("check/int80/tail"), entry("check/int80"), entry("attribute/mmap/merge")]
    assert elders(entries) == {"t--check--int80--tail": "t--check--int80"}
    assert elders(reversed(entries)) == elders(entries)


def test_targets_are_worlds_apart() -> None:
    """A finding of one target says nothing about another."""
    assert elders([entry("check/int80/tail"), entry("check/int80", target="u")]) == {}


@pytest.mark.parametrize("status", ["fixed", "rejected", "duplicate"])
def test_a_closed_finding_stands_for_nothing(status: Status) -> None:
    """When the elder is settled, what still shows is another bug."""
    assert elders([entry("check/int80/tail"), entry("check/int80", status=status)]) == {}
