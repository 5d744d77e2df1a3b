"""What is promised about installing: the lock is complete, exact and portable, and the entry points exist."""

import os
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PYTHONS = ("3.11", "3.12", "3.13")


def environment(python: str) -> dict[str, str]:
    """Values of the markers on Linux with the given version of Python."""
    return {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "os_name": "posix",
        "extra": "",
    }


def applies(requirement: Requirement, python: str) -> bool:
    """Whether the markers of a requirement hold."""
    return requirement.marker is None or requirement.marker.evaluate(environment(python))


def locked() -> list[tuple[Requirement, list[str]]]:
    """Each requirement of the lock with its hashes."""
    logical = re.sub(r"\\\n", " ", "\n".join(line for line in LOCK.splitlines() if not line.lstrip().startswith("#")))
    entries = []
    for line in filter(None, logical.splitlines()):
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        entries.append((Requirement(requirement), hashes))
    return entries


def wanted() -> list[Requirement]:
    """Everything that pyproject.toml asks for, the build system included."""
    groups = PROJECT["project"]["optional-dependencies"].values()
    lists = [PROJECT["project"]["dependencies"], PROJECT["build-system"]["requires"], *groups]
    return [Requirement(text) for group in lists for text in group]


@pytest.mark.parametrize("python", PYTHONS)
def test_lock_pins_what_is_asked_for(python: str) -> None:
    """For each Python, each wanted package is locked at exactly one version, and that version is allowed."""
    for want in wanted():
        if applies(want, python):
            pins = [pin for pin, _ in locked() if pin.name == want.name and applies(pin, python)]
            versions = [specifier.version for pin in pins for specifier in pin.specifier]
            assert len(versions) == 1, want
            assert want.specifier.contains(versions[0]), want


def test_lock_is_exact() -> None:
    """Each requirement is one version with == and has hashes."""
    for pin, hashes in locked():
        assert [specifier.operator for specifier in pin.specifier] == ["=="], pin
        assert hashes, pin
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), pin


def test_lock_names_no_index() -> None:
    """The lock works with any index or mirror: it holds no address and no option but hashes."""
    assert "://" not in LOCK
    assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", LOCK)) == {"--hash"}


def test_build_backend_is_the_locked_one() -> None:
    """The environment is built without isolation, so the backend comes from the lock: the very version that is declared."""
    assert PROJECT["build-system"]["requires"] == PROJECT["dependency-groups"]["build"]
    (backend,) = PROJECT["build-system"]["requires"]
    assert [str(pin) for pin, _ in locked() if pin.name == "setuptools"] == [backend]


@pytest.mark.parametrize(("python", "version"), [("3.11", "3.0.0"), ("3.12", "3.1.0"), ("3.13", "3.1.0")])
def test_atheris_has_a_wheel(python: str, version: str) -> None:
    """Each Python gets the release of atheris that has a wheel for it: others need a compiler."""
    pins = [str(pin.specifier) for pin, _ in locked() if pin.name == "atheris" and applies(pin, python)]
    assert pins == [f"=={version}"]


@pytest.mark.parametrize(
    "script", [".ci/run", *sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob("harnesses/*.py"))]
)
def test_scripts_can_be_started(script: str) -> None:
    """libFuzzer starts harnesses again by their path, so they are executable and say by what."""
    assert os.access(ROOT / script, os.X_OK)
    assert (ROOT / script).read_text(encoding="utf-8").startswith("#!/usr/bin/env ")


def test_golden_programs_are_shipped() -> None:
    """What `sysfuzz doctor --target` runs lies in the package: all golden programs of the tests, by one link that the build follows."""
    package = ROOT / "src" / "sysfuzz"
    link = package / "targets" / "programs"
    assert link.is_symlink()
    assert link.resolve() == ROOT / "tests" / "programs"
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["sysfuzz"]
    shipped = {path for pattern in patterns for path in package.glob(pattern)}
    programs = {link / path.relative_to(link.resolve()) for path in link.resolve().rglob("*.prog")}
    assert programs
    assert programs <= shipped


def test_license() -> None:
    """The license is the one that the metadata names, held by the developers."""
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["project"]["license"] == "BSD-2-Clause"
    assert text.startswith("BSD 2-Clause License")
    assert "The sysfuzz developers" in text
