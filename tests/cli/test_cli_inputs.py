"""Bad input of every kind: one located line, exit code 2, nothing on standard output."""

import os
import sys
from pathlib import Path

import pytest
from commandline import assert_refused, run

from c_cores import compiled, needs_compiler
from programs import GOLDEN, MERGE, OWN_CORES
from sysfuzz.cli.inputs import choose_target, program_files
from sysfuzz.program.ir import MAX_OPS
from sysfuzz.program.text import parse
from sysfuzz.targets.table import DESIGNS


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test works in a directory of its own, from which it imports its modules and leaves none behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "cores", raising=False)


# What a file holds, and what is said about it behind its name.
BAD_PROGRAMS = [
    (
        b"\x7fELF\x02\x01\x01\x00",
        ":1:1: character U+007F is not printable; supported: printable characters, blanks and tabs",
    ),
    (b"mode amd64\nexit(0) # \xff", ":2:11: byte 0xff is not UTF-8; supported: printable characters, blanks and tabs"),
    (b"mode amd64\nmmapp()\n", ":2:1: unknown call 'mmapp' (did you mean mmap?); supported: mmap, "),
    (
        b"mmap(0, 1, PROT_REED, MAP_ANON, -1, 0)",
        ":1:12: mmap's prot: unknown name 'PROT_REED' (did you mean PROT_READ?); supported: PROT_NONE, ",
    ),
    (b"mode vax\n", ":1:6: unknown mode 'vax'; supported: amd64, i386"),
    (b"exit(0)\n" * (MAX_OPS + 1), f":{MAX_OPS + 1}:1: at most {MAX_OPS} ops are supported"),
]


@pytest.mark.parametrize("verb", [["exec"], ["fmt"], ["check"]])
@pytest.mark.parametrize(("content", "message"), BAD_PROGRAMS)
def test_bad_program(verb: list[str], content: bytes, message: str) -> None:
    """A program that cannot be read is named with file, line, column, and what is supported."""
    Path("bad.prog").write_bytes(content)
    result = run(*verb, "bad.prog")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"bad.prog{message}")
    assert result.stderr.count("\n") == 1
    assert verb == ["check"] or result.stdout == ""


@pytest.mark.parametrize("verb", [["exec"], ["fmt"], ["check"]])
def test_missing_file(verb: list[str]) -> None:
    """A file that is not there is named."""
    result = run(*verb, "absent.prog")
    assert (result.exit_code, result.stderr) == (2, "absent.prog: No such file or directory\n")


def test_directory_instead_of_a_file() -> None:
    """A directory is no program."""
    assert_refused(run("exec", "."), ".: Is a directory")


@pytest.mark.parametrize("verb", ["check", "fmt"])
def test_directory_without_programs(verb: str) -> None:
    """A search that finds nothing is no success."""
    assert_refused(run(verb, "."), ".: no *.prog file in this directory")


@pytest.mark.parametrize("verb", [["exec", "p.prog"], ["check", "p.prog"], ["fuzz"]])
def test_unknown_target(verb: list[str]) -> None:
    """A misspelt target is told with the closest one, and all that there are."""
    Path("p.prog").write_text(GOLDEN)
    message = f"--target: unknown target 'nosyscals' (did you mean nosyscalls?); supported: {', '.join(DESIGNS)}"
    own = "or your own core as module:attribute or ./library.so"
    assert_refused(run(*verb, "--target", "nosyscals"), f"{message}, {own}")
    assert list(Path().iterdir()) == [Path("p.prog")]


def test_unknown_target_in_a_file() -> None:
    """A target that a file names is located in it."""
    Path("p.prog").write_text("# a program\n\n# target: nosyscall\nmode amd64\n")
    result = run("exec", "p.prog")
    assert result.exit_code == 2
    assert result.stderr.startswith("p.prog:3: unknown target 'nosyscall' (did you mean nosyscalls?)")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("absent:boot", "importing absent failed: ModuleNotFoundError: No module named 'absent'"),
        ("broken:boot", "importing broken failed: ZeroDivisionError: division by zero"),
        ("cores:absent", "cores has no callable absent; a function (mode, memory) -> core is needed"),
        ("cores:NUMBER", "cores has no callable NUMBER; a function (mode, memory) -> core is needed"),
        ("cores:raising", "does not boot in mode amd64: RuntimeError: no such machine (cores:raising)"),
        ("cores:", "is no module:attribute"),
        ("leaving:boot", "the module ends Python when it is imported"),
        ("cores:quitting", "does not boot in mode amd64: SystemExit: 0 (cores:quitting)"),
        ("cores:odd", "does not boot in mode amd64: Odd: no exception of the usual kind (cores:odd)"),
    ],
)
@pytest.mark.parametrize("verb", [["exec", "p.prog"], ["fuzz"]])
def test_bad_core(verb: list[str], target: str, message: str) -> None:
    """A core that cannot be imported, is none, or does not boot is a mistake of its author, told in one line."""
    Path("p.prog").write_text(GOLDEN)
    Path("cores.py").write_text(OWN_CORES)
    Path("broken.py").write_text("1 / 0\n")
    Path("leaving.py").write_text("raise SystemExit(0)\n")
    result = run(*verb, "--target", target)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("--target: target ")
    assert result.stderr.endswith(f"{message}\n")
    assert result.stderr.count("\n") == 1
    assert not Path("findings").exists()


