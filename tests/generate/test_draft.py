"""A draft keeps ops, references and forecast in step."""

from random import Random

from sysfuzz.generate.draft import RX, Draft, registers
from sysfuzz.generate.model import Area
from sysfuzz.program.ir import Op, Program, Ref


def test_references_count_from_the_start_of_the_program() -> None:
    """The result of the first op of a draft has the number of ops before it."""
    draft = Draft(Random(0), "amd64", "amd", before=(Op("fork"), Op("fork")))
    draft.op("fork")
    assert draft.last() == Ref(2)
    assert draft.ops == [Op("fork")]


def test_the_forecast_knows_what_came_before_and_what_was_drafted() -> None:
    """Both kinds of ops count, in order, whenever it is asked."""
    before = (Op("mmap", (0x10000, 0x2000, 5, 0x11012, -1, 0)),)
    draft = Draft(Random(0), "i386", "amd", before)
    assert draft.areas() == [Area(0x10000, 0x12000, 5, True, -1)]
    draft.map(0x20000, 1, False, RX)
    draft.op("munmap", 0x10000, 0x1000)
    assert sorted(draft.areas()) == [Area(0x11000, 0x12000, 5, True, -1), Area(0x20000, 0x21000, 5, False, -1)]
    assert draft.areas(flagged=True) == [Area(0x11000, 0x12000, 5, True, -1)]
    assert draft.areas(flagged=False) == [Area(0x20000, 0x21000, 5, False, -1)]


def test_addresses_wrap_at_the_width_of_the_mode() -> None:
    """Numbers and offsets of references are taken modulo 2^64 or 2^32."""
    wide, narrow = Draft(Random(0), "amd64", "amd"), Draft(Random(0), "i386", "amd")
    assert wide.plus(0x1000, -0x1001) == (1 << 64) - 1
    assert narrow.plus(0xFFFF_FFFF, 2) == 1
    assert narrow.plus(Ref(3, 1), -2) == Ref(3, 0xFFFF_FFFF)


def test_registers_are_as_a_program_wants_them() -> None:
    """In the order of their numbers, without zeros."""
    regs = registers("amd64", {"r8": 1, "rax": 2, "rcx": 0})
    assert regs == (("rax", 2), ("r8", 1))
    Program("amd64", "amd", regs).validate()
