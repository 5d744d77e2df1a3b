"""The map's verbs: what clips, what merges and which fields survive."""

import pytest

from sysfuzz.kernel.pages import Amap, Object
from sysfuzz.kernel.protocol import KernelPanic
from sysfuzz.kernel.rules import REFERENCE, Rules
from sysfuzz.kernel.vmmap import Entry, VMMap
from sysfuzz.program.layout import LAYOUTS

LAYOUT = LAYOUTS["amd64"]
RX = 5


def entry(start, end, **fields):
    new = Entry(start, end, RX, 7, 1)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


@pytest.fixture
def vm():
    return VMMap(LAYOUT, REFERENCE, [])


def spans(vm):
    return [(e.start, e.end, e.attributes) for e in vm.entries]


def test_clip_splits_only_inside_an_entry(vm):
    """A clip at an entry's own ends changes nothing; inside it makes two entries with equal fields."""
    vm.enter(entry(0x10000, 0x14000, attributes=1, advice=2))
    vm.clip(0x10000, 0x14000)
    assert spans(vm) == [(0x10000, 0x14000, 1)]
    vm.clip(0x11000, 0x12000)
    assert spans(vm) == [(0x10000, 0x11000, 1), (0x11000, 0x12000, 1), (0x12000, 0x14000, 1)]
    assert [e.advice for e in vm.entries] == [2, 2, 2]


def test_clip_moves_the_object_offset(vm):
    """The part that is clipped off starts at its own page of the file."""
    file = Object("file", 16)
    vm.enter(entry(0x10000, 0x14000, object=file, offset=3))
    vm.clip(0x12000, 0x14000)
    assert [e.offset for e in vm.entries] == [3, 5]


@pytest.mark.parametrize(
    ("order", "word"),
    [
        ((0x10000, 0x11000), "merge-back"),
        ((0x11000, 0x10000), "merge-forward"),
        ((0x10000, 0x12000, 0x11000), "merge-both"),
    ],
)
def test_equal_neighbours_merge(vm, order, word):
    """Compatible entries become one, whichever comes first, and the log says how."""
    for start in order:
        vm.enter(entry(start, start + 0x1000))
    assert len(vm.entries) == 1
    assert vm.log[-1] == word
    assert vm.check() == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [("attributes", 1), ("prot", 1), ("maxprot", 5), ("inherit", 0), ("advice", 1), ("wired", 1), ("cow", True), ("object", Object("file", 4))],
)  # fmt: skip
def test_any_difference_keeps_entries_apart(vm, field, value):
    """Each field that makes an entry different prevents the merge on both sides."""
    vm.enter(entry(0x10000, 0x11000))
    vm.enter(entry(0x12000, 0x13000))
    vm.enter(entry(0x11000, 0x12000, **{field: value}))
    assert len(vm.entries) == 3


def test_files_merge_only_at_contiguous_offsets(vm):
    """Neighbours of one file are one entry only if the file's pages follow each other."""
    file = Object("file", 16)
    vm.enter(entry(0x10000, 0x12000, object=file, offset=0))
    vm.enter(entry(0x12000, 0x13000, object=file, offset=3))
    assert len(vm.entries) == 2
    vm.enter(entry(0x13000, 0x14000, object=file, offset=4))
    assert len(vm.entries) == 2


@pytest.mark.parametrize(("order", "attributes"), [((0, 1), 0), ((1, 0), 1)])
def test_the_merge_of_2011_keeps_the_neighbours_attribute(order, attributes):
    """Without the comparison, new pages silently take what the old entry has: lost or gained."""
    vm = VMMap(LAYOUT, Rules(merge_compares_attributes=False), [])
    for at, attribute in enumerate(order):
        vm.enter(entry(0x10000 + at * 0x1000, 0x11000 + at * 0x1000, attributes=attribute))
    assert spans(vm) == [(0x10000, 0x12000, attributes)]


def test_remove_keeps_the_rest(vm):
    """Removing the middle leaves both ends; holes in the range are no error."""
    vm.enter(entry(0x10000, 0x14000, attributes=1))
    vm.remove(0x11000, 0x12000)
    vm.remove(0xF000, 0x10000)
    assert spans(vm) == [(0x10000, 0x11000, 1), (0x12000, 0x14000, 1)]
    assert vm.pages == 3


def test_pages_left_by_a_clipped_part_are_not_seen_again(vm):
    """An entry that grows over a place where it had pages before shows zeros there, not the old pages."""
    vm.enter(entry(0x10000, 0x12000))

    vm.entries[0].amap = Amap()
    vm.entries[0].amap.slots = {0: 0x5000, 1: 0x6000}
    vm.remove(0x11000, 0x12000)
    vm.enter(entry(0x11000, 0x12000))
    assert vm.log[-1] == "merge-back"
    assert vm.entries[0].amap.slots == {0: 0x5000}


def test_two_amaps_are_never_merged(vm):
    """With an amap on either side, the new entry joins the first and stays apart from the second."""

    vm.enter(entry(0x10000, 0x11000))
    vm.enter(entry(0x12000, 0x13000))
    for e in vm.entries:
        e.amap = Amap()
    vm.enter(entry(0x11000, 0x12000))
    assert spans(vm) == [(0x10000, 0x12000, 0), (0x12000, 0x13000, 0)]


def test_double_booking_panics(vm):
    """The map is the last defence: an entry over another is a panic, not a corruption."""
    vm.enter(entry(0x10000, 0x12000))
    with pytest.raises(KernelPanic):
        vm.enter(entry(0x11000, 0x13000))


@pytest.mark.parametrize(
    ("hint", "size", "alignment", "place"),
    [
        (0, 0x1000, 0x1000, LAYOUT.mmap_base),
        (0x10001, 0x1000, 0x1000, 0x11000),
        (0x20000, 0x1000, 0x1000, 0x22000),
        (0x20000, 0x1000, 0x10000, 0x30000),
        (LAYOUT.vm_max, 0x1000, 0x1000, LAYOUT.mmap_base),
        (LAYOUT.vm_max - 0x1000, 0x2000, 0x1000, LAYOUT.mmap_base),
    ],
)
def test_find_space(vm, hint, size, alignment, place):
    """The first free, aligned place at or after the hint; where there is none, after mmap_base."""
    vm.enter(entry(0x20000, 0x22000))
    assert vm.find_space(hint, size, alignment) == place


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [(0xFFFE, 0x10000, False), (0xFFFF, 0x10001, True), (0x10FFF, 0x11000, True), (0x11000, 0x11002, False), (0x10FFF, 0x11001, True)],
)  # fmt: skip
def test_carries_looks_at_every_byte(vm, start, end, found):
    """One byte inside is enough, and the ends are half-open."""
    vm.enter(entry(0x10000, 0x11000, attributes=1))
    assert vm.carries(start, end, 1) is found
    assert vm.locks == 1


@pytest.mark.parametrize("damage", ["overlap", "empty", "misaligned", "count", "wired", "prot", "amap"])
def test_check_finds_damage(vm, damage):
    """The sanity check tells each kind of damage."""

    vm.enter(entry(0x10000, 0x12000))
    vm.enter(entry(0x14000, 0x15000))
    first = vm.entries[0]
    if damage == "overlap":
        first.end = 0x15000
    elif damage == "empty":
        first.end = first.start
    elif damage == "misaligned":
        first.end -= 1
    elif damage == "count":
        vm.pages += 1
    elif damage == "wired":
        first.wired = 1
    elif damage == "prot":
        first.maxprot = 1
    else:
        first.amap = Amap()
        first.amap.refs = 0
    assert vm.check() != ""
