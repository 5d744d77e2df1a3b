"""A core's design decisions as data; the defaults are the sound reference.

A rule exists only where a real design decided otherwise (`targets/` says which and where that is known from). The rules change what a few
calls do when they carry an attribute along; they are read there and nowhere on the path of an entry.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Rules:
    """Every field is one decision; see `docs/semantics.md` for what the reference promises."""

    bad_flag: Literal["errno", "panic", "ignore"] = (
        "errno"  # what mmap does about unknown bits and unsupported combinations
    )
    has_attribute: bool = True  # mmap knows MAP_NOSYSCALLS; else it is one of the unknown bits
    stack_attribute: bool = False  # MAP_STACK is an attribute
    merge_compares_attributes: bool = True  # two entries merge only if their attributes are equal
    move_carries_attributes: bool = True  # mremap copies the attributes to the pages' new place
    grow_carries_attributes: bool = True  # pages that mremap adds inherit the attributes


REFERENCE = Rules()
