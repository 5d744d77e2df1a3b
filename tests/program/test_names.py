"""The tables of names: properties that printing and reading them rely on."""

import pytest

from sysfuzz.program import names


@pytest.mark.parametrize("table", [names.PROT, names.MAP, names.MSYNC, names.MLOCKALL])
def test_flags_are_single_bits(table: dict[str, int]) -> None:
    """ORed names keep apart: each flag that is not zero is one bit, no two share one, and the alignment byte is free."""
    bits = [value for value in table.values() if value]
    assert all(bit.bit_count() == 1 for bit in bits)
    assert len(set(bits)) == len(bits)
    assert max(bits) < 1 << 24


@pytest.mark.parametrize("table", [names.ADVICE, names.INHERIT, names.SYSARCH, names.SIGNAL, names.ERRNO])
def test_values_have_one_name(table: dict[str, int]) -> None:
    """A value prints as one name."""
    assert len(set(table.values())) == len(table)


def test_registers_are_in_the_order_of_their_numbers() -> None:
    """Intel SDM volume 2, table 3-1; the 32-bit registers are the low halves of the first eight."""
    amd64, i386 = names.REGISTERS["amd64"], names.REGISTERS["i386"]
    assert (amd64[names.RAX], amd64[names.RCX], amd64[names.RSP], amd64[names.RSI]) == ("rax", "rcx", "rsp", "rsi")
    assert amd64[8:] == tuple(f"r{register}" for register in range(8, 16))
    assert [name[1:] for name in i386] == [name[1:] for name in amd64[:8]]
