"""Guest-physical memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.machine.memory import ARENA, PROGRAM_PAGES, ArenaExhausted, GuestMemory
from sysfuzz.program.names import PAGE


def test_a_page_is_handed_out_once_in_a_generation() -> None:
    """Programs of one generation share no page, and page 0 belongs to the machine."""
    memory = GuestMemory()
    seen = set()
    while memory.generation == 0:
        for _ in range(100):
            page = memory.allocate()
            assert page % PAGE == 0
            assert 0 < page < ARENA
            assert page not in seen
            seen.add(page)
        memory.rewind()
    assert len(seen) >= ARENA // PAGE - 1 - PROGRAM_PAGES


def test_a_reused_page_holds_zeros() -> None:
    """What a program of the generation before has written is gone."""
    memory = GuestMemory()
    first = memory.allocate()
    memory.write(first, b"left behind")
    while memory.generation == 0:
        memory.allocate()
        memory.rewind()
    again = memory.allocate()
    assert again == first
    assert memory.read(again, PAGE) == bytes(PAGE)


@pytest.mark.parametrize("used_before", [0, 1, 700, 2047])
def test_every_program_may_use_the_same_number_of_pages(used_before: int) -> None:
    """Wherever a program starts in the arena, it fails at the same allocation: outcomes do not depend on earlier programs."""
    memory = GuestMemory()
    for _ in range(used_before):
        memory.allocate()
    memory.rewind()
    for _ in range(PROGRAM_PAGES):
        memory.allocate()
    with pytest.raises(ArenaExhausted, match=str(PROGRAM_PAGES)):
        memory.allocate()


@given(st.integers(0, PAGE - 1), st.binary(max_size=PAGE))
def test_write_then_read(offset: int, data: bytes) -> None:
    """Bytes come back as written; a write that leaves the page is refused and changes nothing."""
    memory = GuestMemory()
    page, beyond = memory.allocate(), memory.allocate()
    if offset + len(data) > PAGE:
        with pytest.raises(ValueError, match="cross the end"):
            memory.write(page + offset, data)
        assert memory.read(page, PAGE) == bytes(PAGE)
    else:
        memory.write(page + offset, data)
        assert memory.read(page + offset, len(data)) == data
    assert memory.read(beyond, PAGE) == bytes(PAGE)


def test_writes_to_fetched_pages_are_noted() -> None:
    """Only pages that the CPU may have translated are of interest, with the exact range."""
    memory = GuestMemory()
    code, data = memory.allocate(), memory.allocate()
    memory.fetched.add(code)
    memory.write(data, b"abc")
    memory.write(code + 5, b"abc")
    assert memory.stale == [(code + 5, 3)]


@pytest.mark.parametrize("size", [PAGE * PROGRAM_PAGES, ARENA + 1])
def test_too_small_or_odd_arenas_are_refused(size: int) -> None:
    """An arena that could not serve one program is a mistake of the caller."""
    with pytest.raises(ValueError, match="whole pages"):
        GuestMemory(size)
