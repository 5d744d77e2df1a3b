"""The version of a core: it changes with everything that decides about outcomes, and with nothing else."""

import subprocess
from pathlib import Path

import pytest

from sysfuzz.campaign import core
from sysfuzz.campaign.core import Changed, Core
from sysfuzz.engine.process import EngineError


def test_files_of_a_core_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module, what it imports, and modules of the same package that it imports; another file beside them does not count."""
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "ownpackage"
    package.mkdir()
    for name, text in (
        ("__init__", ""),
        ("boot", "import json, ownhelper\nfrom ownpackage import maps\n"),
        ("maps", ""),
        ("unused", ""),
    ):
        (package / f"{name}.py").write_text(text)
    (tmp_path / "ownhelper.py").write_text("")
    found = Core.of("ownpackage.boot:boot")
    assert {path.relative_to(tmp_path).as_posix() for path in found.files} == {
        "ownhelper.py",
        "ownpackage/__init__.py",
        "ownpackage/boot.py",
        "ownpackage/maps.py",
    }
    (package / "unused.py").write_text("# changed\n")
    found.check()
    for path in found.files:
        before = path.read_text()
        path.write_text(f"{before}# changed\n")
        with pytest.raises(Changed):
            found.check()
        path.write_text(before)
        found.check()
    (tmp_path / "ownhelper.py").unlink()
    assert found.has_changed()


def test_a_library_is_its_own_file(tmp_path: Path) -> None:
    """The bytes of it."""
    library = tmp_path / "core.so"
    library.write_bytes(b"one")
    found = Core.of(str(library))
    assert found.files == (library,)
    library.write_bytes(b"two")
    assert found.has_changed()


def test_sources_of_sysfuzz_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the sources has the same version; a change in the kernel, the spec or the oracles another, one in the generator the same."""
    home = tmp_path / "sysfuzz"
    subprocess.run(["cp", "-r", str(Path(core.sysfuzz.__file__).parent), str(home)], check=True)
    version = Core.of("nosyscalls").version
    monkeypatch.setattr(core.sysfuzz, "__file__", str(home / "__init__.py"))
    assert Core.of("nosyscalls").version == version
    for name, counts in (
        ("kernel/mman.py", True),
        ("spec/mmap.py", True),
        ("oracles/calls.py", True),
        ("generate/fresh.py", False),
    ):
        path = home / name
        before = path.read_text()
        path.write_text(f"{before}# changed\n")
        assert (Core.of("nosyscalls").version != version) == counts, name
        path.write_text(before)


def test_what_cannot_be_imported_is_told() -> None:
    """With its words."""
    with pytest.raises(
        EngineError, match=r"target nosuchmodule:boot: importing it failed\n(.|\n)*No module named 'nosuchmodule'"
    ):
        Core.of("nosuchmodule:boot")
