"""The instruction behind an event."""

import pytest

from sysfuzz.cli.listing import Listing
from sysfuzz.program.text import parse
from sysfuzz.targets.table import get

_MAP = "mmap(0x10000, 0x2000, PROT_READ|PROT_WRITE|PROT_EXEC, MAP_PRIVATE|MAP_ANON|MAP_FIXED, -1, 0)\n"


def instructions(text: str, mode: str = "amd64") -> list[str]:
    """The instructions of all attempts of a program, run on the reference."""
    program = parse(f"mode {mode}\n{text}").program
    outcome = get("nosyscalls").run(program)
    listing = Listing(program, outcome)
    return [
        listing.instruction(index, event.attempt)
        for index, step in enumerate(outcome.steps)
        for event in step.events
        if event.attempt is not None
    ]


@pytest.mark.parametrize(
    ("mode", "code", "text"),
    [
        ("amd64", "0f05c3", "syscall"),
        ("amd64", "480f05c3", "syscall"),
        ("i386", "cd80c3", "int 0x80"),
        ("amd64", "f00f05", ""),
        ("amd64", "cc", "int3"),
        ("amd64", "48a10000000000000000", "movabs rax, qword ptr [0]"),
    ],
)
def test_instruction_as_poked(mode: str, code: str, text: str) -> None:
    """The bytes that a poke wrote are disassembled in the mode of the code; what is illegal has no name."""
    shown = instructions(f'{_MAP}poke(0x10000, "{code}")\nrun(0x10000)\n', mode)[0]
    assert shown.startswith(text)
    assert bool(shown) == bool(text)


def test_a_result_may_be_the_address() -> None:
    """A poke at the result of an earlier op is found."""
    assert instructions(f'{_MAP}poke(r0+0x10, "0f05c3")\nrun(r0+0x10)\n') == ["syscall"]


def test_later_pokes_win() -> None:
    """What the run saw is what was written last before it, in pieces or at once; what comes later does not count."""
    text = f'{_MAP}poke(0x10000, "cccc")\npoke(0x10001, "05c3")\npoke(0x10000, "0f")\nrun(0x10000)\npoke(0x10000, "cd80")\n'
    assert instructions(text) == ["syscall"]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("c60501000000050f04c3", "syscall"),  # mov byte [rip+1], 5 makes the 0f 04 behind it 0f 05; ret
        ("c60500000000cd0680c3", "int 0x80"),  # mov byte [rip], 0xcd makes the 06 80 behind it cd 80; ret
    ],
)
def test_code_that_no_poke_wrote(code: str, name: str) -> None:
    """Code that wrote itself, where the poked bytes do not fit, is named by its gate, as assemblers write it."""
    assert instructions(f'{_MAP}poke(0x10000, "{code}")\nrun(0x10000)\n') == [name]
