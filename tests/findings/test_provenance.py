"""Where findings come from."""

import platform
from importlib import metadata

import pytest

import sysfuzz
from sysfuzz.findings.provenance import installed_versions


def test_versions_are_those_that_are_installed() -> None:
    """Everything that decides about an outcome is named with its version."""
    versions = installed_versions()
    assert list(versions) == ["sysfuzz", "python", "unicorn", "atheris", "capstone"]
    assert versions["sysfuzz"] == sysfuzz.__version__
    assert versions["python"] == platform.python_version()
    assert versions["unicorn"] == metadata.version("unicorn")


def test_a_missing_package_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not installed is named all the same, so that `doctor` can say so."""

    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    assert installed_versions()["atheris"] == ""
