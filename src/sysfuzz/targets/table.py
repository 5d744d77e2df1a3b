"""The targets by name: the designs that ship with sysfuzz, and cores of the user's own as `module:attribute`.

A design is the built-in core under its own rules; each of its known weaknesses says how it is known. How a core is run is `emulated`'s
business.
"""

import importlib
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.protocol import Boot, Core, Memory
from sysfuzz.kernel.rules import REFERENCE, Rules
from sysfuzz.program.ir import Mode, Program
from sysfuzz.program.outcome import Outcome
from sysfuzz.targets.emulated import EmulatedTarget


class Target(Protocol):
    """Anything that runs a program and yields an outcome: the same outcome for the same program, always."""

    name: str
    summary: str

    def run(self, program: Program) -> Outcome:
        """Run a valid program."""


class TargetError(ValueError):
    """There is no such target; the message says what is supported."""


class Weakness(NamedTuple):
    """A known deviation of a design from the reference."""

    summary: str
    known: Literal["stated", "inferred"]
    source: str


class Design(NamedTuple):
    """A target built from the core by rules."""

    name: str
    summary: str
    rules: Rules
    weaknesses: tuple[Weakness, ...] = ()


_UVM_MAP = "NetBSD sys/uvm/uvm_map.c with map_attrib in struct vm_map_entry, 2012-2015"

DESIGNS: Mapping[str, Design] = {
    design.name: design
    for design in (
        Design(
            "nosyscalls",
            "the flag done right: the reference, nothing to be found",
            REFERENCE,
        ),
        Design(
            "nosyscalls-2011",
            "the flag as first committed to NetBSD in 2011",
            Rules(
                bad_flag="panic",
                merge_compares_attributes=False,
                move_carries_attributes=False,
                grow_carries_attributes=False,
            ),
            (
                Weakness(
                    "mmap panics on a bad flag",
                    "stated",
                    "the author's mail to source-changes, 2011",
                ),
                Weakness(
                    "mmap beside a compatible entry takes the neighbour's attribute",
                    "inferred",
                    f"{_UVM_MAP}: UVM_ET_ISCOMPATIBLE does not compare it",
                ),
                Weakness(
                    "mremap loses the attribute when it moves",
                    "inferred",
                    f"{_UVM_MAP}: uvm_map_extract copies the fields one by one, without it",
                ),
                Weakness(
                    "pages that mremap adds lose the attribute, unless they merge with the old entry",
                    "inferred",
                    f"{_UVM_MAP}: uvm_mapent_extend copies the fields one by one, without it",
                ),
            ),
        ),
    )
}

_OWN = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def names() -> list[str]:
    """Names of the built-in targets."""
    return list(DESIGNS)


def get(name: str) -> Target:
    """The target called `name`, or the core of the user's own that `module:attribute` names. Raises TargetError."""
    design = DESIGNS.get(name)
    if design is not None:
        return EmulatedTarget(design.name, design.summary, _boot(design.rules))
    if ":" in name:
        return EmulatedTarget(name, "a core of your own", _own(name))
    raise TargetError(f"unknown target {name!r}; supported: {', '.join(DESIGNS)}, or your own core as module:attribute")


def _boot(rules: Rules) -> Boot:
    def boot(mode: Mode, memory: Memory) -> Core:
        return Kernel(mode, memory, rules)

    return boot


def _own(name: str) -> Boot:
    if not _OWN.fullmatch(name):
        raise TargetError(f"target {name!r} is no module:attribute")
    module_name, attribute = name.split(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever the user's module raises while it is imported is told, not thrown
        raise TargetError(
            f"target {name!r}: importing {module_name} failed: {type(error).__name__}: {error}"
        ) from error
    boot = getattr(module, attribute, None)
    if not callable(boot):
        raise TargetError(
            f"target {name!r}: {module_name} has no callable {attribute}; a function (mode, memory) -> core is needed"
        )
    return boot  # type: ignore[no-any-return]  # an attribute of the user's module: checked when it boots
