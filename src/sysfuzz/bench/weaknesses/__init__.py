"""The table of planted weaknesses: cores with one thing wrong each, which the fuzzer is measured on.

Each row is the reference with a small override, or with other rules; `module:attribute` on the command line boots it:
`--target sysfuzz.bench.weaknesses:merge_ignores`. The families are in files of their own. tests/weaknesses/NAME.prog is the smallest program
that shows it, written by hand.
"""

from collections.abc import Mapping

from sysfuzz.bench.weaknesses import checks, deep_entries, deep_maps, failures, flags, frames, lineage, maps, marks
from sysfuzz.bench.weaknesses.planted import Planted
from sysfuzz.kernel.protocol import Boot
from sysfuzz.targets.emulated import EmulatedTarget
from sysfuzz.targets.table import Target

_FAMILIES = (flags, maps, lineage, marks, checks, frames, failures, deep_maps, deep_entries)

WEAKNESSES: Mapping[str, Planted] = {row.name: row for family in _FAMILIES for row in family.ROWS}


def target(name: str) -> Target:
    """The weak core `name` as a target, named as on the command line. Raises KeyError."""
    row = WEAKNESSES[name]
    return EmulatedTarget(f"{__name__}:{name}", row.summary, row.boot)


def __getattr__(name: str) -> Boot:
    """The core of row `name`, so that each is an attribute of this module."""
    row = WEAKNESSES.get(name)
    if row is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return row.boot
