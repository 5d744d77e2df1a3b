"""Brinks: calls at the last value that succeeds or the first that does not, and where a range is nothing or begins within a page.

A core that counts a page too many, or the wrong ones, refuses here what it must allow; `failures` is well behind these lines. Most rows of the
table are a sum of some call: wired pages less those replaced, what becomes wired by a change of protection. Others are what a call allows to
pages that its neighbours refuse.
"""

from collections.abc import Callable, Mapping

from sysfuzz.generate import aims, probes, weights
from sysfuzz.generate.draft import FILE, FIXED, FLAGGED, NO_FD, PRIVATE_ANON, READ, RX, SHARED_FILE, Draft, Place
from sysfuzz.generate.lineage import enter, spawn
from sysfuzz.generate.neighbours import number
from sysfuzz.program.layout import FILE_PAGES, MAX_LOCKED_PAGES, MAX_PAGES, MAX_WIRED_PAGES, STACK_PAGES
from sysfuzz.program.names import ADVICE, MAP, MLOCKALL, MSYNC, PAGE, PROT

_WIRED = MAP["MAP_WIRED"]
_NONE = PROT["PROT_NONE"]
_FREE, _DONTNEED = ADVICE["MADV_FREE"], ADVICE["MADV_DONTNEED"]
_SYNC, _INVALIDATE = MSYNC["MS_SYNC"], MSYNC["MS_INVALIDATE"]
_BIRTH_PAGES = STACK_PAGES + 1
_ALIGN_SHIFT = 24


def _about(draft: Draft, most: int) -> int:
    """`most`, or one more or less."""
    return most + draft.pick((-1, 0, 0, 1))


def _wide(draft: Draft, pages: int, prot: int = RX, extra: int = 0) -> Place:
    """Many pages, where there is room for some more; their start."""
    start = aims.free_room(draft, pages + 8)
    draft.map(start, pages, draft.chance(0.3), prot, extra)
    return start


def _wired_over_wired(draft: Draft) -> Place:
    """Pages that are to be wired replace some that are, so that not all of them count."""
    old = MAX_LOCKED_PAGES - draft.below(8)
    start = _wide(draft, old, extra=_WIRED)
    replaced = 1 + draft.below(8)
    beyond = _about(draft, MAX_LOCKED_PAGES - old)
    new = max(1, replaced + beyond)
    at = draft.plus(start, (old - replaced) * PAGE)
    draft.map(at, new, draft.chance(0.5), RX, _WIRED)
    return at


def _locked_again(draft: Draft) -> Place:
    """mlock counts what it is asked for, wired or not."""
    old = MAX_LOCKED_PAGES - 4 - draft.below(8)
    start = _wide(draft, MAX_LOCKED_PAGES + 1)
    draft.op("mlock", start, old * PAGE)
    new = max(1, _about(draft, MAX_LOCKED_PAGES - old))
    at = draft.plus(start, (old + draft.pick((0, -1, -new))) * PAGE)
    draft.op("mlock", at, new * PAGE)
    return at


def _locked_by_all(draft: Draft) -> Place:
    """Two processes have wired nearly all that any may; a third asks for the rest. Or one asks for all of its own with mlockall."""
    if draft.chance(0.4):
        rest = MAX_LOCKED_PAGES - _BIRTH_PAGES
        some = 1 + draft.below(rest - 1)
        start = _wide(draft, _about(draft, rest))
        if draft.chance(0.6):
            draft.op("mlock", start, some * PAGE)
        draft.op("mlockall", MLOCKALL["MCL_CURRENT"])
        return start
    each = MAX_LOCKED_PAGES - draft.below(4)
    start = _wide(draft, each)
    draft.op("mlock", start, each * PAGE)
    for mine in (each, max(1, _about(draft, MAX_WIRED_PAGES - 2 * each))):
        enter(draft, spawn(draft, "fork"))
        draft.op("mlock", start, mine * PAGE)
    return start


