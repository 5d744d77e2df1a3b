"""`sysfuzz doctor --target T`: what a core lacks, told whatever it does meanwhile."""

import json
import sys
from functools import partial
from pathlib import Path

import pytest
from commandline import assert_refused, run

from sysfuzz.cli import doctor_runs
from sysfuzz.cli.doctor_runs import examine
from sysfuzz.cli.doctor_target import areas, conforms, told
from sysfuzz.targets.conformance import Wrong

MSYNC = "# two facts\nmode amd64\nmsync(0x1000, 0x1000, MS_SYNC)  # -> EFAULT\nfork()  # -> 2\n"
FORK = "# one fact\nmode amd64\nfork()  # -> 2\n"
EXIT = "# one fact\nmode amd64\nexit(0)  # -> 0\n"
PANIC = (
    "# one fact\n# target: nosyscalls-2011\nmode amd64\nmmap(0, 0x1000, PROT_READ, MAP_ANON|0x8, -1, 0)  # -> panic\n"
)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Four programs in three areas."""
    home = tmp_path / "programs"
    for name, text in {"calls/b": MSYNC, "calls/c": FORK, "exit/a": EXIT, "old/p": PANIC}.items():
        path = home / f"{name}.prog"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return home


@pytest.fixture
def small(programs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command line with these programs alone."""
    monkeypatch.setattr("sysfuzz.cli.doctor_target.examine", partial(examine, programs=programs))
    return programs


def test_the_reference_conforms() -> None:
    """Every golden program of the reference passes on it, each area is told, and the exit code says so."""
    result = run("doctor", "--target", "nosyscalls")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "nosyscalls, held against the golden programs of nosyscalls"
    counts: dict[str, int] = {}
    for path in (Path(__file__).parent.parent / "programs").glob("*/*.prog"):
        if "\n# target: " not in path.read_text():
            counts[path.parent.name] = counts.get(path.parent.name, 0) + 1
    assert {line.split()[0]: line.split()[1:] for line in lines if line.startswith("  ")} == {
        area: [str(count), "of", str(count)] for area, count in counts.items()
    }
    assert lines[-1] == f"nosyscalls conforms: {sum(counts.values())} of {sum(counts.values())} programs pass"


def test_another_design_stands_for_its_own(small: Path) -> None:
    """A design is held against its own programs; how many of the reference's are otherwise there is for information."""
    result = run("doctor", "--target", "nosyscalls-2011")
    assert (result.exit_code, result.stdout) == (
        0,
        "nosyscalls-2011, held against the golden programs of nosyscalls-2011\n"
        "\n"
        "  old  1 of 1\n"
        "\n"
        "of 3 programs of nosyscalls, another design, 0 are otherwise here\n"
        "nosyscalls-2011 conforms: 1 of 1 programs pass\n",
    )


def test_nothing_to_ask_is_no_success(small: Path) -> None:
    """A design without a golden program does not conform."""
    (small / "old/p.prog").unlink()
    result = run("doctor", "--target", "nosyscalls-2011")
    assert result.exit_code == 1
    assert result.stdout.endswith("nosyscalls-2011: no golden program is about nosyscalls-2011\n")


@pytest.mark.parametrize(
    ("core", "actual"),
    [
        ("Hangs", "no end within 2 s"),
        ("Killed", "the process was killed by SIGSEGV"),
        ("Leaves", "the process ended with status 7"),
    ],
)
def test_a_lost_process_is_the_programs_failure(programs: Path, core: str, actual: str) -> None:
    """A core that takes its process along fails that program, and the others are run all the same."""
    found = examine(f"hostile_cores:{core}", programs, seconds=2)
    assert [(fact.name, result.wrong) for fact, result in found.results] == [
        ("calls/b.prog", Wrong(0, "run", "an end", actual)),
        ("calls/c.prog", None),
        ("exit/a.prog", None),
    ]
    assert not any(method.wrong for method in found.methods)
    assert not conforms(found)


@pytest.mark.parametrize("core", ["Babbles", "Forks", "printing", "forking"])
def test_what_is_no_answer_is_passed_over(programs: Path, core: str) -> None:
    """A core that prints, writes where answers go, or goes on twice, answers once."""
    found = examine(f"hostile_cores:{core}", programs)
    assert [result.wrong for _, result in found.results] == [None, None, None]
    assert conforms(found)


def test_a_panic_is_the_programs_failure(small: Path) -> None:
    """The first failing program of an area is told in one line, with place, what was expected, and what came."""
    result = run("doctor", "--target", "hostile_cores:Raises")
    assert (result.exit_code, result.stdout) == (
        1,
        "hostile_cores:Raises, held against the golden programs of nosyscalls\n"
        "protocol: 12 of 12 points hold\n"
        "calls that are never right: msync\n"
        "\n"
        "  calls  1 of 2  calls/b.prog:3: msync: expected EFAULT, got panic: LookupError: no such page (hostile_cores:misbehave)\n"
        "  exit   1 of 1\n"
        "\n"
        "hostile_cores:Raises does not conform: 2 of 3 programs pass\n",
    )


def test_what_a_core_does_not_have_is_left_out(small: Path) -> None:
    """Programs that need calls which a core says it does not have are not run; the rest must pass."""
    result = run("doctor", "--target", "hostile_cores:Declares")
    assert (result.exit_code, result.stdout) == (
        0,
        "hostile_cores:Declares, held against the golden programs of nosyscalls\n"
        "protocol: 13 of 13 points hold\n"
        "calls that it says it does not have: fork, msync\n"
        "\n"
        "  calls  0 of 0  2 left out\n"
        "  exit   1 of 1\n"
        "\n"
        "hostile_cores:Declares conforms: 1 of 1 programs pass, 2 are left out, as they need what it does not have\n",
    )


