"""The pytest plugin, as a kernel project uses it: a real pytest, in a process and a directory of its own.

The plugin is asked for by its module, and entry points are shut out, so that these tests are the same whether it is installed or not.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sysfuzz.targets.table import names

HOLDS = """\
mode amd64
mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)  # -> 0x10000
mmap(0x11000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)  # -> 0x11000
poke(0x10ffa, "b8140000006690660f05c3")
run(0x10ffa)                            # -> SIGILL @0x11002
"""
WRONG = HOLDS.replace("SIGILL @0x11002", "SIGILL @0x11000; done")
OWN_CORE = """\
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.rules import REFERENCE


class Mine(Kernel):
    def __init__(self, mode, memory):
        super().__init__(mode, memory, REFERENCE)

    def call(self, pid, lwp, name, args):
        return "EPERM" if name == "mmap" else super().call(pid, lwp, name, args)


def broken(mode, memory):
    raise RuntimeError("no such machine")
"""


def run(directory: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    """pytest in `directory`, strict about everything."""
    if not {"pytest.ini", "pyproject.toml"} & set(os.listdir(directory)):
        (directory / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n")
    plugin = ("-p", "sysfuzz.pytest_plugin", "-p", "no:cacheprovider", "--strict-config")
    path = os.pathsep.join(name for name in sys.path if name.endswith(("site-packages", "src")))
    return subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "--color=no", *plugin, *args],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": path, "COLUMNS": "200", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def counts(done: "subprocess.CompletedProcess[str]") -> str:
    """The last line without its time."""
    return done.stdout.splitlines()[-1].rpartition(" in ")[0].lstrip("= ")


def test_programs_lie_beside_tests(tmp_path: Path) -> None:
    """Each *.prog below the collected directories is one test, a hidden one is none, and tests in Python run as they did."""
    (tmp_path / "vm" / "map").mkdir(parents=True)
    for name in ("a.prog", "vm/b.prog", "vm/map/c.prog", "vm/.d.prog", "vm/prog", "e.program"):
        (tmp_path / name).write_text(HOLDS)
    (tmp_path / "vm" / "test_it.py").write_text("def test_it():\n    assert True\n")
    done = run(tmp_path, "-vv")
    assert (done.returncode, counts(done)) == (0, "4 passed")
    assert "vm/map/c.prog::check PASSED" in done.stdout
    assert counts(run(tmp_path, "vm/b.prog")) == "1 passed"
    assert counts(run(tmp_path, "-k", "vm and prog")) == "2 passed, 2 deselected"


def test_a_failure_is_located_and_shown_side_by_side(tmp_path: Path) -> None:
    """File and line, what was expected beside what came, and the code around the place; in the summary as well, and no traceback."""
    (tmp_path / "wrong.prog").write_text(WRONG)
    done = run(tmp_path)
    assert (done.returncode, counts(done)) == (1, "1 failed")
    where = "wrong.prog:5: expected SIGILL @0x11000; done, got SIGILL @0x11002"
    assert f"FAILED wrong.prog::check - Failed: {where}\n" in done.stdout
    start = done.stdout.index(where)
    assert done.stdout[start : done.stdout.index("=====", start)] == (
        f"""\
{where}

run(0x10ffa) on nosyscalls
     expected         got
  >  SIGILL @0x11000  SIGILL @0x11002
  >  done

  > 0x10ffa: b814000000      mov eax, 0x14
    0x10fff: 66              (bad)
  > 0x11000: 90              nop
  > 0x11001: 660f05          syscall
    0x11004: c3              ret
"""
    )
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    ("ini", "option", "failing"),
    [
        ("", "", {"targeted"}),
        ("nosyscalls-2011", "", {"plain", "targeted", "found"}),
        ("nosyscalls", "", set()),
        ("nosyscalls", "nosyscalls-2011", {"plain", "targeted", "found"}),
        ("nosyscalls-2011", "nosyscalls", set()),
    ],
)
def test_which_target(tmp_path: Path, ini: str, option: str, failing: set[str]) -> None:
    """The option wins over the ini value, that over the file's `# target:`, that over the reference; `# found on:` decides nothing."""
    (tmp_path / "plain.prog").write_text(HOLDS)
    (tmp_path / "targeted.prog").write_text("# target: nosyscalls-2011\n" + HOLDS)
    (tmp_path / "found.prog").write_text("# found on: nosyscalls-2011\n" + HOLDS)
    if ini:
        (tmp_path / "pytest.ini").write_text(f"[pytest]\nsysfuzz_target = {ini}\n")
    done = run(tmp_path, *([f"--sysfuzz-target={option}"] if option else []))
    assert {line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED ")} == {
        f"{name}.prog::check" for name in failing
    }
    assert done.returncode == bool(failing)


