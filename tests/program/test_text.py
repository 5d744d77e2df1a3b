"""The text format as a whole: what is printed reads back, what is read prints, and bad text gets one located line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import edits, programs
from sysfuzz.program.ir import Op, Program, Ref
from sysfuzz.program.text import TextError, format_program, format_source, load, parse

CANONICAL = """\
# A straddling instruction.
#
#     indented, as it was written

# target: nosyscalls
mode i386                               # amd64 | i386
vendor intel
# the number of getpid
reg eax = 0x14
reg edi = 0xffffffff

mmap(0x10000, 0x2000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)  # -> 0x10000
mprotect(r0+0x1000, 0x1000, PROT_READ)  # -> 0  # the upper half
poke(0x10ffe, "0f05")                   # syscall

# and now
run(0x10ffe, blocks=20)                 # -> enter #511 @0x10ffe; SIGILL @0x11000  # both
fork()
# the end
"""


def test_canonical_text_is_kept() -> None:
    """Formatting changes no character of canonical text, whatever comments it holds."""
    assert format_source(parse(CANONICAL)) == CANONICAL


def test_canonical_text_is_read() -> None:
    """The program and the expectations of the same text, said in values; places are 1-based."""
    source = parse(CANONICAL, "a.prog")
    assert source.program == Program(
        "i386",
        "intel",
        (("eax", 0x14), ("edi", 0xFFFFFFFF)),
        (
            Op("mmap", (0x10000, 0x2000, 5, 0x11012, -1, 0)),
            Op("mprotect", (Ref(0, 0x1000), 0x1000, 1)),
            Op("poke", (0x10FFE, b"\x0f\x05")),
            Op("run", (0x10FFE, 20)),
            Op("fork"),
        ),
    )
    assert source.expectations == (
        ("0x10000", 12, 104),
        ("0", 13, 46),
        None,
        ("enter #511 @0x10ffe; SIGILL @0x11000", 17, 46),
        None,
    )
    assert source.lines == (12, 13, 14, 17, 18)
    assert source.preamble == (
        "# A straddling instruction.",
        "#",
        "#     indented, as it was written",
        "",
        "# target: nosyscalls",
    )
    assert source.below == ("# the end",)
    assert source.file == "a.prog"


@given(programs())
def test_programs_read_back(program: Program) -> None:
    """Any valid program is the same after printing and reading, and its text is canonical."""
    text = format_program(program)
    source = parse(text)
    assert source.program == program
    assert format_source(source) == text


@st.composite
def nearly_programs(draw: st.DrawFn) -> str:
    """Text of a program with comments and expectations, then damaged."""
    program = draw(programs(max_ops=5))
    words = st.sampled_from(["0", "EINVAL", "done", "enter #9 @0x1"])
    expectations = draw(st.lists(st.none() | words, min_size=len(program.ops), max_size=len(program.ops)))
    return draw(edits(format_program(program, expectations, ["one", "#", ""], lambda _, code: f"{len(code)} bytes")))


def comments(text: str) -> list[str]:
    """The letters of all comments, in order of the text: no string of the format holds a #."""
    return ["".join(line.partition("#")[2].replace("#", "").split()) for line in text.split("\n") if "#" in line]


def assert_located(error: TextError, text: str) -> None:
    """The error is one printable, short line that starts with a place in `text`."""
    lines = text.split("\n")
    assert 1 <= error.line <= len(lines)
    assert 1 <= error.column <= len(lines[error.line - 1]) + 1
    assert str(error).startswith(f"a.prog:{error.line}:{error.column}: ")
    assert str(error).isprintable()
    assert len(str(error)) < 1000


@given(st.one_of(st.text(), nearly_programs()))
def test_every_text_is_read_or_refused(text: str) -> None:
    """Text is a valid program, or an error on one line that points into the text; formatting what is read loses nothing."""
    try:
        source = parse(text, "a.prog")
    except TextError as error:
        assert_located(error, text)
        return
    assert source.program.validate() is source.program
    canonical = format_source(source)
    again = parse(canonical)
    assert again.program == source.program
    assert [mark and mark.text for mark in again.expectations] == [mark and mark.text for mark in source.expectations]
    assert format_source(again) == canonical
    assert sorted("".join(comments(canonical))) == sorted("".join(comments(text)))


def test_lines_may_end_in_crlf_and_nothing(tmp_path: Path) -> None:
    """Files of other systems, tabs and blanks around tokens, and a last line without an end read as the plain text does."""
    path = tmp_path / "a.prog"
    path.write_bytes(b"mode\ti386\r\n\r\n \tmunmap ( 0x1000 ,\t4096 )\t# caf\xc3\xa9\r\nfork()")
    source = load(path)
    assert source.program == Program("i386", ops=(Op("munmap", (0x1000, 0x1000)), Op("fork")))
    assert source.file == str(path)
    assert format_source(source) == "mode i386\n\nmunmap(0x1000, 0x1000)                  # caf\u00e9\nfork()\n"


@pytest.mark.parametrize("byte", [0x80, 0xFF])
def test_bytes_that_are_not_text_are_located(byte: int, tmp_path: Path) -> None:
    """A binary file is refused at its first byte that is no text."""
    path = tmp_path / "a.prog"
    path.write_bytes(bytes((*b"fork()\nfork() # ", byte, 0xFE, 0)))
    with pytest.raises(TextError, match=rf"a\.prog:2:10: byte {byte:#x} is not UTF-8; supported: printable"):
        load(path)


def test_a_missing_file_is_the_callers_error(tmp_path: Path) -> None:
    """What the system says about a file passes through."""
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "a.prog")


def test_a_file_of_the_greatest_length_loads_and_a_longer_one_does_not(tmp_path: Path) -> None:
    """1 MiB is read; one byte more is refused with its line, however short its statements are."""
    path = tmp_path / "long.prog"
    path.write_bytes(b"exit(1)\n" + b"#" * ((1 << 20) - 8))
    assert load(path).program == Program(ops=(Op("exit", (1,)),))
    path.write_bytes(b"exit(1)\n" + b"#" * ((1 << 20) - 7))
    with pytest.raises(TextError) as caught:
        load(path)
    assert str(caught.value) == f"{path}:2:1: the file is too long; supported: at most 1,048,576 bytes"
