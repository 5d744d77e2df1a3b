"""Edits: valid programs come of valid programs, and references mean what they meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from showing import MODEST, program, text

from strategies import programs
from sysfuzz.minimise.edit import arranged, renumbered, sites, value, with_args, with_registers, without
from sysfuzz.minimise.search import Shown
from sysfuzz.program.ir import Kind, Program, Ref
from sysfuzz.program.outcome import Result

CHILDREN = Shown(program("fork()\nas(r0)\nfork()\nas(r2)\nrun(r0+0x1000)"), (2, 0, 3, 0, 0))


@MODEST
@given(programs(max_ops=8), st.data())
def test_any_arrangement_is_valid(start: Program, data: st.DataObject) -> None:
    """Any of the ops in any order, whatever they have yielded."""
    results = data.draw(st.lists(st.sampled_from((0, 1 << 40, "EINVAL", b"\0")), max_size=len(start.ops)))
    indices = st.lists(st.integers(0, max(len(start.ops) - 1, 0)), unique=True, max_size=len(start.ops))
    order = data.draw(indices) if start.ops else []
    made = arranged(Shown(start, tuple(results)), order).validate()
    assert [op.call for op in made.ops] == [start.ops[index].call for index in order]


@MODEST
@given(programs(max_ops=8))
def test_all_ops_in_their_order_are_the_program(start: Program) -> None:
    """What is not to be changed is not changed."""
    assert arranged(Shown(start, ()), range(len(start.ops))) == start
    assert without(Shown(start, ()), ()) == start
    assert with_args(start, dict(sites(start))) == start
    assert with_registers(start, dict(start.regs)) == start


@pytest.mark.parametrize(
    ("dropped", "left"),
    [
        ((0,), "as(2)\nfork()\nas(r1)\nrun(0x1002)"),
        ((0, 1), "fork()\nas(r0)\nrun(0x1002)"),
        ((2, 4), "fork()\nas(r0)\nas(3)"),
    ],
)
def test_references_follow_their_ops(dropped: tuple[int, ...], left: str) -> None:
    """One to an op that stays goes on meaning it; one to an op that goes becomes the number that it was."""
    assert text(without(CHILDREN, dropped)) == text(program(left))


def test_numbers_are_counted_down() -> None:
    """Without the first child, the second has its number; of what makes no children there is nothing to count."""
    shown = Shown(program("fork()\nfork()\nas(3)\nas(2)"), (2, 3, 0, 0))
    counted = renumbered(shown, (0,))
    assert counted is not None
    assert text(counted) == text(program("fork()\nas(2)\nas(2)"))
    assert renumbered(shown, (2,)) is None


@pytest.mark.parametrize(
    ("results", "offset", "number"),
    [
        ((0x10000,), 8, 0x10008),
        (("EINVAL",), 1, 0),  # a result that is none is all ones
        ((b"\0",), 0, 0xFFFF_FFFF),
        ((), 0, 0xFFFF_FFFF),  # never reached
        ((0xFFFF_F000,), 0x2000, 0x1000),
    ],
)
def test_what_a_reference_stands_for(results: tuple[Result, ...], offset: int, number: int) -> None:
    """The result and the offset, modulo the width of the mode."""
    assert value(Shown(Program("i386"), results), Ref(0, offset), Kind.ADDR) == number
