"""Questions to the decoder: text, lengths, starts, operands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.program.names import R9, RAX, RBP, RBX, RCX, RSI, RSP
from sysfuzz.x86.decode import (
    RIP,
    Operand,
    disassemble,
    instruction_start,
    last_instruction,
    length,
    memory_operand,
    uses_stack,
)


def test_disassemble() -> None:
    """One line an instruction; what is none is shown byte by byte, a LOCKed entry too."""
    assert disassemble(0x1000, bytes.fromhex("b814000000 0f05 f00f05 c3"), 64) == [
        "0x1000: b814000000      mov eax, 0x14",
        "0x1005: 0f05            syscall",
        "0x1007: f0              (bad)",
        "0x1008: 0f05            syscall",
        "0x100a: c3              ret",
    ]


@given(st.binary(max_size=60), st.sampled_from([64, 32]))
def test_disassembly_leaves_nothing_out(code: bytes, bits: int) -> None:
    """The bytes of all lines, in order, are the code."""
    lines = disassemble(0x4000, code, bits)
    assert b"".join(bytes.fromhex(line.split()[1]) for line in lines) == code
    at = 0x4000
    for line in lines:
        assert int(line.split(":")[0], 16) == at
        at += len(line.split()[1]) // 2


@pytest.mark.parametrize(
    ("code", "bits", "expected"),
    [
        ("90", 64, 1),
        ("b814000000ff", 64, 5),
        ("48b8112233445566778890", 64, 10),
        ("48b811", 32, 1),
        ("b814", 64, 0),
        ("66" * 13 + "0f05", 64, 15),
        ("66" * 14 + "0f05", 64, 0),
        ("f00f05", 64, 0),
        ("c5f805", 64, 0),
        ("", 64, 0),
    ],
)
def test_length(code: str, bits: int, expected: int) -> None:
    """Whole legal instructions have a length; all else has none."""
    assert length(bytes.fromhex(code), bits) == expected


# Instructions without an operand that could be taken for a prefix of the next.
_PLAIN = [
    bytes.fromhex(code) for code in ("90", "b811223344", "01d8", "8b4510", "50", "0fafc3", "f3a4", "8d8000000010")
]
# … and some whose last byte could be one.
_TRICKY = [bytes.fromhex(code) for code in ("b066", "b0f2", "b8112233f3", "6a66", "802567666666f0", "c605000000002e")]


@given(st.lists(st.sampled_from(_PLAIN + _TRICKY), max_size=6), st.binary(max_size=4), st.sampled_from([64, 32]))
def test_instruction_start(before: list[bytes], chosen: bytes, bits: int) -> None:
    """Prefixes of the instruction itself are counted, operands of the one before are not."""
    prefixes = bytes(b"\x66\x67\x2e\xf3\x64"[byte % 5] for byte in chosen)
    lead = b"".join(before)
    code = lead + prefixes + b"\xcd\x80"
    assert instruction_start(code, len(code) - 2, bits) == len(lead)
    assert last_instruction(code, bits) == len(lead)


def test_starts_that_cannot_be_known() -> None:
    """Behind bytes that no decoder knows, every byte that could be a prefix counts as one."""
    code = bytes.fromhex("d6 6666cd80")  # SALC has no meaning in 64-bit code
    assert instruction_start(code, 3, 64) == 1
    assert last_instruction(code, 64) == -1


@pytest.mark.parametrize(
    ("code", "bits", "expected"),
    [
        ("ff18", 64, Operand("", RAX, -1, 1, 0, 64)),
        ("ff5c2410", 64, Operand("", RSP, -1, 1, 16, 64)),
        ("ff9cd8f0ffffff", 64, Operand("", RAX, RBX, 8, -16, 64)),
        ("ff1d10000000", 64, Operand("", RIP, -1, 1, 16, 64)),
        ("ff1d10000000", 32, Operand("", -1, -1, 1, 16, 32)),
        ("41ff5900", 64, Operand("", R9, -1, 1, 0, 64)),
        ("67ff18", 64, Operand("", RAX, -1, 1, 0, 32)),
        ("67ff18", 32, Operand("", RBX, RSI, 1, 0, 16)),
        ("64ff18", 32, Operand("fs", RAX, -1, 1, 0, 32)),
        ("488b4d08", 64, Operand("", RBP, -1, 1, 8, 64)),
        ("90", 64, None),
        ("ffd0", 64, None),
        ("f00f05", 64, None),
    ],
)
def test_memory_operand(code: str, bits: int, expected: Operand | None) -> None:
    """Base, index, scale, displacement, segment prefix and address width as the instruction spells them."""
    assert memory_operand(bytes.fromhex(code), bits) == expected


def test_addresses() -> None:
    """Sums wrap at the width of the address; RIP is that of the next instruction."""
    regs = [0x10, 0x20, 0, 0xFFFF_FFF0, *[0] * 12]
    assert Operand("", RAX, RCX, 4, 5, 64).address(regs, 0) == 0x10 + 0x80 + 5
    assert Operand("", RBX, -1, 1, 0x20, 32).address(regs, 0) == 0x10
    assert Operand("", RBX, RAX, 1, 0x20, 16).address(regs, 0) == 0x20
    assert Operand("", RAX, -1, 1, -0x20, 64).address(regs, 0) == 0xFFFF_FFFF_FFFF_FFF0
    assert Operand("", RIP, -1, 1, -4, 64).address(regs, 0x1000) == 0xFFC
    assert Operand("", -1, -1, 1, 0x1234, 64).address(regs, 0) == 0x1234


@pytest.mark.parametrize(
    "code",
    [
        "50",
        "6650",
        "415f",
        "c3",
        "c20800",
        "c9",
        "e800000000",
        "9c",
        "9d",
        "ff30",
        "ffd0",
        "ff18",
        "0fa0",
        "8f00",
        "cb",
        "48cf",
        "c8100000",
        "6a01",
    ],
)
def test_instructions_that_use_the_stack(code: str) -> None:
    """Pushes, pops, calls and returns in all their forms."""
    assert uses_stack(bytes.fromhex(code), 64)


@pytest.mark.parametrize(
    "code", ["90", "488b4d00", "a4", "ffe0", "ff20", "ffc0", "0f05", "0fafc3", "eb00", "f3a4", "", "0f", "ff", "06"]
)
def test_instructions_that_do_not(code: str) -> None:
    """An operand that names the stack pointer is not meant; 06 is PUSH in 32-bit code only."""
    assert not uses_stack(bytes.fromhex(code), 64)
    assert uses_stack(bytes.fromhex(code), 32) is (code == "06")