def test_a_core_of_ones_own(tmp_path: Path) -> None:
    """module:attribute is found in the root directory, wherever pytest is started and though nothing else would look there."""
    (tmp_path / "mycore.py").write_text(OWN_CORE)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "it.prog").write_text(HOLDS)
    done = run(tmp_path, "--sysfuzz-target", "mycore:Mine")
    assert "tests/it.prog:2: expected 0x10000, got EPERM\n" in done.stdout
    inside = run(tmp_path / "tests", "-c", "../pytest.ini", "--rootdir=..", "--sysfuzz-target=mycore:Mine", ".")
    assert "\nit.prog:2: expected 0x10000, got EPERM\n" in inside.stdout
    assert [done.returncode, inside.returncode] == [1, 1]


BAD = {
    "mode amd64\nfrok()\n": "it.prog:2:1: unknown call 'frok' (did you mean fork?); supported: mmap, ",
    "mode amd64\nfork()  # -> twice\n": "it.prog:2:14: expectation of fork: unexpected 'twice'; supported: ",
    "mode amd64\nfork()\n": "it.prog: nothing to check; an op says what it yields behind '# ->'",
    f"# target: nosuch\n{HOLDS}": f"it.prog:1: unknown target 'nosuch'; supported: {', '.join(names())}",
}


def errors(done: "subprocess.CompletedProcess[str]") -> list[list[str]]:
    """The lines about each error, less the directory of the test."""
    parts = done.stdout.partition("short test summary")[0].split(" ERROR at setup of ")[1:]
    return [[line for line in part.splitlines()[1:] if line.strip("=_ ")] for part in parts]


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    """A file that means nothing, or states nothing, or names no target is an error, not a failure, of one located line; others still run."""
    for number, text in enumerate(BAD):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "it.prog").write_text(text)
    (tmp_path / "test_good.py").write_text("def test_good():\n    assert True\n")
    done = run(tmp_path)
    assert (done.returncode, counts(done)) == (1, f"1 passed, {len(BAD)} errors")
    for number, ((line,), message) in enumerate(zip(errors(done), BAD.values(), strict=True)):
        assert line.startswith(f"{number}/{message}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sysfuzz-target=nosuch"], "--sysfuzz-target: unknown target 'nosuch'; supported: "),
        (["--sysfuzz-target=no_such:core"], "--sysfuzz-target: target 'no_such:core': importing no_such failed: "),
        (["--sysfuzz-target=mycore:broken"], "--sysfuzz-target: target mycore:broken does not boot in mode amd64: "),
        (
            ["--sysfuzz-target=leaving:core"],
            "--sysfuzz-target: target leaving:core cannot be used: importing and booting it ended",
        ),
        (["-o", "sysfuzz_target=nosuch"], "pytest.ini: sysfuzz_target: unknown target 'nosuch'; supported: "),
    ],
)
def test_targets_that_cannot_be_used(tmp_path: Path, options: list[str], message: str) -> None:
    """The line names whoever named the target: the option or the ini file."""
    (tmp_path / "mycore.py").write_text(OWN_CORE)
    (tmp_path / "leaving.py").write_text("import os\nprint('tried', file=open('tries', 'a'))\nos._exit(0)\n")
    (tmp_path / "it.prog").write_text(HOLDS)
    (tmp_path / "that.prog").write_text(HOLDS)
    done = run(tmp_path, *options)
    assert (done.returncode, counts(done)) == (1, "2 errors")
    (line,), again = errors(done)
    assert again == [line]
    assert not (tmp_path / "tries").exists() or (tmp_path / "tries").read_text() == "tried\n"
    assert line.removeprefix(f"{tmp_path}/").startswith(message)


