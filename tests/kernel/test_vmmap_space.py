"""Where a search for room ends and what is wired, against a plain look at all of the map, after every call."""

from unittest.mock import patch

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from physical import PlainMemory
from sysfuzz.kernel import vmmap
from sysfuzz.kernel.holes import Holes
from sysfuzz.kernel.kernel import Kernel
from sysfuzz.kernel.rules import REFERENCE
from sysfuzz.kernel.vmmap import Entry, VMMap
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import MAP, PAGE

FIXED = MAP["MAP_PRIVATE"] | MAP["MAP_ANON"] | MAP["MAP_FIXED"]
ANYWHERE = MAP["MAP_PRIVATE"] | MAP["MAP_ANON"]
COUNT = 1000


def plain(layout, ranges, hint, size, alignment):
    """The lowest aligned, free place at or after the hint, the base or the lowest address: it is there, or where a range ends."""
    for base in (hint or layout.mmap_base, layout.mmap_base, layout.vm_min):
        lowest = max(base, layout.vm_min)
        for start in sorted(
            {-(-max(lowest, end) // alignment) * alignment for end in (lowest, *(r[1] for r in ranges))}
        ):
            if start + size <= layout.vm_max and all(start + size <= low or high <= start for low, high in ranges):
                return start
    return None


def dug(layout, ranges):
    """The index of what lies between the ranges, made at once."""
    holes, low = Holes(layout.vm_max), layout.vm_min
    for start, end in (*ranges, (layout.vm_max, layout.vm_max)):
        holes.put(low, start - low)
        low = end
    return holes


class MapAgainstWalk(RuleBasedStateMachine):
    """The calls that change maps, around the place where the search for room begins; with each patience, few entries are many."""

    @initialize(mode=st.sampled_from(("amd64", "i386")), patience=st.sampled_from((0, 1, 3)))
    def boot(self, mode, patience):
        self.patience = patch.object(vmmap, "_PATIENCE", patience)
        self.patience.start()
        self.layout = LAYOUTS[mode]
        self.core = Kernel(mode, PlainMemory())

    def teardown(self):
        if hasattr(self, "patience"):
            self.patience.stop()

    def at(self, number):
        """Address of a page near the base."""
        return self.layout.mmap_base + number * PAGE

    def do(self, name, *args):
        """A call of the youngest process."""
        pid = max(self.core.processes.alive)
        self.core.call(pid, 1, name, args)

    @rule(number=st.integers(-4, 24), count=st.integers(1, 5), wired=st.sampled_from((0, 0, MAP["MAP_WIRED"])))
    def map_there(self, number, count, wired):
        self.do("mmap", self.at(number), count * PAGE, 5, FIXED | wired, -1, 0)

    @rule(hint=st.integers(-4, 24), count=st.integers(1, 5), shift=st.sampled_from((0, 0, 13, 14, 16)))
    def map_anywhere(self, hint, count, shift):
        self.do("mmap", self.at(hint), count * PAGE, 5, ANYWHERE | shift << 24, -1, 0)

    @rule(number=st.integers(-4, 24), count=st.integers(1, 7))
    def unmap(self, number, count):
        self.do("munmap", self.at(number), count * PAGE)

    @rule(number=st.integers(-4, 24), count=st.integers(1, 5), prot=st.sampled_from((0, 1, 5)))
    def protect(self, number, count, prot):
        self.do("mprotect", self.at(number), count * PAGE, prot)

    @rule(
        old=st.integers(-4, 24), oldcount=st.integers(1, 4), new=st.integers(-4, 24), newcount=st.integers(1, 5),
        flags=st.sampled_from((0, 0, MAP["MAP_FIXED"], 14 << 24)),
    )  # fmt: skip
    def remap(self, old, oldcount, new, newcount, flags):
        self.do("mremap", self.at(old), oldcount * PAGE, self.at(new), newcount * PAGE, flags)

    @rule(call=st.sampled_from(("mlock", "mlock", "munlock")), number=st.integers(-4, 24), count=st.integers(1, 5))
    def lock(self, call, number, count):
        self.do(call, self.at(number), count * PAGE)

    @rule(call=st.sampled_from((("mlockall", 1), ("mlockall", 2), ("munlockall",), ("fork",), ("vfork",), ("exec",))))
    def all_of_it(self, call):
        self.do(*call)

    @invariant()
    def as_by_a_walk(self):
        if hasattr(self, "core"):
            for process in self.core.processes.alive.values():
                regions = process.vm.regions()
                wired = sum(region.end - region.start for region in regions if region.wired) // PAGE
                assert process.vm.wired_pages() == wired
                ranges = [(region.start, region.end) for region in regions]
                if process.vm._holes is not None:
                    assert process.vm._holes._levels == dug(self.layout, ranges)._levels
                for hint in (0, 5, 14):
                    for size, alignment in ((1, PAGE), (3, PAGE), (2, 4 * PAGE), (6, PAGE), (COUNT, 16 * PAGE)):
                        place = process.vm.find_space(hint and self.at(hint), size * PAGE, alignment)
                        assert place == plain(self.layout, ranges, hint and self.at(hint), size * PAGE, alignment)
            assert self.core.check() == ""


MapAgainstWalk.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestMapAgainstWalk = MapAgainstWalk.TestCase


class Looked(list):
    """Entries that count how often they are looked at, one or several at once."""

    looks = 0

    def __getitem__(self, at):
        self.looks += 1
        return super().__getitem__(at)


@pytest.fixture
def crowded():
    """Many entries of three pages, a page apart, from where the search begins."""
    vm = VMMap(LAYOUTS["amd64"], REFERENCE, [])
    for number in range(COUNT):
        vm.insert(Entry(start(number), start(number) + 3 * PAGE, 5, 7, 1))
    return vm


def start(number):
    """Where that entry starts."""
    return LAYOUTS["amd64"].mmap_base + 4 * number * PAGE


def test_a_hole_among_many_entries_is_found_as_long_as_it_is_there(crowded):
    """A place for two pages is behind all, in the first hole that is made, and behind all again when that is filled."""
    behind = start(COUNT) - PAGE
    assert crowded.find_space(0, 2 * PAGE, PAGE) == behind
    crowded.remove(start(700), start(700) + PAGE)
    assert crowded.find_space(0, 2 * PAGE, PAGE) == start(700) - PAGE
    crowded.remove(start(300) + 2 * PAGE, start(300) + 3 * PAGE)
    assert crowded.find_space(0, 2 * PAGE, PAGE) == start(300) + 2 * PAGE
    assert crowded.find_space(start(301), 2 * PAGE, PAGE) == start(700) - PAGE
    assert crowded.find_space(0, 2 * PAGE, 16 * PAGE) == behind + 16 * PAGE - behind % (16 * PAGE)
    for number in (300, 700):
        crowded.remove(start(number), start(number + 1))
        crowded.insert(Entry(start(number), start(number) + 3 * PAGE, 5, 7, 1))
    assert crowded.find_space(0, 2 * PAGE, PAGE) == behind


def test_the_lowest_place_is_taken_where_the_hint_and_the_base_have_none(crowded):
    """What does not fit behind the entries is placed in front of them, also when they are many."""
    layout = crowded.layout
    size = layout.vm_max - start(COUNT) + 2 * PAGE
    assert crowded.find_space(start(5), size, PAGE) == layout.vm_min
    crowded.insert(Entry(layout.vm_min, layout.vm_min + PAGE, 5, 7, 1))
    assert crowded.find_space(0, size, PAGE) == layout.vm_min + PAGE
    assert crowded.find_space(0, layout.vm_max, PAGE) is None


def test_a_search_past_many_entries_looks_at_few(crowded):
    """Once the index is there; and so does the next one, after changes of the map."""
    crowded.find_space(0, 2 * PAGE, PAGE)
    crowded.entries = looked = Looked(crowded.entries)
    for number in range(0, COUNT, 50):
        crowded.remove(start(number), start(number) + PAGE)
        crowded.insert(Entry(start(number), start(number) + PAGE, 5, 7, 1))
        looked.looks = 0
        assert crowded.find_space(0, 2 * PAGE, PAGE) == start(COUNT) - PAGE
        assert looked.looks < 100
