"""Semantic features: what a run did, as small integers in domains, marked in the counter map.

A domain answers one question about behaviour, and a feature is one answer; an input that gives a new answer is kept. Answers hold kinds and
classes, never addresses, so there are some ten thousand of them in all. Whether behaviour is right is not asked here.
"""

from collections.abc import Collection, Hashable, Mapping
from hashlib import blake2b
from zlib import crc32

from sysfuzz.feedback.choices import choices
from sysfuzz.feedback.counters import CounterMap
from sysfuzz.feedback.instrument import DOMAIN as CODE
from sysfuzz.program.ir import Program
from sysfuzz.program.outcome import Attempt, Event, Outcome, Region, View

# Counters for each domain. 200,000 executions of the reference showed 3,333 features of "calls", 2,486 of "entries", 367 of "transitions" and
# 174 of "events". The first two grow with the root of the executions, about: with 4,096 counters each, a campaign had used them up after 400,000
# and 1,300,000 executions, and saw nothing new in them for the rest of its hour. Slices end somewhere, so that no run keeps inputs without end.
DOMAINS: Mapping[str, int] = {
    "calls": 16384,  # call x flags x result: which check of which call answered
    "transitions": 512,  # pairs of map transitions, over the whole program
    "entries": 16384,  # gate x code width x prefixes x position x decision
    "events": 512,  # pairs of events, with the call that an entry made
}


class Features:
    """Marks the features of outcomes in the map's slices."""

    def __init__(self, counters: CounterMap, without: Collection[str] = (), room: int = 1) -> None:
        """Take a slice for each domain, `room` times as large as usual; those in `without`, and the branches of the core if "code" is among
        them, guide nobody.

        ValueError: there is no such domain.
        """
        known = (*DOMAINS, CODE)
        for name in without:
            if name not in known:
                raise ValueError(f"unknown feature domain {name!r}; supported: {', '.join(known)}")
        self._domains = {name: _Domain(counters.slice(name, size * room)) for name, size in DOMAINS.items()}
        for name in without:
            counters.silence(name)

    def mark(self, program: Program, outcome: Outcome) -> None:
        """Set the counters of everything that `outcome` shows."""
        calls, transitions = self._domains["calls"].mark, self._domains["transitions"].mark
        last = ""
        views = outcome.boot
        for op, step in zip(program.ops, outcome.steps, strict=False):
            if op.call == "run":
                self._run(program, step.events, step.pid, views)
            else:
                result = step.result
                calls((op.call, choices(op), result if isinstance(result, str) else ""))
            for word in step.transitions:
                transitions((last, word))
                last = word
            views = step.views

    def names(self) -> dict[str, list[str]]:
        """The features whose counters are set, by domain and in order, each by its name: the same in every process, as its counter is not.

        In a slice that is full a feature may be named that another one has set.
        """
        return {name: domain.names(name) for name, domain in self._domains.items()}

    def _run(self, program: Program, events: tuple[Event, ...], pid: int, views: tuple[View, ...]) -> None:
        entries, pairs = self._domains["entries"].mark, self._domains["events"].mark
        calls = self._domains["calls"].mark
        last: str = program.mode
        for event in events:
            attempt, reply = event.attempt, event.reply
            kind = event.kind
            if attempt is not None and reply is not None:
                if reply.call:
                    kind = "#" if reply.call[0] == "#" else reply.call  # all unassigned numbers are one call
                    calls((kind, program.mode, reply.result if isinstance(reply.result, str) else ""))
                decision = kind if reply.signal is not None else "enter"
                entries((
                    attempt.gate or attempt.vector,
                    attempt.bits,
                    program.mode,
                    program.vendor,
                    _few(attempt.opcode - attempt.start),
                    bool(attempt.base),
                    _position(attempt, pid, views),
                    decision,
                ))  # fmt: skip
                if event.kind == "enter":
                    views = event.views
            pairs((last, kind))
            last = kind


class _Domain:
    """One slice of the map. A feature has the counter that its hash says, or the next one that is free, so that none hides behind another.

    Where two features want the same counter, the one that was met first has it: in another worker it may be the other one.
    """

    def __init__(self, counters: bytearray) -> None:
        self._counters = counters
        self._index: dict[Hashable, int] = {}
        self._names: dict[Hashable, str] = {}
        self._taken = bytearray(len(counters))

    def mark(self, feature: Hashable) -> None:
        """Set the feature's counter."""
        index = self._index.get(feature)
        if index is None:
            index = self._index[feature] = self._place(feature)
        self._counters[index] = 1

    def names(self, domain: str) -> list[str]:
        """64 bits of a hash for each feature whose counter is set: of some thousand, no two have the same."""
        shown = [feature for feature, index in self._index.items() if self._counters[index]]
        for feature in shown:
            if feature not in self._names:
                self._names[feature] = blake2b(f"{domain} {feature!r}".encode(), digest_size=8).hexdigest()
        return sorted([self._names[feature] for feature in shown])

    def _place(self, feature: Hashable) -> int:
        """The counter of a feature that was never met; in a full slice, one that another has as well."""
        taken = self._taken
        wanted = crc32(repr(feature).encode()) % len(taken)
        index = taken.find(0, wanted)
        if index < 0:
            index = taken.find(0, 0, wanted)
        if index < 0:
            return wanted
        taken[index] = 1
        return index


def _few(count: int) -> int:
    """0, 1, 2, 3-6, 7 and more as 0 to 4."""
    return count if count < 3 else 3 if count < 7 else 4


_NEAR = 8  # bytes: one more than the longest opcode


def _position(attempt: Attempt, pid: int, views: tuple[View, ...]) -> tuple[int, int, int, int]:
    """Where the opcode lies: attributes under its first and last byte (-1: unmapped), and how near it is to its region's start and end."""
    first, last = attempt.opcode, attempt.opcode + max(attempt.size, 1) - 1
    region = _region(first, pid, views)
    if region is None:
        return -1, -1, 0, 0
    end = region if last < region.end else _region(last, pid, views)
    near_start, near_end = min(first - region.start, _NEAR), min(region.end - first, _NEAR)
    return region.attributes, -1 if end is None else end.attributes, near_start, near_end


def _region(addr: int, pid: int, views: tuple[View, ...]) -> Region | None:
    for view in views:
        if view.pid == pid:
            for region in view.regions:
                if region.start <= addr < region.end:
                    return region
    return None
