"""The oracles that need no spec: panic, and the core's own sanity check."""

import re
from collections.abc import Iterator

from sysfuzz.oracles.case import Case
from sysfuzz.oracles.verdict import Verdict

_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|-?\d+")


def panic(case: Case) -> Iterator[Verdict]:
    """No sequence of calls by a user process may make the kernel give up: a panic is a denial of service for everybody.

    An exception out of the core counts: in a kernel it would be a wild pointer.
    """
    found = case.outcome.panic
    if found is not None:
        op = max(len(case.outcome.steps) - 1, 0)
        # Which call ran into it does not matter: an explicit panic is known by its message, any other by its place.
        words = (found.exception, found.where) if found.exception else (without_numbers(found.reason),)
        said = ": ".join(filter(None, (found.exception, found.reason)))
        yield Verdict("panic", op, "no panic", f"panic: {said} ({found.where})", "/".join(("panic", *words)))


def insane(case: Case) -> Iterator[Verdict]:
    """The core itself says that its data no longer fit together: what it answers from now on means nothing."""
    if case.outcome.insane:
        op = len(case.outcome.steps) - 1
        cause = case.partings[0].cause if case.partings else "insane/" + without_numbers(case.outcome.insane)
        yield Verdict("insane", max(op, 0), "a sane map", case.outcome.insane, cause)


def without_numbers(text: str) -> str:
    """`text` without the numbers that differ from program to program."""
    return " ".join(_NUMBERS.sub("", text).split())