def test_a_false_word_about_itself_is_told(small: Path) -> None:
    """A call that is said not to be there, and is, is wrong."""
    result = run("doctor", "--target", "hostile_cores:Lies")
    assert result.exit_code == 1
    assert "protocol: 12 of 13 points hold\n" in result.stdout
    assert "  unsupported  msync answered 'EINVAL'; wanted: names of calls that answer ENOSYS\n" in result.stdout


def test_a_core_without_methods(small: Path) -> None:
    """Everything that is missing is named, and no program passes."""
    result = run("doctor", "--target", "hostile_cores:Wanting")
    assert result.exit_code == 1
    assert result.stdout.count("  missing; wanted: ") == 12
    assert result.stdout.endswith("hostile_cores:Wanting does not conform: 0 of 3 programs pass\n")


@pytest.mark.parametrize(
    ("core", "why"), [("hanging", "no end within 0.5 s"), ("killed", "the process was killed by SIGKILL")]
)
def test_a_core_that_does_not_boot(programs: Path, core: str, why: str) -> None:
    """Each question is lost with its process, and told so."""
    found = examine(f"hostile_cores:{core}", programs, seconds=0.5)
    assert [(method.signature, method.wrong) for method in found.methods] == [("boot(mode, memory)", why)]
    assert {result.wrong.actual for _, result in found.results if result.wrong} == {why}
    assert len(found.results) == 3


def test_too_many_lost_processes_are_enough(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that loses one process after the other is given up; what was not asked is told, and is no success."""
    monkeypatch.setattr(doctor_runs, "LOST", 2)
    found = examine("hostile_cores:leaving", programs)
    assert [fact.name for fact, _ in found.results] == ["calls/b.prog"]
    assert found.unasked == 2
    assert "2 programs not run: too many have hung, or ended the process" in list(told("x", found))
    (programs / "calls/b.prog").unlink()
    assert not conforms(examine("hostile_cores:leaving", programs))


def test_json(small: Path, tmp_path: Path) -> None:
    """The JSON has every failure, with the keys that --help promises."""
    file = tmp_path / "out.json"
    result = run("doctor", "--target", "hostile_cores:Raises", "--json", file)
    assert result.exit_code == 1
    report = json.loads(file.read_text())
    assert [report[key] for key in ("target", "promise", "unsupported", "conforms", "not_run")] == [
        "hostile_cores:Raises", "nosyscalls", [], False, 0,
    ]  # fmt: skip
    assert len(report["methods"]) == 12
    assert report["methods"][0] == {
        "signature": "call(pid, lwp, name, args)", "wants": "a number, or the name of an errno", "wrong": "",
    }  # fmt: skip
    assert {"call": "msync", "asked": 1, "right": 0, "nosys": 0} in report["calls"]
    failure = {
        "program": "calls/b.prog", "line": 3, "call": "msync", "expected": "EFAULT",
        "actual": "panic: LookupError: no such page (hostile_cores:misbehave)",
    }  # fmt: skip
    assert report["areas"][0] == {
        "area": "calls", "programs": 2, "passed": 1, "left_out": 0, "failures": [failure],
    }  # fmt: skip
    assert report["reference"] == {"programs": 0, "passed": 0}
    help_text = run("doctor", "--help").stdout
    for key in [*report, *report["methods"][0], *report["calls"][0], *report["areas"][0], *failure]:
        assert f'"{key}"' in help_text


def test_json_on_standard_output(small: Path) -> None:
    """With `--json -` standard output is JSON alone, and people read standard error."""
    result = run("doctor", "--target", "nosyscalls-2011", "--json", "-")
    assert json.loads(result.stdout)["conforms"] is True
    assert "conforms: 1 of 1 programs pass" in result.stderr


def test_areas_are_in_order(programs: Path) -> None:
    """Areas are told in the order of their names, with what was left out in its place."""
    found = examine("hostile_cores:Declares", programs)
    assert [area[:3] for area in areas(found)] == [("calls", 0, 2), ("exit", 1, 0)]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nosyscals", "unknown target 'nosyscals' (did you mean nosyscalls?); supported: nosyscalls, "),
        ("absent:boot", "target 'absent:boot': importing absent failed: ModuleNotFoundError: No module named 'absent'"),
        ("hostile_cores:absent", "target 'hostile_cores:absent': hostile_cores has no callable absent; "),
        ("hostile_cores:Mistold", "target 'hostile_cores:Mistold': its 'unsupported' is no set of names of calls"),
        ("leaving:boot", "target 'leaving:boot': SystemExit: 0"),
        ("dying:boot", "target 'dying:boot': the process ended with status 5 while it is imported"),
    ],
)
def test_what_is_no_target(target: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is none, and a module that cannot be imported, are bad input, told in one line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("leaving.py").write_text("raise SystemExit(0)\n")
    Path("dying.py").write_text("import os\nos._exit(5)\n")
    result = run("doctor", "--target", target)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"--target: {message}")
    assert result.stderr.count("\n") == 1


def test_json_needs_a_target() -> None:
    """Without a target there is nothing to write."""
    result = run("doctor", "--json", "out.json")
    assert_refused(result, "sysfuzz doctor: --json goes with --target ('sysfuzz doctor --help' says more)")
