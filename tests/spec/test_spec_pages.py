"""Arithmetic on pages and places, against a plain statement of it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.program.names import PAGE
from sysfuzz.spec import ANON, Anywhere, Page
from sysfuzz.spec.pages import covered, mapped, rewrite, round_page, touchable, without
from sysfuzz.spec.place import choose
from sysfuzz.spec.promise import REFERENCE
from sysfuzz.spec.world import World

P = PAGE
ONE = Page(3, 7, 1, 0, 0, 0)
NUMBERS = st.sets(st.integers(0, 20))
SPANS = st.builds(range, st.integers(0, 20), st.integers(0, 20) | st.just(1 << 52))


@pytest.mark.parametrize(
    ("length", "wanted"),
    [
        (0, 0),
        (1, P),
        (P, P),
        (P + 1, 2 * P),
        ((1 << 64) - P, (1 << 64) - P),
        ((1 << 64) - P + 1, 0),
        ((1 << 64) + 1, P),
    ],
)
def test_round_page(length, wanted):
    """Up to whole pages, modulo the width."""
    assert round_page(length, (1 << 64) - 1) == wanted
    if length < 1 << 32:
        assert round_page(length, (1 << 32) - 1) == wanted


@given(NUMBERS, SPANS)
def test_ranges_of_pages(numbers, span):
    """mapped, covered, without and rewrite see just the pages of the range, however long it is."""
    pages = dict.fromkeys(numbers, ONE)
    inside = {number for number in numbers if span.start <= number < span.stop}
    assert set(mapped(pages, span)) == inside
    assert covered(pages, span) == (len(inside) == len(span))
    assert set(without(pages, span)) == numbers - inside
    changed = rewrite(pages, inside, lambda page: page._replace(wired=1))
    assert {number for number, page in changed.items() if page.wired} == inside
    assert pages == dict.fromkeys(numbers, ONE)


@given(st.dictionaries(st.integers(0, 4), st.sampled_from([0, 1, 2, 3])), st.integers(0, 5 * P), st.integers(1, 2 * P))
def test_touchable_is_said_byte_by_byte(prots, addr, count):
    """A range can be touched if the page of each of its bytes can."""
    pages = {number: Page(prot, 7, 1, 0, 0, 0) for number, prot in prots.items()}
    wanted = all(prots.get(byte // P, 0) & 2 for byte in range(addr, addr + count))
    assert touchable(pages, addr, count, 2) == wanted


def test_a_page_past_the_end_cannot_be_touched():
    """A file has 16 pages; behind them is no memory whatever the protection."""
    for backing, wanted in ((ANON, True), (0, True), (15, True), (16, False), (1 << 51, False)):
        assert touchable({1: ONE._replace(backing=backing)}, P, 1, 0) is wanted


@given(
    st.sets(st.integers(1, 40)),
    st.integers(1, 5),
    st.sampled_from([1, 2, 4, 8]),
    st.integers(-1, 45) | st.just("ENOMEM"),
)
def test_choose_against_all_places(taken, count, align, answer):
    """In a small address space: the core's place if it is one of all legal ones, else whether there was any."""
    world = World("amd64", REFERENCE)
    world.layout = replace(world.layout, vm_min=P, vm_max=41 * P)
    world.space.pages = dict.fromkeys(taken, ONE)
    world.answer = answer if isinstance(answer, str) else answer * P
    legal = [
        first
        for first in range(0, 41, align)
        if first >= 1 and first + count <= 41 and taken.isdisjoint(range(first, first + count))
    ]
    if answer in legal:
        assert choose(world, count * P, align * P) == answer * P
    elif legal:
        assert choose(world, count * P, align * P) == Anywhere(count * P, align * P, 0)
    else:
        assert choose(world, count * P, align * P) == "ENOMEM"
