"""Program files that show bugs."""

from pathlib import Path

from hypothesis import given
from sightings import program

from strategies import programs
from sysfuzz.findings.reproducer import program_text, replay_command, reproducer
from sysfuzz.program.ir import Op, Program
from sysfuzz.program.text import parse


@given(programs())
def test_text_reads_back(written: Program) -> None:
    """Comments and disassembly change nothing about the program, whatever its code."""
    source = parse(program_text(written, ("a", "b")))
    assert source.program == written
    assert source.preamble == ("# a", "# b")


def test_disassembly_is_cut() -> None:
    """A line shows eight instructions and that there are more."""
    text = program_text(Program("i386", ops=(Op("poke", (0x1000, b"\x90" * 9)),)))
    assert text.splitlines()[-1].endswith(f"# {'nop; ' * 8}...")


def test_disassembly_knows_the_mode() -> None:
    """One byte string is different code in each mode."""
    code = (Op("poke", (0x1000, bytes.fromhex("48c3"))),)
    assert "# ret" in program_text(Program("amd64", ops=code))
    assert "# dec eax; ret" in program_text(Program("i386", ops=code))


def test_command_is_quoted_for_a_shell() -> None:
    """A directory with blanks can be pasted too."""
    assert replay_command(Path("my findings/p.prog"), "a.b:c") == "sysfuzz exec 'my findings/p.prog' --target a.b:c"


def test_header_names_target_bucket_and_command() -> None:
    """The header is what `check` and `exec` read the target from."""
    source = parse(reproducer(program(), "nosyscalls", "lock/int80", Path("findings/x/program.prog")))
    assert source.preamble == (
        "# target: nosyscalls",
        "# bucket: lock/int80",
        "# replay: sysfuzz exec findings/x/program.prog --target nosyscalls",
    )
