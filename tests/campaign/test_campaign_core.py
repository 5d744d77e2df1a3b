"""The version of a core: it changes with everything that decides about outcomes, and with nothing else."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sysfuzz.campaign import core
from sysfuzz.campaign.core import Changed, Core
from sysfuzz.engine.process import EngineError

HOUR_NS = 3600 * 10**9


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour from now: what is changed in a test was changed long before it is looked at."""
    now = time.time_ns
    monkeypatch.setattr(core.time, "time_ns", lambda: now() + HOUR_NS)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read as a whole from now on."""
    seen: list[str] = []
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: seen.append(str(path)) or real(path))
    return seen


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


def test_what_a_core_reads_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that importing a core opens in any way, or loads as a library is part of it; what it writes is not, nor what is not a file."""
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("table.json", "opened", "raw", "later"):
        (tmp_path / name).write_text("{}")
    library = tmp_path / "empty.so"
    subprocess.run(["cc", "-shared", "-nostdlib", "-x", "c", "-o", str(library), "-"], input=b"", check=True)
    (tmp_path / "readingcore.py").write_text(
        "import ctypes, os, pathlib, tempfile\n"
        f"home = pathlib.Path({str(tmp_path)!r})\n"
        "(home / 'table.json').read_text()\n"
        "os.chdir(home)\n"
        "open('opened', 'rb').close()\n"
        "os.close(os.open(b'raw', os.O_RDONLY))\n"
        "ctypes.CDLL('./empty.so')\n"
        "(home / 'cache').write_text('x')\n"
        "(home / 'cache').read_text()\n"
        "open('/proc/self/stat').close()\n"
        "open(os.devnull).close()\n"
        "tempfile.TemporaryFile().close()\n"
        "os.listdir(home)\n"
        "def boot(): open('later').close()\n"
    )
    found = Core.of("readingcore:boot")
    assert {path.name for path in found.files} == {"readingcore.py", "table.json", "opened", "raw", "empty.so"}
    (tmp_path / "table.json").write_text("[]")
    assert found.has_changed()
    assert Core.of("readingcore:boot").version != found.version


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


@pytest.mark.usefixtures("later")
def test_nothing_is_read_again_while_nothing_is_touched(tmp_path: Path, reads: list[str]) -> None:
    """A further look reads no file; a file that was only touched is read, and has not changed; thereafter nothing is read once more."""
    file = tmp_path / "core.py"
    file.write_text("one")
    found = Core((file,))
    assert str(file) in reads
    reads.clear()
    for _ in range(3):
        assert not found.has_changed()
    assert reads == []
    tick(file)
    os.utime(file)
    assert not found.has_changed()
    assert str(file) in reads
    reads.clear()
    assert not found.has_changed()
    assert reads == []


def tick(path: Path) -> None:
    """Wait until the file system's clock has gone on since a file was changed: a change that is made now has another time."""
    other = path.with_suffix(".tick")
    other.touch()
    while other.stat().st_ctime_ns == path.stat().st_ctime_ns:
        other.touch()


def write(path: Path) -> None:
    """Other contents of the same length, and the old time."""
    before = path.stat()
    path.write_text("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    """Another file in its place, with the same length and an old time."""
    before = path.stat()
    other = path.with_suffix(".new")
    other.write_text("two")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("change", [write, replace, Path.unlink])
def test_no_change_is_missed(tmp_path: Path, change: Callable[[Path], None]) -> None:
    """Whatever times and sizes say, other contents are a change, and the old ones again are none."""
    file = tmp_path / "core.py"
    file.write_text("one")
    found = Core((file,))
    assert not found.has_changed()
    tick(file)
    change(file)
    assert found.has_changed()
    assert found.has_changed()
    file.write_text("one")
    assert not found.has_changed()


def test_a_young_file_is_read_again(tmp_path: Path, reads: list[str]) -> None:
    """While a file may change within the same tick of the clock as before, its time proves nothing."""
    file = tmp_path / "core.py"
    file.write_text("one")
    found = Core((file,))
    reads.clear()
    assert not found.has_changed()
    assert str(file) in reads


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("name", ["kernel/added.py", "spec/__init__.py", "oracles/deep/added.py", "../added.dist-info"])
def test_what_comes_and_goes_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reads: list[str]
) -> None:
    """A file that is added to the sources or taken from them is a change; what is installed beside them makes all be read again."""
    home = tmp_path / "sysfuzz"
    subprocess.run(["cp", "-r", str(Path(core.sysfuzz.__file__).parent), str(home)], check=True)
    (home / "oracles" / "deep").mkdir()
    monkeypatch.setattr(core.sysfuzz, "__file__", str(home / "__init__.py"))
    monkeypatch.syspath_prepend(tmp_path)
    tick(home / "oracles" / "deep")
    found = Core(())
    assert not found.has_changed()
    reads.clear()
    path = home / name
    if path.exists():
        path.unlink()
    else:
        path.touch()
    assert found.has_changed() == (path.suffix == ".py")
    assert reads


def test_what_cannot_be_imported_is_told() -> None:
    """With its words."""
    with pytest.raises(
        EngineError, match=r"target nosuchmodule:boot: importing it failed\n(.|\n)*No module named 'nosuchmodule'"
    ):
        Core.of("nosuchmodule:boot")