def test_a_wrong_map_fails_on_the_reference_only(tmp_path: Path) -> None:
    """As in `sysfuzz check`, the reference must satisfy the oracles as well; of another target only what is stated counts."""
    core = OWN_CORE.replace('return "EPERM" if name == "mmap" else super()', "return super()")
    (tmp_path / "mycore.py").write_text(
        core.replace("REFERENCE)", "replace(REFERENCE, merge_compares_attributes=False))")
    )
    source = "from dataclasses import replace\n" + (tmp_path / "mycore.py").read_text()
    (tmp_path / "mycore.py").write_text(source)
    (tmp_path / "conftest.py").write_text(
        "import mycore\nfrom sysfuzz.targets import table\nfrom sysfuzz.targets.emulated import EmulatedTarget\n"
        "real = table.get\n"
        "table.get = lambda name, **how: EmulatedTarget(name, '', mycore.Mine) if name == 'nosyscalls' else real(name, **how)\n"
    )
    (tmp_path / "it.prog").write_text("\n".join(HOLDS.splitlines()[:3]) + "\n")
    done = run(tmp_path)
    assert done.returncode == 1
    assert "\nit.prog:3: attribute-lost: expected process 1 page 0x11000: attributes 1, got " in done.stdout
    assert run(tmp_path, "--sysfuzz-target=mycore:Mine").returncode == 0


def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    """Another test may leave pytest in a directory that does not exist any more; programs are tests all the same."""
    (tmp_path / "z.prog").write_text(HOLDS)
    (tmp_path / "test_leaves.py").write_text(
        "import os\ndef test_it(tmp_path):\n    os.chdir(tmp_path)\n    tmp_path.rmdir()\n"
    )
    assert counts(run(tmp_path, "test_leaves.py", "z.prog")) == "2 passed"


def test_a_project_without_programs_pays_nothing(tmp_path: Path) -> None:
    """Where there is no *.prog file, or none is selected, not one module of sysfuzz is imported but the plugin itself."""
    (tmp_path / "test_it.py").write_text(
        "import sys\n\ndef test_it():\n"
        "    assert [name for name in sys.modules if name.startswith('sysfuzz')] == ['sysfuzz', 'sysfuzz.pytest_plugin']\n"
        "    assert not {'unicorn', 'capstone', 'click', 'rich', 'atheris'} & sys.modules.keys()\n"
    )
    assert counts(run(tmp_path)) == "1 passed"
    (tmp_path / "it.prog").write_text("what nobody has read\n")
    assert counts(run(tmp_path, "-k", "test_it")) == "1 passed, 1 deselected"
    assert counts(run(tmp_path, "--collect-only", "it.prog")) == "1 test collected"


def test_reports_can_leave_the_process(tmp_path: Path) -> None:
    """What is reported survives JSON, by which workers of pytest-xdist and others send it, and JUnit files have it."""
    (tmp_path / "wrong.prog").write_text(WRONG)
    (tmp_path / "bad.prog").write_text("frok()\n")
    (tmp_path / "conftest.py").write_text(
        "import json\n\ndef pytest_runtest_logreport(report):\n"
        "    data = json.loads(json.dumps(report._to_json()))\n"
        "    again = type(report)._from_json(data)\n"
        "    assert again.longreprtext == report.longreprtext\n"
        "    print('again', again.outcome)\n"
    )
    done = run(tmp_path, "--junitxml=out.xml", "-s")
    assert done.stdout.count("again failed") == 2
    xml = (tmp_path / "out.xml").read_text()
    assert "wrong.prog:5: expected SIGILL @0x11000; done, got SIGILL @0x11002" in xml
    assert "bad.prog:1:1: unknown" in xml


def test_our_own_suite_leaves_golden_programs_to_their_test() -> None:
    """Below tests/, the plugin takes the regressions and nothing else."""
    root = Path(__file__).parent.parent
    done = run(root, "-c", "pyproject.toml", "--collect-only", "--ignore-glob=*.py", "tests")
    collected = {line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line}
    assert collected == {str(path.relative_to(root)) for path in root.glob("tests/regressions/*.prog")}
