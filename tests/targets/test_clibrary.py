"""Cores in C: the example that ships with the header is sound, its weakness is found, and what is no such library is refused."""

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from c_cores import EXAMPLE, C, compiled, made, needs_compiler
from sysfuzz.generate.fresh import fresh
from sysfuzz.machine.memory import GuestMemory
from sysfuzz.oracles import judge
from sysfuzz.program import layout, names
from sysfuzz.program.golden import golden, misses
from sysfuzz.program.ir import Op, Program
from sysfuzz.program.text import load, parse
from sysfuzz.targets.clibrary import ABI, Library, LibraryTarget
from sysfuzz.targets.conformance import declared, examine, facts, needs
from sysfuzz.targets.table import TargetError, get, is_library

HEADER = (C / "sysfuzz_core.h").read_text(encoding="utf-8")
PROGRAMS = Path(__file__).parents[1] / "programs"

MERGE = """\
mode amd64
mmap(0x10000, 0x1000, PROT_EXEC, MAP_ANON, -1, 0)
mmap(0x11000, 0x1000, PROT_EXEC, MAP_ANON|MAP_NOSYSCALLS, -1, 0)
poke(0x11000, "0f05")                   # syscall
run(0x11000)
"""


def defined(name: str) -> int:
    """What the header says that SYSFUZZ_name is."""
    value = re.search(rf"SYSFUZZ_{name}(?: =)? (0x[0-9a-f]+|\d+)", HEADER)
    assert value is not None
    return int(value[1], 0)


@pytest.mark.parametrize("name", names.ERRNO)
def test_errno_values_are_said_right(name: str) -> None:
    """The header has every errno that sysfuzz knows, with its number."""
    assert defined(name) == names.ERRNO[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PAGE", names.PAGE),
        ("AMD64_VM_MAX", layout.LAYOUTS["amd64"].vm_max),
        ("AMD64_MMAP_BASE", layout.LAYOUTS["amd64"].mmap_base),
        ("I386_VM_MAX", layout.LAYOUTS["i386"].vm_max),
        ("I386_MMAP_BASE", layout.LAYOUTS["i386"].mmap_base),
        ("VM_MIN", layout.LAYOUTS["amd64"].vm_min),
        ("MAX_PAGES", layout.MAX_PAGES),
        ("MAX_LOCKED_PAGES", layout.MAX_LOCKED_PAGES),
        ("MAX_WIRED_PAGES", layout.MAX_WIRED_PAGES),
        ("MAX_PROCESSES", layout.MAX_PROCESSES),
        ("MAX_LWPS", layout.MAX_LWPS),
        ("FILE_PAGES", layout.FILE_PAGES),
        ("USER_CODE32", layout.USER_CODE32),
        ("USER_CODE64", layout.USER_CODE64),
        ("ABI", ABI),
    ],
)
def test_the_environment_is_said_right(name: str, expected: int) -> None:
    """The header's addresses and limits are those that programs rely on."""
    assert defined(name) == expected


@needs_compiler
def test_the_example_keeps_every_promise() -> None:
    """Each golden program of the reference yields on the sound example what it states, and the oracles find nothing."""
    target = get(str(made("libexample.so")), contained=False)
    wrong, tried = [], 0
    for path in sorted(PROGRAMS.rglob("*.prog")):
        source = load(path)
        if any(line.startswith("# target:") for line in source.preamble):
            continue
        outcome = target.run(source.program)
        tried += 1
        wrong += [f"{path}:{miss.line}: {miss}" for miss in misses(golden(source), outcome)]
        wrong += [f"{path}: {verdict.cause}" for verdict in judge(source.program, outcome, target.promise)]
    assert wrong == []
    assert tried > 600


@needs_compiler
def test_the_example_answers_as_the_built_in_core() -> None:
    """Two kernels that were written after one page agree in every result, event, map and transition."""
    example, reference = get(str(made("libexample.so")), contained=False), get("nosyscalls")
    rng = random.Random(1)
    for _ in range(1500):
        program = fresh(rng)
        assert example.run(program) == reference.run(program)


@needs_compiler
def test_a_process_of_its_own_changes_nothing() -> None:
    """Contained or not, a program has the same outcome."""
    name = str(made("libexample.so"))
    contained, inside = get(name), get(name, contained=False)
    rng = random.Random(2)
    for _ in range(100):
        program = fresh(rng)
        assert contained.run(program) == inside.run(program)


@needs_compiler
@pytest.mark.parametrize(
    ("library", "buckets"), [("libexample.so", set()), ("libexample-weak.so", {"escape", "attribute-lost"})]
)
def test_the_weakness_is_the_flags(library: str, buckets: set[str]) -> None:
    """-DWEAK_MERGE and nothing else makes two mappings merge that differ in their attributes."""
    target = get(str(made(library)))
    program = parse("mode amd64\nreg rax = 0x14\n" + MERGE.partition("\n")[2]).program
    assert {verdict.oracle for verdict in judge(program, target.run(program), target.promise)} == buckets


