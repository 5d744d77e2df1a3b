"""Which flags mmap knows, and the attributes that some of them attach to a mapping.

An attribute is a flag of a mapping that the VM system itself makes nothing of: it is carried along for others to react on. The first row is
no-syscalls; a further attribute is a further row. Knows bits only, no maps.
"""

from typing import NamedTuple

from sysfuzz.kernel.protocol import KernelPanic
from sysfuzz.kernel.rules import Rules
from sysfuzz.program.names import MAP
from sysfuzz.program.outcome import NOSYSCALLS, STACK


class Attribute(NamedTuple):
    """One attribute: its name, its bit in `Entry.attributes`, the mmap flag that asks for it, the flags that it cannot go with."""

    name: str
    bit: int
    flag: int
    excludes: int


ATTRIBUTES = (
    # MAP_INHERIT asks for the mapping to outlive exec and MAP_RENAME for its pages to change their identity; the promise
    # "no system call from here" is kept over neither, so the combination is refused rather than half kept.
    Attribute(
        "no-syscalls",
        NOSYSCALLS,
        MAP["MAP_NOSYSCALLS"],
        MAP["MAP_INHERIT"] | MAP["MAP_RENAME"],
    ),
)

ALIGNMENT_SHIFT = 24
ALIGNMENT_MASK = 0xFF << ALIGNMENT_SHIFT

_KNOWN = ALIGNMENT_MASK
for _value in MAP.values():
    _KNOWN |= _value
_STACK = MAP["MAP_STACK"]
_ATTRIBUTE_FLAGS = sum(attribute.flag for attribute in ATTRIBUTES)


def attributes_of(flags: int, rules: Rules) -> int | str:
    """The attributes that mmap's `flags` ask for, or an errno name.

    Unknown bits are EINVAL, known ones that cannot be had together EOPNOTSUPP.
    """
    if flags & ~_KNOWN:
        return _refuse("EINVAL", flags, rules)
    if not flags & _ATTRIBUTE_FLAGS:
        return STACK if rules.stack_attribute and flags & _STACK else 0
    if not rules.has_attribute:
        return _refuse("EINVAL", flags, rules)
    attributes = 0
    for attribute in ATTRIBUTES:
        if flags & attribute.flag:
            if flags & attribute.excludes:
                return _refuse("EOPNOTSUPP", flags, rules)
            attributes |= attribute.bit
    return attributes


def _refuse(errno: str, flags: int, rules: Rules) -> int | str:
    if rules.bad_flag == "panic":
        raise KernelPanic(f"sys_mmap: bad flags {flags:#x}")
    return 0 if rules.bad_flag == "ignore" else errno