def _wired_by_protection(draft: Draft) -> Place:
    """With MCL_FUTURE in force, mprotect wires what is not wired and could not be touched, if it can be now; nothing else counts."""
    early = draft.chance(0.5)
    if early:
        draft.op("mlockall", MLOCKALL["MCL_FUTURE"])
    count = _about(draft, MAX_LOCKED_PAGES)
    start = _wide(draft, count, _NONE if early or draft.chance(0.5) else READ)
    if not early:
        if draft.chance(0.5):  # wired before they could not be touched
            some = 1 + draft.below(MAX_LOCKED_PAGES // 2)  # twice that is allowed, too
            for _ in range(1 + draft.below(2)):
                draft.op("mprotect", start, some * PAGE, READ)
                draft.op("mlock", start, some * PAGE)
            draft.op("mprotect", start, some * PAGE, _NONE)
        draft.op("mlockall", MLOCKALL["MCL_FUTURE"])
    if draft.chance(0.3):
        draft.op("mprotect", start, draft.below(count) * PAGE, RX)
    skipped = draft.pick((0, 0, 1, count // 2))
    draft.op(
        "mprotect", draft.plus(start, skipped * PAGE), (count - skipped) * PAGE, _NONE if draft.chance(0.2) else RX
    )
    return start


def _full_space(draft: Draft) -> Place:
    """The last page that a process may map, of which some replace others."""
    old = MAX_PAGES - _BIRTH_PAGES - draft.below(4)
    start = _wide(draft, old)
    replaced = draft.below(3)
    at = draft.plus(start, (old - replaced) * PAGE)
    draft.map(at, max(1, replaced + _about(draft, MAX_PAGES - _BIRTH_PAGES - old)), draft.chance(0.5))
    return at


def _aligned(draft: Draft) -> Place:
    """The largest alignment that there is room for; one that a mapping has already, so that mremap leaves it where it is."""
    if draft.chance(0.4):
        largest = draft.layout.vm_max.bit_length() - 1
        if draft.chance(0.3):  # right behind the only place
            draft.map((1 << largest) + PAGE, 1, draft.chance(0.5))
        draft.op(
            "mmap", 0, PAGE, RX, PRIVATE_ANON | _flag(draft) | largest + draft.pick((0, 0, 1)) << _ALIGN_SHIFT, NO_FD, 0
        )
        return draft.last()
    bits = 12 + draft.below(6)
    start = (1 + 2 * draft.below(3)) << max(bits, 16)
    draft.map(start, 2, draft.chance(0.5))
    asked = max(bits, 16) + draft.pick((0, 0, -1, 1))
    draft.op("mremap", start, PAGE, 0, PAGE * (1 + draft.below(2)), asked << _ALIGN_SHIFT)
    return start


def _last_page(draft: Draft) -> Place:
    """A mapping grown to the very end of the space, or by a page more: then it moves, unless it must not."""
    start = draft.layout.vm_max - 2 * PAGE
    draft.map(start, 1, draft.chance(0.5))
    if draft.chance(0.5):
        draft.op("mremap", start, PAGE, 0, PAGE * draft.pick((2, 3)), 0)
    else:
        draft.op("mremap", start, PAGE, start, PAGE * draft.pick((2, 3)), FIXED)
    return start


def _nothing_of_a_file(draft: Draft) -> Place:
    """A length that is nothing once the offset's part of a page is added; pages of a file that begin within one."""
    start = aims.free_room(draft, 3)
    part = 1 + draft.below(PAGE - 1)
    length = draft.mask + 1 - part if draft.chance(0.3) else PAGE
    first = draft.pick((0, 1, FILE_PAGES - 1))
    draft.op("mmap", draft.plus(start, part), length, RX, SHARED_FILE | _flag(draft), FILE, first * PAGE + part)
    return start


def _nothing(draft: Draft) -> Place:
    """Ranges of no length, in a mapping and in a hole; msync takes it for the whole mapping."""
    start = _wide(draft, 2)
    if draft.chance(0.5):
        draft.op("mlock", draft.plus(start, draft.below(2) * PAGE), PAGE)
    at = draft.plus(start, draft.below(3) * PAGE)
    if draft.chance(0.5):
        draft.op("msync", at, 0, draft.pick((_SYNC, _INVALIDATE, _SYNC | _INVALIDATE)))
    else:
        draft.op("madvise", at, 0, draft.pick((_FREE, _DONTNEED)))
    return start


def _wired_is_kept(draft: Draft) -> Place:
    """Calls that refuse wired pages, asked for what they allow there."""
    start = _wide(draft, 2)
    draft.op("mlock", start, (1 + draft.below(2)) * PAGE)
    if draft.chance(0.6):
        draft.op("msync", start, 2 * PAGE, _SYNC)
    else:
        draft.op("madvise", start, 2 * PAGE, _DONTNEED)
    return start


def _flag(draft: Draft) -> int:
    return FLAGGED if draft.chance(0.3) else 0


# What each appends, and a place worth a look afterwards.
ROWS: Mapping[str, Callable[[Draft], Place]] = {
    "wired over wired": _wired_over_wired,
    "locked again": _locked_again,
    "locked by all": _locked_by_all,
    "wired by protection": _wired_by_protection,
    "full space": _full_space,
    "aligned": _aligned,
    "last page": _last_page,
    "part of a page": _nothing_of_a_file,
    "nothing": _nothing,
    "wired is kept": _wired_is_kept,
}
_DECK = weights.deal(weights.BRINKS, ROWS)


def brink(draft: Draft) -> None:
    """A row, and a probe of what is there then."""
    probes.probe(draft, number(draft, draft.pick(_DECK)(draft)))
