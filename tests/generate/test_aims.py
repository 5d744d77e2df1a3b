"""Rooms are free, addresses and ranges lie where the map says something interesting is."""

from random import Random

import pytest

from sysfuzz.generate import aims, arguments
from sysfuzz.generate.draft import Draft
from sysfuzz.program.ir import MODES, Mode, Ref
from sysfuzz.program.names import PAGE


def drafts(mode: Mode, count: int) -> list[Draft]:
    """Drafts with a few areas here and there."""
    made = []
    for seed in range(count):
        draft = Draft(Random(seed), mode, "amd")
        for _ in range(seed % 5):
            arguments.op(draft)
        made.append(draft)
    return made


@pytest.mark.parametrize("mode", MODES)
def test_free_room_is_free(mode: Mode) -> None:
    """In any state, room for 1 to 4 pages is page-aligned, in bounds and unmapped."""
    for draft in drafts(mode, 600):
        pages = 1 + draft.below(4)
        start = draft.forecast.value(aims.free_room(draft, pages))
        assert start % PAGE == 0
        assert draft.forecast.is_free(start, start + pages * PAGE)


def test_room_may_be_reserved() -> None:
    """Some rooms lie in a mapping without MAP_FIXED that the draft makes first, and are named by its result."""
    reserved = 0
    for draft in drafts("amd64", 600):
        count = len(draft.ops)
        at = aims.room(draft, 2)
        if len(draft.ops) > count:
            reserved += 1
            assert at == Ref(count, PAGE)
            start = draft.forecast.value(at)
            assert draft.forecast.is_mapped(start, start + 2 * PAGE)
    assert 30 < reserved < 120


@pytest.mark.parametrize("mode", MODES)
def test_addresses_are_near_something(mode: Mode) -> None:
    """Nearly always an area holds them, or begins or ends within two pages, or the space does; or they are results of earlier ops."""
    near = total = 0
    for draft in drafts(mode, 600):
        address = aims.aim(draft)
        value = draft.forecast.value(address)
        layout = draft.layout
        marks = [0, layout.vm_min, layout.vm_max, draft.mask, *draft.forecast.results]
        marks += [edge for area in draft.forecast.areas for edge in (area.start, area.end)]
        inside = draft.forecast.area_at(value) is not None
        total += 1
        near += inside or any(abs(value - mark) <= 2 * PAGE for mark in marks)
        assert 0 <= value <= draft.mask
    assert near > 0.98 * total


def test_ranges_meet_their_area() -> None:
    """A range has at least one page in common with an area unless it is empty, or its size odd on purpose."""
    meet = 0
    for draft in drafts("amd64", 600):
        at, length = aims.span(draft)
        start = draft.forecast.value(at)
        assert 0 <= length <= draft.mask
        meet += not length or any(area.start < start + length and area.end > start for area in draft.forecast.areas)
    assert meet > 570


def test_sizes_include_those_that_matter() -> None:
    """A page, some pages, parts of one, none, more than there may be, and sizes that round or wrap to something else."""
    draft = Draft(Random(1), "i386", "amd")
    sizes = {aims.size(draft) for _ in range(2000)}
    assert {0, PAGE, PAGE + 1, 2 * PAGE, 4 * PAGE, draft.layout.vm_max, 0xFFFF_FFFF, 0xFFFF_F000} <= sizes
    assert any(0 < size < PAGE for size in sizes)
    assert max(sizes) <= draft.mask


def test_an_empty_space_has_addresses_too() -> None:
    """Even when stack and trampoline are gone."""
    draft = Draft(Random(2), "i386", "amd")
    draft.op("munmap", draft.layout.trampoline, PAGE)
    draft.op("munmap", draft.layout.stack, 4 * PAGE)
    assert draft.forecast.areas == []
    for _ in range(200):
        assert 0 <= draft.forecast.value(aims.aim(draft)) <= draft.mask
        aims.span(draft)
        aims.aim_page(draft)