@needs_compiler
def test_cores_are_given_back() -> None:
    """A thousand boots leave no core behind: each is destroyed before the next, the last when the library is released."""
    stub = compiled("libcount.so", "-DCOUNTING", _counting(), *_others())
    library = Library(str(stub))
    memory = GuestMemory()
    for _ in range(1000):
        memory.rewind()
        library.boot("amd64", memory)
    alive = library._functions.alive_cores
    assert alive() == 1
    library.release()
    assert alive() == 0


def _others() -> list[Path]:
    return sorted(path for path in EXAMPLE.glob("*.c") if path.name != "core.c")


def _counting() -> Path:
    """The example's core.c with a count of living cores."""
    source = Path(made("libexample.so")).parent / "counting.c"
    source.write_text(
        "#define sysfuzz_boot sound_boot\n#define sysfuzz_destroy sound_destroy\n"
        '#include "core.c"\n'
        "#undef sysfuzz_boot\n#undef sysfuzz_destroy\n"
        "static int alive;\n"
        "SYSFUZZ_API int alive_cores(void) { return alive; }\n"
        "SYSFUZZ_API sysfuzz_core *sysfuzz_boot(const struct sysfuzz_host *h, uint32_t m) { alive++; return sound_boot(h, m); }\n"
        "SYSFUZZ_API void sysfuzz_destroy(sysfuzz_core *c) { alive--; sound_destroy(c); }\n"
    )
    return source


# -- what a library says about itself ---------------------------------------------------------------------------------


def _saying(words: str, name: str) -> Path:
    """The example with more in its core.c."""
    source = Path(made("libexample.so")).parent / f"{name}.c"
    source.write_text(
        '#include <string.h>\n#define sysfuzz_call sound_call\n#include "core.c"\n#undef sysfuzz_call\n' + _CALL + words
    )
    return compiled(f"lib{name}.so", source, *_others())


_CALL = """
SYSFUZZ_API int64_t sysfuzz_call(sysfuzz_core *core, uint32_t pid, uint32_t lwp, const char *name, const uint64_t *args, uint32_t nargs)
{
	return strcmp(name, "mremap") == 0 ? -SYSFUZZ_ENOSYS : sound_call(core, pid, lwp, name, args, nargs);
}
"""
_GUARD = """
SYSFUZZ_API const char *sysfuzz_promise(void) { return "seccomp-ip"; }
SYSFUZZ_API uint32_t sysfuzz_guard(sysfuzz_core *core, uint32_t pid, uint64_t *words, uint32_t room)
{
	(void)core;
	(void)room;
	words[0] = 3, words[1] = pid, words[2] = 0x1000, words[3] = ~0ull;
	words[4] = 1, words[5] = 7;
	return %s;
}
"""


@needs_compiler
def test_a_library_without_a_call_says_so_and_conforms() -> None:
    """Programs that need the call are left out, it answers ENOSYS as is due, and no oracle minds."""
    library = _saying('SYSFUZZ_API const char *sysfuzz_unsupported(void) { return " mremap "; }\n', "without")
    target = get(str(library), contained=False)
    assert target.promise.without == {"mremap"}
    told = declared(target)
    assert (told.promise, told.unsupported) == ("nosyscalls", {"mremap"})
    own = [fact for fact in facts() if fact.design == "nosyscalls"]
    asked = [fact for fact in own if not needs(fact.golden) & told.unsupported]
    assert len(own) > len(asked) > 600
    assert [result for result in (examine(target, fact) for fact in asked) if result.wrong] == []
    program = parse("mode amd64\nmremap(0x10000, 0x1000, 0, 0x2000, 0)\n").program
    assert judge(program, target.run(program), target.promise) == []
    assert judge(program, target.run(program)) != []


@needs_compiler
def test_the_guard_of_a_library_is_in_its_views() -> None:
    """Rows of any length, whose words are unsigned; and the promise is the one that the library names."""
    target = get(str(_saying(_GUARD % "6", "guard")))
    assert target.promise.name == "seccomp-ip"
    (view,) = target.run(Program()).boot
    assert view.guard == ((1, 0x1000, (1 << 64) - 1), (7,))


@needs_compiler
@pytest.mark.parametrize(
    ("count", "reason"),
    [
        ("5", "guard answered a row of 1 words, and 0 are left"),
        ("SYSFUZZ_NO_ROOM", "guard answered 4294967295, and there is room for 8192 words"),
    ],
)
def test_a_guard_that_is_none_is_a_panic(count: str, reason: str) -> None:
    """What the header does not allow."""
    outcome = get(str(_saying(_GUARD % count, f"guard{count[0]}"))).run(Program())
    assert outcome.panic is not None
    assert outcome.panic.reason == reason