@pytest.mark.parametrize(
    ("core", "why"),
    [
        ("hanging", "did not end within 0.5 s"),
        ("killed", "killed the process with SIGKILL"),
        ("leaving", "ended the process with status 3"),
    ],
)
@pytest.mark.parametrize("verb", [["exec", "p.prog"], ["check", "p.prog"], ["fuzz"]])
def test_a_core_that_takes_its_process_along(
    verb: list[str], core: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A core that hangs, dies or leaves when it boots does so elsewhere, and is told like any other that does not boot."""
    monkeypatch.setattr("sysfuzz.cli.trial.SECONDS", 0.5)
    Path("p.prog").write_text(GOLDEN)
    message = f"--target: target hostile_cores:{core} cannot be used: importing and booting it {why}"
    assert_refused(run(*verb, "--target", f"hostile_cores:{core}"), message)


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("import os\nos._exit(0)\n", "ended the process with status 0"),
        ("import os\nos.kill(os.getpid(), 9)\n", "killed the process with SIGKILL"),
        ("import time\ntime.sleep(3600)\n", "did not end within 0.5 s"),
        ("import os\nos.kill(os.getpid(), 19)\n", "did not end within 0.5 s"),
    ],
)
@pytest.mark.parametrize("verb", [["exec", "p.prog"], ["check", "p.prog"], ["fuzz"], ["compare", "p.prog"]])
def test_a_module_that_takes_its_process_along(
    verb: list[str], module: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same while the core is imported: nothing ends well that has not begun."""
    monkeypatch.setattr("sysfuzz.cli.trial.SECONDS", 0.5)
    Path("p.prog").write_text(GOLDEN)
    Path("harmful.py").write_text(module)
    option = "--targets" if verb[0] == "compare" else "--target"
    message = f"{option}: target harmful:boot cannot be used: importing and booting it {why}"
    assert_refused(run(*verb, option, "harmful:boot"), message)


def test_a_module_that_interrupts() -> None:
    """Nobody has pressed Ctrl-C: it is the module's mistake."""
    Path("p.prog").write_text(GOLDEN)
    Path("harmful.py").write_text("raise KeyboardInterrupt('me')\n")
    message = "--target: target 'harmful:boot': importing it failed: KeyboardInterrupt: me"
    assert_refused(run("exec", "p.prog", "--target", "harmful:boot"), message)


@needs_compiler
@pytest.mark.parametrize(
    ("constructor", "why"),
    [
        ("exit(0)", "ended the process with status 0"),
        ("raise(SIGSEGV)", "killed the process with SIGSEGV"),
        ("for (;;) pause()", "did not end within 0.5 s"),
    ],
)
def test_a_library_that_takes_its_process_along(constructor: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library may do so as soon as it is loaded."""
    monkeypatch.setattr("sysfuzz.cli.trial.SECONDS", 0.5)
    Path("p.prog").write_text(GOLDEN)
    includes = "#define _DEFAULT_SOURCE\n#include <signal.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
    Path("core.c").write_text(f"{includes}__attribute__((constructor)) static void first(void) {{ {constructor}; }}\n")
    library = compiled("libharmful.so", "core.c")
    message = f"--target: target {library} cannot be used: importing and booting it {why}"
    assert_refused(run("check", "p.prog", "--target", library), message)


def test_a_link_to_itself() -> None:
    """A name that leads nowhere is no library."""
    Path("p.prog").write_text(GOLDEN)
    Path("loop.so").symlink_to("loop.so")
    message = (
        "--target: target ./loop.so: no such file; supported: a shared library built with harnesses/c/sysfuzz_core.h"
    )
    assert_refused(run("exec", "p.prog", "--target", "./loop.so"), message)


def test_a_core_that_is_none_of_its_kind() -> None:
    """What boots and then does not answer as a core must is told at once, not as a finding in each program."""
    Path("p.prog").write_text(GOLDEN)
    Path("cores.py").write_text(OWN_CORES)
    result = run("exec", "p.prog", "--target", "cores:silent")
    assert result.exit_code == 2
    assert result.stderr.startswith(
        "--target: target cores:silent does not follow the protocol of a core: AttributeError: 'NoneType'"
    )


def test_own_core_runs() -> None:
    """A good core of one's own is found beside where the command is run."""
    Path("p.prog").write_text(GOLDEN)
    Path("cores.py").write_text(OWN_CORES)
    result = run("exec", "p.prog", "--target", "cores:boot")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "on cores:boot" in result.stdout


def test_panic_of_an_own_core_is_a_verdict() -> None:
    """A core that boots and then raises has panicked: that is looked for, and its words do not reach the terminal raw."""
    Path("p.prog").write_text(GOLDEN)
    Path("cores.py").write_text(OWN_CORES)
    result = run("exec", "p.prog", "--target", "cores:Panicking")
    assert result.exit_code == 1
    assert "\npanic: ValueError: ?[2Jgone (cores:call)\n" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_core_that_reports_junk() -> None:
    """An answer that the protocol does not allow is the core's panic, a finding like any other."""
    Path("p.prog").write_text(GOLDEN)
    Path("cores.py").write_text(OWN_CORES)
    result = run("exec", "p.prog", "--trace", "--target", "cores:Mumbling")
    assert (result.exit_code, result.stderr) == (1, "")
    assert "the protocol does not allow" in result.stdout


@pytest.mark.parametrize("verb", ["exec", "fmt"])
def test_endless_file(verb: str) -> None:
    """What never ends is read to the limit and no further."""
    message = "/dev/zero:1:1: the file is too long; supported: at most 1,048,576 bytes"
    assert_refused(run(verb, "/dev/zero"), message)


def test_file_that_fails_when_it_is_read() -> None:
    """A failing read names the file, as a failing open does."""
    assert_refused(run("fmt", "/proc/self/mem"), "/proc/self/mem: Input/output error")


@pytest.mark.parametrize(
    "args",
    [
        ("exec", ""),
        ("check", ""),
        ("fmt", "-w", ""),
        ("fuzz", "--target", "nosyscalls", "--runs", 1, "--corpus", ""),
        ("fuzz", "--target", "nosyscalls", "--runs", 1, "--findings", ""),
        ("triage", "list", "--findings", ""),
    ],
)
def test_empty_path(args: tuple[object, ...]) -> None:
    """An empty path, as an unset variable makes it, is not the working directory."""
    result = run(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the path is empty" in result.stderr
    assert list(Path().iterdir()) == []


def test_target_is_that_of_the_option_then_of_the_file() -> None:
    """--target wins over the header comment, which wins over the reference; comments further down say nothing."""
    stated = parse("# target: nosyscalls-2011\nmode amd64\n", "f")
    assert choose_target(None, stated) == ("nosyscalls-2011", "f:1")
    assert choose_target("nosyscalls", stated) == ("nosyscalls", "--target")
    assert choose_target(None, parse(MERGE, "f")).name == "nosyscalls"
    assert choose_target(None, parse("mode amd64\n# target: other\nexit(0)\n", "f")).name == "nosyscalls"


def test_what_is_no_file_is_passed_over_in_a_search() -> None:
    """A pipe would block the search, but a link that leads nowhere is told when it is read."""
    os.mkfifo("pipe.prog")
    Path("directory.prog").mkdir()
    Path("link.prog").symlink_to("nowhere")
    assert program_files([Path()]) == [Path("link.prog")]


def test_program_files() -> None:
    """Directories are searched to the bottom, in order; files are taken whatever their names; each is taken once."""
    for name in ("b.prog", "a/z.prog", "a/y/x.prog", "a/notes.md", "a/.b.prog-unfinished", "a/.hidden.prog", "odd.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("")
    found = program_files([Path("odd.txt"), Path("a"), Path("b.prog"), Path("a/z.prog")])
    assert found == [Path("odd.txt"), Path("a/y/x.prog"), Path("a/z.prog"), Path("b.prog")]
