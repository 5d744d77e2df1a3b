"""The first picture of a process: what lies where, so that programs can rely on it."""

import pytest

from sysfuzz.program.ir import Mode
from sysfuzz.program.layout import LAYOUTS, STACK_HEADROOM, STACK_PAGES
from sysfuzz.program.names import PAGE


@pytest.mark.parametrize("mode", LAYOUTS)
def test_the_address_space_is_in_order(mode: Mode) -> None:
    """Everything lies page-aligned inside the bounds, disjoint and with room between, in addresses of the mode's width."""
    layout = LAYOUTS[mode]
    places = (layout.vm_min, layout.mmap_base, layout.trampoline, layout.stack, layout.stack_top, layout.vm_max)
    assert list(places) == sorted(set(places))
    assert not any(place % PAGE for place in places)
    assert layout.trampoline + PAGE < layout.stack
    assert layout.stack_top - layout.stack == STACK_PAGES * PAGE
    assert layout.stack_top < layout.vm_max <= layout.mask == 2**layout.bits - 1
    assert 0 < STACK_HEADROOM < PAGE


@pytest.mark.parametrize("mode", LAYOUTS)
def test_done_can_never_be_mapped(mode: Mode) -> None:
    """The return address that ends a run lies behind the last address that a program can map."""
    assert LAYOUTS[mode].vm_max <= LAYOUTS[mode].done <= LAYOUTS[mode].mask
