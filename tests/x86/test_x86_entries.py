"""The catalogue of kernel entries, against the manuals' statements and against capstone as an independent decoder."""

import capstone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.program.ir import Mode, Vendor
from sysfuzz.x86.entries import ENTRIES, MAX_INSTRUCTION, PREFIXES, WORLDS, call_gate, gates, legal, scan

DECODERS = {
    64: capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64),
    32: capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32),
}
# What capstone calls the rows that every width has.
MNEMONICS = {
    "syscall": "syscall",
    "sysenter": "sysenter",
    "int80": "int",
    "int 3": "int",
    "int 4": "int",
    "int": "int",
    "int3": "int3",
    "into": "into",
    "icebp": "int1",
    "ud0": "ud0",
    "ud1": "ud1",
    "ud2": "ud2",
}


@pytest.mark.parametrize(
    ("code", "bits", "expected"),
    [
        ("0f05", 64, (0, "syscall", False)),
        ("0f34", 32, (0, "sysenter", False)),
        ("cd80", 32, (0, "int80", False)),
        ("cd81", 32, (0, "int", False)),
        ("cd03", 64, (0, "int 3", False)),
        ("6667f2f32e363e26646548 0f05", 64, (11, "syscall", False)),
        ("66f00f05", 64, (2, "syscall", True)),
        ("f0f0f0", 64, (3, None, True)),
        ("480f05", 32, (0, None, False)),  # dec eax
        ("404f0f05", 64, (2, "syscall", False)),
        ("9a785634120700", 32, (0, "lcall7", False)),
        ("9a785634122700", 32, (0, "lcall27", False)),
        ("9a785634120500", 32, (0, "lcall7", False)),
        ("9a785634120f00", 32, (0, "lcall", False)),
        ("669a78562700", 32, (1, "lcall27", False)),
        ("9a7856341207", 32, (0, None, False)),
        ("ff1c24", 64, (0, "lcall [m]", False)),
        ("ff5c2410", 32, (0, "lcall [m]", False)),
        ("ffdc", 64, (0, None, False)),  # a register is no operand of a far call
        ("ff1424", 64, (0, None, False)),  # /2: near call
        ("c5f805", 64, (0, None, False)),
        ("c4e17834", 32, (0, None, False)),
        ("0f", 64, (0, None, False)),
        ("cd", 64, (0, None, False)),
        ("ff", 64, (0, None, False)),
        ("", 64, (0, None, False)),
        ("90", 64, (0, None, False)),
        ("0f0fcd80", 64, (0, None, False)),
    ],
)
def test_scan(code: str, bits: int, expected: tuple[int, str | None, bool]) -> None:
    """Prefix bytes, row and LOCK of typical bytes and of bytes cut short."""
    prefix, entry, locked = scan(bytes.fromhex(code), bits)
    assert (prefix, entry.name if entry else None, locked) == expected


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=list(ENTRIES))
@pytest.mark.parametrize("bits", [64, 32])
def test_every_row_is_found(entry: object, bits: int) -> None:
    """The example of a row is scanned as that row, alone and behind prefixes."""
    assert scan(entry.code, bits) == (0, entry, False)  # type: ignore[attr-defined]
    assert scan(b"\x2e\xf3" + entry.code, bits) == (2, entry, False)  # type: ignore[attr-defined]


_STARTS = st.sampled_from([entry.code for entry in ENTRIES.values()] + [b"\x0f", b"\xcd", b"\xff", b"\xc5", b"\xc4"])


@given(
    st.sampled_from([64, 32]),
    st.binary(max_size=4).map(lambda raw: bytes(PREFIXES[64][byte % len(PREFIXES[64])] for byte in raw)),
    _STARTS | st.just(b""),
    st.binary(min_size=8, max_size=8),
)
def test_scan_agrees_with_a_decoder(bits: int, prefixes: bytes, start: bytes, rest: bytes) -> None:
    """Where capstone decodes an entry, the row and the number of prefixes are the same, and the other way round."""
    code = (prefixes + start + rest)[:MAX_INSTRUCTION]
    prefix, entry, locked = scan(code, bits)
    size, mnemonic = 0, ""
    for _, size, mnemonic, _ in DECODERS[bits].disasm_lite(code, 0, 1):  # noqa: B007
        pass
    known = bits == 32 or entry is None or entry.name not in ("into", "lcall", "lcall7", "lcall27")
    if mnemonic in MNEMONICS.values():
        assert entry is not None
        assert MNEMONICS[entry.name] == mnemonic
        if not mnemonic.startswith("ud"):  # whose operand is no part of the row
            assert size == prefix + entry.size
    elif entry is not None and entry.name in MNEMONICS and known and not locked:
        assert mnemonic == "", f"{code.hex()} is {mnemonic}"


def _rule(name: str, mode: Mode, bits: int, vendor: Vendor) -> bool:
    """The manuals' sentences: AMD64 APM vol. 3, SYSCALL, SYSENTER, CALL (far), INTO; Intel SDM vol. 2, the same."""
    if name == "syscall":
        return vendor == "amd" or (mode == "amd64" and bits == 64)
    if name == "sysenter":
        return vendor == "intel" or mode == "i386"
    if name in ("lcall", "lcall7", "lcall27", "into"):
        return bits == 32
    return True


@pytest.mark.parametrize("world", WORLDS, ids=str)
@pytest.mark.parametrize("name", ENTRIES)
def test_legality(name: str, world: tuple[Mode, int, Vendor]) -> None:
    """Each row in each of the six worlds."""
    mode, bits, vendor = world
    assert legal(ENTRIES[name], mode, bits, vendor) is _rule(name, mode, bits, vendor)


def test_gates_of_each_world() -> None:
    """What enters a kernel where."""
    found = {world: tuple(entry.name for entry in gates(*world)) for world in WORLDS}
    assert found == {
        ("amd64", 64, "amd"): ("syscall", "int80"),
        ("amd64", 64, "intel"): ("syscall", "sysenter", "int80"),
        ("amd64", 32, "amd"): ("syscall", "int80", "lcall7", "lcall27"),
        ("amd64", 32, "intel"): ("sysenter", "int80", "lcall7", "lcall27"),
        ("i386", 32, "amd"): ("syscall", "sysenter", "int80", "lcall7", "lcall27"),
        ("i386", 32, "intel"): ("sysenter", "int80", "lcall7", "lcall27"),
    }


def test_call_gates() -> None:
    """Slots 0 and 4 of the local table, with any requested privilege; nothing else."""
    found = {selector: call_gate(selector) for selector in range(0x10000) if call_gate(selector)}
    assert found == {**dict.fromkeys(range(4, 8), "lcall7"), **dict.fromkeys(range(0x24, 0x28), "lcall27")}


def test_rows_are_consistent() -> None:
    """A row either enters or raises something; traps are those whose saved address is the next."""
    for entry in ENTRIES.values():
        assert bool(entry.gate) != (entry.vector >= 0)
        assert entry.trap == (entry.vector in (1, 3, 4))
        assert entry.size == len(entry.code)
