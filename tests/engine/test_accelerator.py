"""The accelerator is the same program: what it compiles keeps the same inputs, by the same features, under the same names."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sysfuzz.engine import accelerator
from sysfuzz.engine.accelerator import AcceleratorError
from sysfuzz.engine.epoch import EpochResult, run_epoch
from sysfuzz.engine.settings import CODE_COUNTERS, CORE, FACTORY, EpochSettings


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with nothing in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def epoch(sources: Path | None) -> EpochResult:
    """A short epoch of a target with bugs."""
    return run_epoch(
        EpochSettings(
            factory=FACTORY,
            job={"target": "nosyscalls-2011"},
            packages=(CORE,),
            runs=3000,
            seed=5,
            sources=str(sources or ""),
        )
    )


def same(result: EpochResult, other: EpochResult) -> bool:
    """Whether all is equal but the time that it took."""
    return result._replace(seconds=0) == other._replace(seconds=0)


def test_marks_written_ahead_are_the_marks(tmp_path: Path) -> None:
    """Sources that `prepare` has rewritten, interpreted, give the same epoch: the rewriting changes no number and no meaning."""
    package = tmp_path / "sysfuzz"
    shutil.copytree(Path(accelerator.__file__).parents[1], package, ignore=shutil.ignore_patterns("__pycache__"))
    script = accelerator._PREPARE.format(FACTORY.partition(":")[0], CORE, CODE_COUNTERS)
    subprocess.run([sys.executable, "-P", "-c", script, package], env={"PYTHONPATH": str(tmp_path)}, check=True)
    assert "__counters__" in (package / "kernel" / "mman.py").read_text(encoding="utf-8")
    result = epoch(tmp_path)
    assert result.points
    assert same(result, epoch(None))


def test_compiled_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled core gives the same epoch as the interpreted one; the copy is found again, and removed."""
    try:
        accelerator._require()
    except AcceleratorError as error:
        pytest.skip(f"nothing can be compiled here: {error}")
    # All packages take minutes.
    monkeypatch.setattr(accelerator, "_PACKAGES", ("kernel",))
    monkeypatch.setattr(accelerator, "_MODULES", ())
    assert accelerator.ready() is None
    home = accelerator.build()
    assert accelerator.ready() == home == accelerator.build()
    assert list((home / "sysfuzz" / "kernel").glob("mman.*.so"))
    assert same(epoch(home), epoch(None))
    assert accelerator.remove()
    assert accelerator.ready() is None
    assert not accelerator.remove()


def test_another_source_is_another_copy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was compiled from other sources is never used: the name of a copy tells all that it was made of."""
    before = accelerator._home()
    package = tmp_path / "sysfuzz"
    shutil.copytree(Path(accelerator.__file__).parents[1], package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(accelerator, "_source", lambda: package)
    assert accelerator._home() == before
    with (package / "spec" / "mmap.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert accelerator._home() != before


@pytest.mark.parametrize(
    ("compiler", "message"), [("no-such-compiler", "no C compiler"), ("false", "the sources do not compile here")]
)
def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, cache: Path, compiler: str, message: str) -> None:
    """Without a compiler, or with one that fails, there is one line that says so, and nothing is left behind."""
    monkeypatch.setattr(accelerator, "_PACKAGES", ())
    monkeypatch.setattr(accelerator, "_MODULES", ("findings/severity.py",))
    monkeypatch.setenv("CC", compiler)
    with pytest.raises(AcceleratorError, match=message) as caught:
        accelerator.build()
    assert "\n" not in str(caught.value)
    assert not list(cache.rglob("*.py"))
    assert accelerator.ready() is None
