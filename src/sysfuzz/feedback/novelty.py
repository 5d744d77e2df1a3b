"""Novelty: how much of what the steps of a program do together has not been tried yet, told before it is run.

A bug that outlives a review needs two steps that are harmless one by one: a call, and another one on the same pages. So what is counted is
interactions, a step with a later one and how their ranges lie to each other, as in pairwise testing (Kuhn, Wallace, Gallo, "Software fault
interactions and implications for software testing", 2004); what they lead to is not known here. A program takes a tenth of the time to invent
that it takes to run, so that it pays to invent some and run the one whose interactions are the rarest.
"""

from collections.abc import Mapping, Sequence

from sysfuzz.feedback.choices import choices
from sysfuzz.program.ir import CALLS, Kind, Op, Program, Ref
from sysfuzz.program.names import MAP, PAGE

# Counters, of which an interaction has the one that its number says. 100,000 chosen programs (seed 1) had set 31,002, of 947 kinds of steps.
_SLOTS = 1 << 20
_MOST = 255  # of a counter
_SPREAD_BEFORE, _SPREAD_RELATION = 0x9_E377, 0x3_C6EF  # odd, so that what differs little ends up far apart
_PAGE_SHIFT = PAGE.bit_length() - 1
_FIXED = MAP["MAP_FIXED"]

# How two ranges of pages lie to each other, [s, e) before and [t, f) after.
_NONE, _ELSEWHERE, _APART, _BEFORE, _BEHIND, _OVERLAP = 0, 1, 2, 3, 4, 5

# For each call the positions of the address and of the length that name its pages; -1: one page. mremap's is the range that there is afterwards
# if it stays where it is.
_RANGES: Mapping[str, tuple[int, int]] = {
    call: (kinds.index(Kind.ADDR), len(kinds) - 1 - kinds[::-1].index(Kind.SIZE) if Kind.SIZE in kinds else -1)
    for call, kinds in ((call, [param.kind for param in params]) for call, params in CALLS.items())
    if Kind.ADDR in kinds
}


class Novelty:
    """Counts the interactions of the programs that were run."""

    def __init__(self) -> None:
        self._counts = bytearray(_SLOTS)
        self._numbers: dict[tuple[str, int], int] = {}  # of what a step is, whatever its range

    def choose(self, programs: Sequence[Program]) -> Program:
        """Of some programs the one whose interactions are the rarest in the mean; it counts as tried. The first of equals."""
        chosen, slots = programs[0], self._slots(programs[0])
        most = self._rarity(slots)
        for program in programs[1:]:
            other = self._slots(program)
            rarity = self._rarity(other)
            if rarity > most:
                chosen, slots, most = program, other, rarity
        self._count(slots)
        return chosen

    def tried(self, program: Program) -> None:
        """A program is going to be run that nobody has chosen."""
        self._count(self._slots(program))

    def rarity(self, program: Program) -> float:
        """0 to 1: 1 if none of its interactions was tried, a half if each was once."""
        return self._rarity(self._slots(program))

    def _slots(self, program: Program) -> list[int]:
        """The counters of all interactions of a program; a step on its own is one, too."""
        numbers = self._numbers
        steps: list[int] = []
        spans: list[tuple[int, int, int]] = []
        slots: list[int] = []
        for op in program.ops:
            what = (op.call, choices(op))
            step = numbers.get(what, 0)
            if not step:
                step = numbers[what] = len(numbers) + 1
            span = _span(op, len(spans))
            slots.append(step % _SLOTS)
            for index in range(len(steps)):
                relation = _relation(spans[index], span)
                slots.append((steps[index] * _SPREAD_BEFORE + relation * _SPREAD_RELATION + step) % _SLOTS)
            steps.append(step)
            spans.append(span)
        return slots

    def _rarity(self, slots: list[int]) -> float:
        counts = self._counts
        total = 0.0
        for slot in slots:
            total += 1.0 / (1 + counts[slot])
        return total / len(slots) if slots else 0.0

    def _count(self, slots: list[int]) -> None:
        counts = self._counts
        for slot in slots:
            if counts[slot] < _MOST:
                counts[slot] += 1


def _span(op: Op, index: int) -> tuple[int, int, int]:
    """The pages that op number `index` names: what they count from (0: nothing, else the number of an op, plus 1), the first, the one behind.

    (-1, 0, 0): none. A mapping that lands anywhere is counted from its own result, as later ops do.
    """
    places = _RANGES.get(op.call)
    if places is None:
        return -1, 0, 0
    at, size = op.args[places[0]], 1
    if places[1] >= 0:
        length = op.args[places[1]]
        size = length if isinstance(length, int) else 1
    if op.call == "mmap" and not int(op.args[3]) & _FIXED:  # type: ignore[arg-type]  # flags are a number
        return index + 1, 0, size + PAGE - 1 >> _PAGE_SHIFT
    if isinstance(at, Ref):
        return at.op + 1, at.offset >> _PAGE_SHIFT, at.offset + size + PAGE - 1 >> _PAGE_SHIFT
    if isinstance(at, int):
        return 0, at >> _PAGE_SHIFT, at + size + PAGE - 1 >> _PAGE_SHIFT
    return -1, 0, 0


def _relation(before: tuple[int, int, int], after: tuple[int, int, int]) -> int:
    """How the range of a later op lies to that of an earlier one."""
    base, start, end = before
    other, first, last = after
    if base < 0 or other < 0:
        return _NONE
    if base != other:
        return _ELSEWHERE
    if last < start or first > end:
        return _APART
    if last == start:
        return _BEFORE
    if first == end:
        return _BEHIND
    left = 0 if first < start else 1 if first == start else 2
    right = 0 if last < end else 1 if last == end else 2
    return _OVERLAP + 3 * left + right
