"""Counters that native code has beside the map."""

import ctypes

import pytest

from sysfuzz.feedback.counters import CounterMap


def test_they_are_cleared_with_the_map() -> None:
    """Whoever clears the map clears them, to the last and no further."""
    counters = CounterMap()
    array = (ctypes.c_uint8 * 8)(*[1] * 8)
    counters.adopt(ctypes.addressof(array) + 2, 4)
    counters.clear()
    assert list(array) == [1, 1, 0, 0, 0, 0, 1, 1]


def test_they_are_no_domain() -> None:
    """They take no room of the map, and are not shown."""
    counters = CounterMap(4)
    array = (ctypes.c_uint8 * 8)(*[1] * 8)
    counters.adopt(ctypes.addressof(array), 8)
    assert len(counters.slice("calls", 4)) == 4
    counters.tally()
    assert (counters.shown(), counters.seen()) == ({"calls": []}, bytes(4))


@pytest.mark.parametrize("size", [1, 4096])
def test_libfuzzer_gets_their_bounds(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Registered like the map's own: the address of the first counter, and that behind the last."""
    told: list[tuple[int, int]] = []
    library = {"__sanitizer_cov_8bit_counters_init": lambda start, stop: told.append((start.value, stop.value))}
    monkeypatch.setattr("sysfuzz.feedback.counters.load_libfuzzer", lambda: library)
    counters = CounterMap()
    counters.slice("calls", 4)
    array = (ctypes.c_uint8 * size)()
    counters.adopt(ctypes.addressof(array), size)
    counters.register()
    assert told[1:] == [(ctypes.addressof(array), ctypes.addressof(array) + size)]
    with pytest.raises(ValueError, match="the map is registered"):
        counters.adopt(ctypes.addressof(array), size)
