"""Descriptor tables, decoded independently as SDM vol. 3, figure 3-8 draws them."""

import mmap

import pytest

from sysfuzz.machine.descriptors import SystemPage, ldt_selector
from sysfuzz.program.ir import Mode
from sysfuzz.program.layout import USER_CODE32, USER_CODE64, USER_DATA

PAGE = 4096


def decode(raw: bytes) -> dict[str, int]:
    """Fields of a segment descriptor."""
    low, high = int.from_bytes(raw[:4], "little"), int.from_bytes(raw[4:], "little")
    return {
        "base": low >> 16 | (high & 0xFF) << 16 | high & 0xFF000000,
        "limit": low & 0xFFFF | high & 0xF0000,
        "type": high >> 8 & 15,
        "s": high >> 12 & 1,
        "dpl": high >> 13 & 3,
        "present": high >> 15 & 1,
        "long": high >> 21 & 1,
        "big": high >> 22 & 1,
        "granularity": high >> 23 & 1,
    }


def page(mode: Mode) -> tuple[SystemPage, mmap.mmap]:
    """A system page at physical address 0x1000."""
    buffer = mmap.mmap(-1, 2 * PAGE)
    return SystemPage(mode, buffer, PAGE), buffer


def descriptor(system: SystemPage, buffer: mmap.mmap, selector: int) -> dict[str, int]:
    """The descriptor that `selector` names."""
    table = system.ldt if selector & 4 else system.gdt
    at = PAGE + table - system.linear + (selector & ~7)
    return decode(buffer[at : at + 8])


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_user_segments(mode: Mode) -> None:
    """Code and data of user mode are flat, 4 GiB, privilege 3; the accessed bit is set, so that the CPU need not write it."""
    system, buffer = page(mode)
    code, data = descriptor(system, buffer, USER_CODE32), descriptor(system, buffer, USER_DATA)
    flat = {"base": 0, "limit": 0xFFFFF, "s": 1, "dpl": 3, "present": 1, "long": 0, "big": 1, "granularity": 1}
    assert code == {**flat, "type": 0xB}
    assert data == {**flat, "type": 0x3}


def test_only_amd64_has_64_bit_code() -> None:
    """In legacy mode the L bit means nothing: the segment would be 16-bit code, so it is absent."""
    system, buffer = page("amd64")
    assert descriptor(system, buffer, USER_CODE64)["long"] == 1
    assert descriptor(system, buffer, USER_CODE64)["big"] == 0
    system, buffer = page("i386")
    assert descriptor(system, buffer, USER_CODE64)["present"] == 0


def test_local_segments_replace_each_other() -> None:
    """The table holds what was set last and nothing else."""
    system, buffer = page("i386")
    system.set_segments([(8, 0x1234_5678), (63, 0xFFFF_F000)])
    assert descriptor(system, buffer, ldt_selector(8))["base"] == 0x1234_5678
    assert descriptor(system, buffer, ldt_selector(63))["base"] == 0xFFFF_F000
    assert system.segments[8 * 8 | 7] == (32, 0x1234_5678)
    system.set_segments([(9, 1)])
    assert descriptor(system, buffer, ldt_selector(8))["present"] == 0
    assert set(system.segments) == {USER_CODE32, 9 * 8 | 7}


@pytest.mark.parametrize("slot", [0, 4, 7, 64])
def test_slots_of_the_kernel_cannot_be_set(slot: int) -> None:
    """Slots 0 and 4 are the call gates; a present one there could end the process."""
    system, _ = page("i386")
    with pytest.raises(ValueError, match="8 to 63"):
        system.set_segments([(slot, 0)])


@pytest.mark.parametrize("mode", ["amd64", "i386"])
def test_no_call_gate_is_ever_present(mode: Mode) -> None:
    """Slots 0 and 4 of the local table are empty: Unicorn aborts the process at a far call through a gate without task state."""
    system, buffer = page(mode)
    for selector in (0x07, 0x27):
        assert descriptor(system, buffer, selector)["present"] == 0
