"""Where a finding comes from: what must be the same for the run that found it to happen again.

Knows the installation, not what a finding is.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata

import sysfuzz

# What decides about an outcome (unicorn), about the order of inputs (python, atheris), about what is legal (capstone).
_PACKAGES = ("unicorn", "atheris", "capstone")


@dataclass(frozen=True, slots=True)
class Provenance:
    """The run that found a program: it was the worker's execution number `executions`, counted from 1."""

    versions: Mapping[str, str]
    seed: int
    epoch: int
    worker: int
    executions: int


def installed_versions() -> dict[str, str]:
    """Versions of sysfuzz, python and the packages that a finding rests on; "" for one that is not installed."""
    versions = {"sysfuzz": sysfuzz.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = ""
    return versions
