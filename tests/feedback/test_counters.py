"""The counter map without libFuzzer; with it, see tests/engine/test_epoch.py."""

import ctypes

import pytest

from sysfuzz.feedback.counters import MAP_SIZE, CounterMap, load_libfuzzer


def test_slices_are_apart() -> None:
    """A counter that is set in one domain is set in no other."""
    counters = CounterMap()
    first, second = counters.slice("first", 3), counters.slice("second", 5)
    first[2] = 1
    assert (bytes(first), bytes(second)) == (b"\0\0\1", bytes(5))


def test_map_can_be_filled_to_the_last_counter() -> None:
    """Slices of MAP_SIZE counters fit, and not one more."""
    counters = CounterMap()
    counters.slice("first", MAP_SIZE - 1)
    counters.slice("second", 1)
    with pytest.raises(ValueError, match="supported: 1 to 0"):
        counters.slice("third", 1)


@pytest.mark.parametrize("size", [0, -1, 9])
def test_impossible_sizes_are_refused(size: int) -> None:
    """A slice has at least one counter and at most what is left; a refused one takes nothing."""
    counters = CounterMap(8)
    with pytest.raises(ValueError, match="supported: 1 to 8"):
        counters.slice("domain", size)
    assert len(counters.slice("domain", 8)) == 8


def test_a_domain_has_one_slice() -> None:
    """Two parts of the program cannot share a domain by accident."""
    counters = CounterMap()
    counters.slice("calls", 4)
    with pytest.raises(ValueError, match="'calls'"):
        counters.slice("calls", 4)


def test_clear() -> None:
    """All counters are 0 afterwards, and the slices that were handed out are the cleared ones."""
    counters = CounterMap()
    calls = counters.slice("calls", 4)
    calls[1] = 255
    counters.clear()
    assert bytes(calls) == bytes(4)


def test_seen_is_the_union_of_tallies() -> None:
    """Seen are the counters that were not 0 at any tally, whatever their value, in the order of the layout."""
    counters = CounterMap()
    calls, pages = counters.slice("calls", 4), counters.slice("pages", 2)
    calls[0] = 128
    counters.tally()
    counters.clear()
    calls[3] = 1
    pages[0] = 7
    counters.tally()
    counters.clear()
    calls[1] = 1  # not tallied
    assert [bool(value) for value in counters.seen()] == [True, False, False, True, True, False]
    assert dict(counters.layout()) == {"calls": 4, "pages": 2}


def test_shown_are_the_counters_that_are_set() -> None:
    """By domain, whatever their values; nothing of earlier executions."""
    counters = CounterMap()
    calls, pages = counters.slice("calls", 4), counters.slice("pages", 2)
    calls[3] = calls[0] = 200
    assert counters.shown() == {"calls": [0, 3], "pages": []}
    counters.clear()
    pages[1] = 1
    assert counters.shown() == {"calls": [], "pages": [1]}


def test_a_silenced_domain_guides_nothing() -> None:
    """Its counters can be set as before, and are neither shown nor seen nor registered; the layout stays."""
    counters = CounterMap()
    calls, pages = counters.slice("calls", 4), counters.slice("pages", 2)
    counters.silence("calls")
    counters.silence("code")  # has no counters: a core that is not instrumented
    calls[0] = pages[0] = 1
    counters.tally()
    assert counters.seen() == b"\0\0\0\0\1\0"
    assert counters.shown() == {"pages": [0]}
    assert counters.layout() == {"calls": 4, "pages": 2}
    counters.register()
    calls.append(0)  # not pinned: libFuzzer does not know it
    with pytest.raises(BufferError):
        pages.append(0)
    with pytest.raises(ValueError, match="'pages' cannot be silenced: the map is registered"):
        counters.silence("pages")


def test_libfuzzer_reads_the_slices() -> None:
    """Registration pins each slice: it keeps its address, and neither a length nor the layout can change any more."""
    counters = CounterMap()
    calls = counters.slice("calls", 4)
    address = ctypes.addressof(ctypes.c_uint8.from_buffer(calls))
    counters.register()
    with pytest.raises(BufferError):
        calls.append(0)
    calls[0] = 9
    assert ctypes.string_at(address, 4) == b"\x09\0\0\0"
    with pytest.raises(ValueError, match="too late"):
        counters.slice("pages", 1)
    with pytest.raises(ValueError, match="registered already"):
        counters.register()


def test_libfuzzer_of_atheris_takes_counters() -> None:
    """The symbols that everything rests on are exported by the installed atheris."""
    library = load_libfuzzer()
    for symbol in ("__sanitizer_cov_8bit_counters_init", "LLVMFuzzerRunDriver"):
        assert library[symbol]
