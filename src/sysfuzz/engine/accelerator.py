"""The accelerator: a compiled copy of the sources, which workers import in the place of these. Optional, and never a second implementation.

mypyc, mypy's compiler, takes the sources, once the core is instrumented (`feedback/ahead.py`) and constants are final (`finals.py`). A copy is
kept in the user's cache under a hash of all that it was made of, so that a changed source is never run from an old copy. It serves the built-in
designs: compiled classes cannot be derived from, so a core of the user's own, which may want to, runs interpreted.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import sysfuzz
from sysfuzz.engine.finals import finalise
from sysfuzz.engine.settings import CODE_COUNTERS, CORE, FACTORY

# Where an execution spends its time. What is left out of them cannot be compiled, or is not worth it.
_PACKAGES = ("program", "x86", "kernel", "spec", "machine", "generate", "targets", "oracles", "feedback")
_MODULES = ("findings/bucket.py", "findings/severity.py", "engine/journal.py", "engine/guard.py", "engine/job.py")
_COPIED = (*_PACKAGES, "findings", "engine", "bench")  # what workers and benchmarks import
_INTERPRETED = (
    "machine/library.py",  # mypyc 2.4 makes no valid C of a ctypes structure
    "targets/ccore.py",  # ctypes again; a core in C runs interpreted
    "targets/clibrary.py",
    "targets/contained.py",
    "targets/marks.py",  # nor is a core of the user's own in Python compiled
    "feedback/instrument.py",  # not used where all is prepared
    "feedback/ahead.py",
)
_PREPARE = "import sys; from pathlib import Path; from sysfuzz.feedback import ahead; ahead.prepare(Path(sys.argv[1]), {!r}, ({!r},), {})"
_COMPILE = (
    "import sys; from setuptools import setup; from mypyc.build import mypycify; files = sys.argv[1:]; "
    "sys.argv[1:] = ['--quiet', 'build_ext', '--inplace']; "
    "setup(name='sysfuzz', packages=[], ext_modules=mypycify("
    "['--follow-imports=silent', '--ignore-missing-imports', *files], opt_level='2', debug_level='0'))"
)
_LAST_WORDS = 300  # characters of a failed compiler's output


class AcceleratorError(Exception):
    """The sources cannot be compiled here; the message is one line that says what is missing."""


def ready() -> Path | None:
    """The directory to import from, if these very sources have been compiled for this interpreter."""
    home = _home()
    return home if (home / "sysfuzz" / "__init__.py").exists() else None


def build() -> Path:
    """Compile the sources, unless that has been done; takes minutes. AcceleratorError, OSError."""
    _require()
    home = _home()
    if ready() is not None:
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="building-", dir=home.parent) as name:
        copy = Path(name) / "copy"
        for path in _sources():
            target = copy / "sysfuzz" / path.relative_to(_source())
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        first = FACTORY.partition(":")[0]
        _run(copy, _PREPARE.format(first, CORE, CODE_COUNTERS), str(copy / "sysfuzz"))
        compiled = _compiled(copy)
        for path in map(copy.joinpath, compiled):
            path.write_text(finalise(path.read_text(encoding="utf-8")), encoding="utf-8")
        _run(copy, _COMPILE, *compiled)
        for left in ("build", ".mypy_cache"):
            shutil.rmtree(copy / left, ignore_errors=True)
        try:
            copy.rename(home)
        except OSError:
            if ready() is None:  # else another process was faster
                raise
    return home


def remove() -> bool:
    """Remove all compiled copies, of other sources as well; whether there was one."""
    if not _cache().exists():
        return False
    shutil.rmtree(_cache())
    return True


def _compiled(copy: Path) -> list[str]:
    """What is compiled, relative to the copy, in order. A package's __init__ that only documents it stays as it is."""
    files = [path for package in _PACKAGES for path in sorted((copy / "sysfuzz" / package).rglob("*.py"))]
    files += [copy / "sysfuzz" / name for name in _MODULES]
    left = {copy / "sysfuzz" / name for name in _INTERPRETED}
    return [str(path.relative_to(copy)) for path in files if path not in left and path.name != "__init__.py"]


def _require() -> None:
    """Raise AcceleratorError if what compiling needs is missing."""
    for package in ("mypy", "setuptools"):
        try:
            version(package)
        except PackageNotFoundError:
            raise AcceleratorError(f"{package} is not installed; sysfuzz[test] has it") from None
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        raise AcceleratorError(f"there is no C compiler ({compiler})")
    headers = Path(sysconfig.get_path("include"), "Python.h")
    if not headers.exists():
        raise AcceleratorError(f"the headers of this Python are missing ({headers})")


def _run(copy: Path, script: str, *arguments: str) -> None:
    """Run a script in a fresh interpreter that imports from the copy."""
    # A worker's hashes are not random either: mypyc's output repeats.
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", "-c", script, *arguments]
    done = subprocess.run(
        command, cwd=copy, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = " ".join((done.stdout + done.stderr).split())
        raise AcceleratorError(f"the sources do not compile here: ...{words[-_LAST_WORDS:]}")


def _source() -> Path:
    return Path(sysfuzz.__file__).parent


def _sources() -> list[Path]:
    return [_source() / "__init__.py", *(path for name in _COPIED for path in sorted((_source() / name).rglob("*.py")))]


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sysfuzz" / "compiled"


def _home() -> Path:
    """Where the copy of these very sources is, once it is made."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(f"{path.relative_to(_source())}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for package in ("mypy", "unicorn", "atheris"):
        try:
            digest.update(f"{package} {version(package)}\0".encode())
        except PackageNotFoundError:
            digest.update(f"{package}\0".encode())
    digest.update(f"{sys.version}\0{sysconfig.get_platform()}".encode())
    return _cache() / digest.hexdigest()[:24]
