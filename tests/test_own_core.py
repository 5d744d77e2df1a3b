"""What docs/own-core.md shows is what there is: its protocol, its example, and what the commands in it print."""

import inspect
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sysfuzz.kernel.protocol import Core
from sysfuzz.kernel.signals import unhandled
from sysfuzz.kernel.syscalls import answer, decode, dispatch
from sysfuzz.oracles import judge
from sysfuzz.program.text import parse
from sysfuzz.targets.table import get
from test_readme_story import tell

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "own-core.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "docs" / "examples"


def blocks(heading: str, language: str = "") -> list[str]:
    """The fenced blocks of a language under a heading."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [
        body
        for mark, body in re.findall(r"^```(\w*)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
        if mark == language
    ]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with the example and nothing else."""
    for file in EXAMPLES.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    return tmp_path


def sysfuzz(directory: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    """`sysfuzz args…` in a directory."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "sysfuzz", *args],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", [name for name in vars(Core) if not name.startswith("_")])
def test_every_method_is_told_with_its_types(name: str) -> None:
    """The table has each method as the protocol declares it."""
    parameters = list(inspect.signature(getattr(Core, name)).parameters.values())[1:]
    typed = ", ".join(f"{p.name}: {inspect.formatannotation(p.annotation)}" for p in parameters)
    typed = re.sub(r"Literal\[[^]]*\]", "Access", typed).replace("sysfuzz.kernel.protocol.", "").replace("typing.", "")
    assert f"`{name}({typed})`" in TEXT.replace("\\|", "|")


def test_the_example_is_shown_in_full() -> None:
    """What is read is what is run."""
    assert blocks("A whole one", "python") == [(EXAMPLES / "pagecore.py").read_text(encoding="utf-8")]
    assert blocks("Fuzzing it")[0] == (EXAMPLES / "ignore.txt").read_text(encoding="utf-8")


def test_the_example_is_a_core_of_its_own() -> None:
    """It takes from sysfuzz the protocol, tables, and the functions that the page has for everybody: no part of the kernel."""
    imported = set(re.findall(r"^from (sysfuzz\S+) import (.*)$", (EXAMPLES / "pagecore.py").read_text(), re.MULTILINE))
    assert {names for module, names in imported if ".kernel" in module} == {"Core", "BY_VECTOR, unhandled", "dispatch"}
    assert all(module.startswith(("sysfuzz.kernel", "sysfuzz.program")) for module, _ in imported)


def test_the_example_is_short() -> None:
    """It can be read at a glance, and no line of it is crowded."""
    lines = (EXAMPLES / "pagecore.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 110
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("helper", [decode, answer, dispatch, unhandled])
def test_what_helps_is_told_with_its_parameters(helper: Callable[..., object]) -> None:
    """The functions for every core stand in the table as they are; what only the built-in kernel passes has a default."""
    parameters = inspect.signature(helper).parameters.values()
    needed = ", ".join(parameter.name for parameter in parameters if parameter.default is inspect.Parameter.empty)
    assert f"`{helper.__module__.removeprefix('sysfuzz.kernel.')}.{helper.__name__}({needed})`" in TEXT


class Bare(Core):  # type: ignore[misc]  # what is asked here it need not have
    """A core that says nothing itself."""


LEFT_OUT: dict[str, list[tuple[tuple[int, ...], object]]] = {
    "alive": [((1, 1), 1), ((1, 0), 1), ((1, 2), 0), ((2, 0), 0), ((2, 1), 0)],
    "sysenter_enabled": [((1,), False)],
    "segments": [((1,), ())],
    "transitions": [((), ())],
    "check": [((), "")],
}


def test_the_page_tells_what_may_be_left_out() -> None:
    """The methods for which there are answers below, and no others."""
    told = re.search(r"may leave out (.*?): it has", TEXT, re.DOTALL)
    assert told is not None
    assert set(re.findall(r"`(\w+)`", told[1])) == set(LEFT_OUT)


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_has_the_answers_of_a_kernel_with_one_process(name: str) -> None:
    """One process, one LWP, no segments, no SYSENTER, nothing to tell."""
    for asked, wanted in LEFT_OUT[name]:
        assert getattr(Bare(), name)(*asked) == wanted


def test_doctor_prints_what_is_shown(here: Path) -> None:
    """The report on the example, line by line."""
    command, _, shown = blocks("What is missing")[0].partition("\n")
    done = sysfuzz(here, *command.removeprefix("$ sysfuzz ").split())
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == shown


@pytest.mark.parametrize(
    "op", ["fork()", "mremap(0x10000, 0x1000, 0x20000, 0x1000, 0)", "vfork()", "exec()", "sysarch(I386_SET_LDT, 8, 0)"]
)
def test_a_call_that_is_not_there_is_no_finding(op: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that says it does not have a call answers ENOSYS, and is judged by that; one that does not say so is not let off."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    for name, found in (("pagecore:PageCore", False), ("hostile_cores:Mute", True)):
        target = get(name)
        program = parse(f"{op}\nexit(0)").program
        assert bool(judge(program, target.run(program), target.promise)) is found


@pytest.mark.parametrize("number", [2, 3, 59, 165, 282, 308, 309, 310, 311, 340, 411])
def test_nor_is_one_that_code_makes(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where code makes the call, whatever it is there: a call of an op, or of code alone."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    target = get("pagecore:PageCore")
    code = f"b8{number.to_bytes(4, 'little').hex()}0f05c3"
    text = f'mmap(0x10000, 0x1000, PROT_EXEC, MAP_ANON|MAP_FIXED, -1, 0)\npoke(0x10000, "{code}")\nrun(0x10000)'
    program = parse(text).program
    outcome = target.run(program)
    assert [event.kind for event in outcome.steps[2].events] == ["enter", "done"]
    assert judge(program, outcome, target.promise) == []


def test_the_story_holds(here: Path) -> None:
    """With what is missing on a list nothing is left to find; a bug in the check is found, and minimised to what is shown."""
    done = tell(blocks("Fuzzing it", "sh")[0].splitlines(), here)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = blocks("Fuzzing it")[1]
    replay = re.search(r"findings/\S+\.prog", shown)
    assert replay is not None
    assert (here / replay[0]).read_text() == shown


def test_the_quickest_core_is_found_out(tmp_path: Path) -> None:
    """The core with one method changed shows the bucket that the page says."""
    (tmp_path / "mycore.py").write_text(blocks("The quickest", "python")[0])
    done = sysfuzz(
        tmp_path, "fuzz", "--target", "mycore:ForkForgets", "--runs", "600", "--seed", "1", "--json", "out.json"
    )
    assert done.returncode == 1
    found = {row["bucket"] for row in json.loads((tmp_path / "out.json").read_text())["findings"]}
    assert "attribute/fork" in found
    assert found <= {"attribute/fork", "attribute/fork/share", "attribute/fork/zero"}
