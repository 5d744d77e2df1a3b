"""Mutations of the sequence of ops: insert, delete, duplicate, swap, replace, a whole idiom, a stretch of another program.

New ops are aimed by the forecast of what comes before them. Values inside an op are changed in `tweaks`, code in `recode`.
"""

from sysfuzz.generate import arguments, weights
from sysfuzz.generate.convert import convert_ops
from sysfuzz.generate.idioms import idiom
from sysfuzz.generate.sequence import arrange, insert, replace, shift
from sysfuzz.generate.subject import Subject
from sysfuzz.generate.vital import vital
from sysfuzz.program.ir import MAX_OPS

_LONGEST_STRETCH = 8  # of another program: enough for one idea


def _position(subject: Subject) -> int:
    """Where something new should stand: anywhere, but half of the time before the last poke and run, whose verdict it may change."""
    count = len(subject.ops)
    if count >= 2 and subject.chance(0.5):
        return count - 2
    return subject.below(count + 1)


def insert_op(subject: Subject) -> None:
    """One op more."""
    at = _position(subject)
    draft = subject.draft(at)
    arguments.op(draft)
    subject.ops = insert(subject.ops, at, draft.ops)


def delete_ops(subject: Subject) -> None:
    """One op less, or a few in a row, more of them in a long program; mostly one more where the last run needs all that there are."""
    count = len(subject.ops)
    if count < 2:
        return
    stretch = 1
    if subject.chance(0.2 if count < weights.LONG_PROGRAM else 0.8):
        stretch = 1 + subject.below(max(2, count // 3))
    first = subject.below(count)
    order = [*range(first), *range(first + stretch, count)]
    if subject.chance(weights.SPARED):
        spare = _dispensable(subject)
        if not spare:
            insert_op(subject)
            return
        first = subject.below(len(spare))
        gone = spare[first : first + stretch]
        order = [index for index in range(count) if index not in gone]
    if order:
        subject.ops = arrange(subject.mode, subject.ops, order)


def _dispensable(subject: Subject) -> list[int]:
    """Indices of the ops that the last run can do without."""
    needed = vital(subject.ops)
    return [index for index in range(len(subject.ops)) if index not in needed]


def shorten(subject: Subject) -> None:
    """Delete ops of a long program that its last run can do without, nearly always until it is long no more."""
    count = len(subject.ops)
    if count <= weights.LONG_PROGRAM:
        return
    order = list(range(count))
    spare = _dispensable(subject)
    while len(order) > weights.LONG_PROGRAM and spare and subject.chance(weights.CUT):
        order.remove(spare.pop(subject.below(len(spare))))
    if len(order) < count:
        subject.ops = arrange(subject.mode, subject.ops, order)


def duplicate_op(subject: Subject) -> None:
    """An op again: at once, or later."""
    count = len(subject.ops)
    if not 0 < count < MAX_OPS:
        return
    index = subject.below(count)
    at = index + 1 if subject.chance(0.5) else index + 1 + subject.below(count - index)
    subject.ops = insert(subject.ops, at, (subject.ops[index],))


def swap_ops(subject: Subject) -> None:
    """Two ops change places, mostly neighbours, and before the first code, which needs what it lies in."""
    places = range(len(subject.ops))
    if subject.chance(weights.SPARED):
        code = next((index for index, op in enumerate(subject.ops) if op.call == "poke"), 0)
        places = range(code) if code > 1 else places
    count = len(places)
    if count < 2:
        return
    one = subject.below(count - 1)
    other = one + 1 if subject.chance(0.6) else one + 1 + subject.below(count - one - 1)
    first, second = places[one], places[other]
    order = list(range(len(subject.ops)))
    order[first], order[second] = second, first
    subject.ops = arrange(subject.mode, subject.ops, order)


def replace_op(subject: Subject) -> None:
    """Another op in the place of one."""
    if not subject.ops:
        return
    at = subject.below(len(subject.ops))
    if subject.chance(weights.SPARED):
        at = subject.pick(_dispensable(subject) or [at])
    draft = subject.draft(at)
    arguments.op(draft)
    subject.ops = replace(subject.ops, at, draft.ops)


def insert_idiom(subject: Subject) -> None:
    """A whole idiom, mostly behind everything: its own run should be the last word."""
    count = len(subject.ops)
    at = count if subject.chance(0.6) else subject.below(count + 1)
    draft = subject.draft(at)
    idiom(draft)
    subject.ops = insert(subject.ops, at, draft.ops)


def splice(subject: Subject) -> None:
    """A stretch of the other program, by itself valid, at any place."""
    other = subject.other
    if other is None or not other.ops:
        duplicate_op(subject)
        return
    count = len(other.ops)
    first = 0 if subject.chance(0.5) else subject.below(count)  # from the start it brings its mappings along
    length = 1 + subject.below(min(_LONGEST_STRETCH, count - first))
    stretch = arrange(other.mode, other.ops, range(first, first + length))
    at = subject.below(len(subject.ops) + 1)
    new = shift(convert_ops(stretch, other.mode, subject.mode), 0, at)
    subject.ops = insert(subject.ops, at, new)
