"""A program in the other mode is valid and means the same places."""

import pytest
from hypothesis import given

from strategies import programs
from sysfuzz.generate.convert import convert_ops, convert_registers, convert_value
from sysfuzz.program.ir import MODES, Mode, Op, Program, Ref, width
from sysfuzz.program.layout import LAYOUTS


@given(programs())
def test_any_program_can_be_converted(program: Program) -> None:
    """The result is valid, has the same calls, and its code and references name the same."""
    new = MODES[1 - MODES.index(program.mode)]
    ops = convert_ops(program.ops, program.mode, new)
    regs = convert_registers(program.regs, program.mode, new)
    kept = tuple((name, value) for name, value in regs.items() if value)
    Program(new, program.vendor, kept, tuple(ops)).validate()
    for before, after in zip(program.ops, ops, strict=True):
        assert after.call == before.call
        for old, arg in zip(before.args, after.args, strict=True):
            if isinstance(old, Ref):
                assert isinstance(arg, Ref)
                assert arg.op == old.op
            elif isinstance(old, bytes):
                assert arg == old


@given(programs())
def test_the_same_mode_changes_nothing(program: Program) -> None:
    """Ops and registers come back as they were."""
    assert tuple(convert_ops(program.ops, program.mode, program.mode)) == program.ops
    assert tuple(convert_registers(program.regs, program.mode, program.mode).items()) == program.regs


@pytest.mark.parametrize(("old", "new"), [("amd64", "i386"), ("i386", "amd64")])
def test_places_keep_their_relation_to_the_layout(old: Mode, new: Mode) -> None:
    """Stack, trampoline, the end of the space, the start of the search, low addresses, and sizes that are negative numbers."""
    before, after = LAYOUTS[old], LAYOUTS[new]
    pairs = {
        0: 0,
        0x1000: 0x1000,
        0x10FFE: 0x10FFE,
        before.trampoline: after.trampoline,
        before.stack + 0x123: after.stack + 0x123,
        before.stack_top: after.stack_top,
        before.vm_max: after.vm_max,
        before.vm_max - 2: after.vm_max - 2,
        before.mmap_base + 0x5000: after.mmap_base + 0x5000,
        (1 << width(old)) - 0x1000: (1 << width(new)) - 0x1000,
    }
    assert {value: convert_value(value, old, new) for value in pairs} == pairs


def test_registers_keep_their_number() -> None:
    """What the other mode has not is dropped, what is too wide is cut."""
    assert convert_registers((("rax", 20), ("rdi", 1 << 32 | 5), ("r9", 1)), "amd64", "i386") == {"eax": 20, "edi": 5}
    assert convert_registers((("eax", 20),), "i386", "amd64") == {"rax": 20}


def test_an_example() -> None:
    """A mapping at the end of the space and a reference with a negative offset."""
    ops = (Op("munmap", (LAYOUTS["amd64"].vm_max - 0x1000, 0x1000)), Op("run", (Ref(0, (1 << 64) - 2), 5)))
    assert convert_ops(ops, "amd64", "i386") == [
        Op("munmap", (LAYOUTS["i386"].vm_max - 0x1000, 0x1000)),
        Op("run", (Ref(0, (1 << 32) - 2), 5)),
    ]
