"""Errands are system calls of the documented numbers, with words that fit the mode."""

import re
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from sysfuzz.generate.draft import Draft
from sysfuzz.generate.errands import GETPID, change, errand
from sysfuzz.program.ir import MODES, Mode

SEMANTICS = (Path(__file__).parents[2] / "docs" / "semantics.md").read_text(encoding="utf-8")
NUMBERS = {
    int(number): name
    for name, number in re.findall(r"(\w+) (\d+)", SEMANTICS[SEMANTICS.index("are NetBSD's: exit 1") :].split(". ")[0])
    if name != "and"  # the second number of vfork, in brackets behind the first
} | {282: "vfork"}


def drafts(mode: Mode, count: int) -> list[Draft]:
    """Drafts with an area at a number and one that only a reference names."""
    made = []
    for seed in range(count):
        draft = Draft(Random(seed), mode, "amd")
        if seed % 3:
            draft.map(0x10000, 2, True)
        if seed % 2:
            draft.op("mmap", 0, 0x1000, 5, 0x1002, -1, 0)
        made.append(draft)
    return made


def test_the_documented_numbers_were_found() -> None:
    """The page's sentence was read as a table."""
    assert NUMBERS[20] == "getpid"
    assert NUMBERS[411] == "mremap"
    assert len(NUMBERS) > 20


@pytest.mark.parametrize("mode", MODES)
def test_errands_are_documented_calls(mode: Mode) -> None:
    """Nearly all numbers are assigned, most are getpid, and the words are unsigned and of the mode's width."""
    numbers: Counter[int] = Counter()
    for draft in drafts(mode, 3000):
        number, words = errand(draft)
        numbers[number] += 1
        assert 0 <= number < 1 << 32
        assert all(0 <= word <= draft.mask for word in words)
    indirect = numbers[0] + numbers[198]
    assert sum(numbers[number] for number in NUMBERS) + indirect > 0.95 * 3000
    assert 0.3 < numbers[GETPID.number] / 3000 < 0.7
    assert indirect > 50
    missing = {name for number, name in NUMBERS.items() if not numbers[number]}
    assert not missing - {"madvise", "mincore", "msync", "mlockall"}


def test_changes_change_something() -> None:
    """They are calls on the map or the process, never getpid."""
    seen = {NUMBERS[change(draft).number] for draft in drafts("amd64", 500)}
    assert seen == {"mmap", "munmap", "mprotect", "mremap", "minherit", "fork", "vfork", "execve"}


def test_addresses_are_numbers_that_lie_in_an_area() -> None:
    """Code cannot name a result, so an errand on a range takes an area whose address is a number."""
    for draft in drafts("i386", 500):
        number, words = change(draft)
        if NUMBERS[number] in ("munmap", "mprotect", "minherit", "mremap"):
            area = draft.forecast.area_at(words[0])
            assert (area is None and words[0] == 0x10000) or (area is not None and area.anchor < 0)
