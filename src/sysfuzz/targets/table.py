"""The targets by name: the designs that ship with sysfuzz, and cores of the user's own as `module:attribute`.

How a core is run is `emulated`'s business, what the designs are that of `designs`.
"""

import importlib
import re
from typing import Protocol

from sysfuzz.kernel.protocol import Boot
from sysfuzz.program.ir import Program
from sysfuzz.program.outcome import Outcome
from sysfuzz.spec.promise import REFERENCE, Promise
from sysfuzz.targets.clibrary import LibraryError, LibraryTarget
from sysfuzz.targets.contained import Contained
from sysfuzz.targets.declared import DeclarationError, declared
from sysfuzz.targets.designs import DESIGNS
from sysfuzz.targets.emulated import EmulatedTarget
from sysfuzz.targets.marks import Marks, marked

__all__ = ["DESIGNS", "Target", "TargetError", "get", "is_library", "is_own", "names"]


class Target(Protocol):
    """Anything that runs a program and yields an outcome: the same outcome for the same program, always."""

    name: str
    summary: str
    promise: Promise  # what it is judged by

    def run(self, program: Program) -> Outcome:
        """Run a valid program."""


class TargetError(ValueError):
    """There is no such target; the message says what is supported."""


SUMMARY = "a core of your own"

_OWN = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_OURS = "sysfuzz."  # planted weaknesses, which are named like a core of the user's own


def names() -> list[str]:
    """Names of the built-in targets."""
    return list(DESIGNS)


def is_library(name: str) -> bool:
    """Whether `name` means a library with a core in C rather than a design or `module:attribute`."""
    return "/" in name or name.endswith(".so")


def is_own(name: str) -> bool:
    """Whether this names a core of the user's own: a Python object, or a library."""
    return ":" in name or is_library(name)


def get(name: str, *, contained: bool = True) -> Target:
    """The target called `name`, or the core of the user's own: `module:attribute`, or a library written in C. Raises TargetError.

    `contained` is about cores of the user's own: they run in a process of their own, so that its death is an outcome. Otherwise they run in
    this one. Their module is imported, their library opened, in this one.
    """
    design = DESIGNS.get(name)
    if design is not None:
        return EmulatedTarget(design.name, design.summary, design.boot, design.promise)
    if is_library(name):
        return _library(name, contained)
    if ":" in name:
        return _object(name, contained and not name.startswith(_OURS))
    raise TargetError(
        f"unknown target {name!r}; supported: {', '.join(DESIGNS)}, or your own core as module:attribute or ./library.so"
    )


def _library(name: str, contained: bool) -> Target:
    try:
        target = LibraryTarget(name, quiet=not contained)  # a worker's standard error is libFuzzer's
    except LibraryError as error:
        raise TargetError(f"target {error}") from error
    return Contained(target, target.library.marks) if contained else target


def _object(name: str, contained: bool) -> Target:
    boot = _boot(name)
    promise = _promise(name, boot)
    if not contained:
        return EmulatedTarget(name, SUMMARY, boot, promise)
    marks = Marks()
    return Contained(EmulatedTarget(name, SUMMARY, marked(boot, marks), promise), marks)


def _promise(name: str, boot: Boot) -> Promise:
    """What a core of the user's own is judged by: its `promise`, the name of a design; without one, what the reference promises."""
    try:
        return declared(getattr(boot, "promise", REFERENCE.name), getattr(boot, "unsupported", ()))
    except DeclarationError as error:
        raise TargetError(f"target {name!r}: {error}") from error


def _boot(name: str) -> Boot:
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