@needs_compiler
@pytest.mark.parametrize(
    ("what", "word", "message"),
    [
        ("promise", "sudo", "unknown promise 'sudo'; supported: nosyscalls, "),
        ("unsupported", "mremap nosuch", "its 'unsupported' names 'nosuch'; supported: "),
    ],
)
def test_words_that_mean_nothing_are_refused(what: str, word: str, message: str) -> None:
    """A library's words are looked at as those of a core in Python."""
    library = _saying(f'SYSFUZZ_API const char *sysfuzz_{what}(void) {{ return "{word}"; }}\n', f"odd{what}")
    with pytest.raises(TargetError) as raised:
        get(str(library))
    assert str(raised.value).startswith(f"target {library}: {message}")


# -- what is no such library ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file; supported: a shared library built with harnesses/c/sysfuzz_core.h"),
        (b"", "file too short; supported: a shared library for this machine"),
        (b"#!/bin/sh\n" * 1000, "invalid ELF header; supported: a shared library for this machine"),
    ],
)
def test_what_cannot_be_opened_is_refused(content: bytes | None, message: str, tmp_path: Path) -> None:
    """One line names the file and says what is supported."""
    path = tmp_path / "libcore.so"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TargetError) as raised:
        get(str(path))
    assert str(raised.value) == f"target {path}: {message}"


@needs_compiler
@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "int nothing;",
            "no symbol sysfuzz_abi; supported: all of harnesses/c/sysfuzz_core.h; one file must define SYSFUZZ_IMPLEMENTATION",
        ),
        (
            '#define SYSFUZZ_IMPLEMENTATION\n#include "sysfuzz_core.h"',
            "no symbol sysfuzz_boot; supported: all of harnesses/c/sysfuzz_core.h",
        ),
        ("VERSION", "built for version 77 of sysfuzz_core.h; supported: 1"),
        (
            "extern int lost(void);\nint (*found)(void) = lost;",
            "undefined symbol: lost; supported: a shared library for this machine",
        ),
    ],
)
def test_what_is_no_core_is_refused(source: str, message: str, tmp_path: Path) -> None:
    """A library without the functions, of another version, or that cannot be linked."""
    code = tmp_path / "core.c"
    others: list[Path] = []
    if source == "VERSION":
        source = '#define SYSFUZZ_ABI 77\n#include "core.c"'
        header = HEADER.replace("#define SYSFUZZ_ABI 1\n", "")
        (tmp_path / "sysfuzz_core.h").write_text(header)
        (tmp_path / "example").mkdir()
        for path in [*_others(), EXAMPLE / "core.c", EXAMPLE / "kernel.h"]:
            (tmp_path / "example" / path.name).write_text(path.read_text())
        code, others = tmp_path / "example" / "front.c", sorted((tmp_path / "example").glob("[!cf]*.c"))
    code.write_text(source)
    library = compiled(f"lib{abs(hash(message))}.so", code, *others)
    with pytest.raises(TargetError) as raised:
        get(str(library))
    assert str(raised.value) == f"target {library}: {message}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("./core.so", True),
        ("libcore.so", True),
        ("build/core", True),
        ("nosyscalls", False),
        ("module:attribute", False),
    ],
)
def test_libraries_are_known_by_their_names(name: str, expected: bool) -> None:
    """A path, or what ends like a library."""
    assert is_library(name) == expected


# -- coverage ---------------------------------------------------------------------------------------------------------

_COUNT = """
import ctypes, random, sys, zlib
from sysfuzz.generate.fresh import fresh
from sysfuzz.targets.table import get
target = get(sys.argv[1], contained=False)
ranges = list(target.counters())
rng = random.Random(3)
for _ in range(40):
    for address, size in ranges:
        ctypes.memset(address, 0, size)
    target.run(fresh(rng))
    print([zlib.crc32(ctypes.string_at(address, size)) for address, size in ranges])
"""


@needs_compiler
def test_counters_repeat_in_another_process() -> None:
    """The same programs set the same counters, wherever the library lies; different programs set different ones."""
    command = [sys.executable, "-c", _COUNT, str(made("libexample.so"))]
    first, second = (subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2))
    assert first == second
    assert len(set(first.splitlines())) > 20


@needs_compiler
def test_a_library_without_coverage_has_no_counters() -> None:
    """Its features are those of the program and of what it yields."""
    target = LibraryTarget(str(made("libexample.so", coverage="")))
    assert list(target.counters()) == []
    assert target.run(Program(ops=(Op("fork"),))).steps[0].result == 2
