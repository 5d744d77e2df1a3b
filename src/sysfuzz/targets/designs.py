"""The designs that ship: how each boots, what it is judged by, and the weaknesses that it is known for.

A weakness names the causes by which it is found (or what they begin with), and how it is known: its author has stated it, or it follows from
sources that were read and not run. What a design's own documents state is no weakness here; its promise has the citation.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.msyscall import Msyscall
from sysfuzz.kernel.pinsyscalls import Pinsyscalls
from sysfuzz.kernel.protocol import Boot, Core, Memory
from sysfuzz.kernel.rules import Rules
from sysfuzz.kernel.seccomp import Seccomp
from sysfuzz.kernel.sud import Sud, SudInclusive
from sysfuzz.kernel.syscallemu import Syscallemu
from sysfuzz.program.ir import Mode
from sysfuzz.spec.promise import PROMISES, REFERENCE, Promise


class Weakness(NamedTuple):
    """A known way in which a design falls short of its promise."""

    summary: str
    known: Literal["stated", "inferred"]
    source: str
    causes: tuple[str, ...]


class Design(NamedTuple):
    """A target that is built from the core."""

    name: str
    summary: str
    boot: Boot
    promise: Promise = REFERENCE
    weaknesses: tuple[Weakness, ...] = ()

    def weakness(self, cause: str) -> Weakness | None:
        """The known weakness that `cause` shows; None if it is none of them."""
        for known in self.weaknesses:
            for words in known.causes:
                if cause == words or cause.startswith(f"{words}/"):
                    return known
        return None


def _flag_of_2011(mode: Mode, memory: Memory) -> Core:
    rules = Rules(
        bad_flag="panic",
        merge_compares_attributes=False,
        move_carries_attributes=False,
        grow_carries_attributes=False,
    )
    return Kernel(mode, memory, rules)


_UVM_MAP = "NetBSD sys/uvm/uvm_map.c with map_attrib in struct vm_map_entry, 2012-2015"

_DESIGNS = (
    Design("nosyscalls", "the flag done right: the reference, nothing to be found", Kernel),
    Design(
        "nosyscalls-2011",
        "the flag as first committed to NetBSD in 2011",
        _flag_of_2011,
        REFERENCE,
        (
            Weakness(
                "mmap panics on a bad flag",
                "stated",
                "the author's mail to source-changes, 2011",
                ("panic/sys_mmap: bad flags",),
            ),
            Weakness(
                "mmap beside a compatible entry takes the neighbour's attribute",
                "inferred",
                f"{_UVM_MAP}: UVM_ET_ISCOMPATIBLE does not compare it",
                ("attribute/mmap/merge",),
            ),
            Weakness(
                "mremap loses the attribute when it moves",
                "inferred",
                f"{_UVM_MAP}: uvm_map_extract copies the fields one by one, without it",
                ("attribute/mremap/move",),
            ),
            Weakness(
                "pages that mremap adds lose the attribute, unless they merge with the old entry",
                "inferred",
                f"{_UVM_MAP}: uvm_mapent_extend copies the fields one by one, without it",
                ("attribute/mremap/grow",),
            ),
        ),
    ),
    Design(
        "syscallemu",
        "NetBSD's successor of the flag: one range of addresses a process",
        Syscallemu,
        PROMISES["syscallemu"],
    ),
    Design("msyscall", "OpenBSD 6.7 to 7.4: mappings that calls may come from", Msyscall, PROMISES["msyscall"]),
    Design(
        "pinsyscalls",
        "OpenBSD 7.5: one address for each call, and immutable mappings",
        Pinsyscalls,
        PROMISES["pinsyscalls"],
    ),
    Design("sud", "Linux Syscall User Dispatch: one range a thread that calls may come from", Sud, PROMISES["sud"]),
    Design(
        "sud-inclusive",
        "the same with 6.17's mode: one range that calls may not come from",
        SudInclusive,
        PROMISES["sud-inclusive"],
    ),
    Design("seccomp-ip", "Linux seccomp: filters on the instruction pointer", Seccomp, PROMISES["seccomp-ip"]),
)

DESIGNS: Mapping[str, Design] = {design.name: design for design in _DESIGNS}
