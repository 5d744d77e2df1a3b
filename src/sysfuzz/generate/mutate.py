"""Mutation and crossover: a program becomes another valid one, mostly by one small step.

This file deals the mutations by weight; they are in `edits` (the sequence of ops), `tweaks` (single values) and `recode` (code).
"""

from collections.abc import Callable, Mapping
from random import Random

from sysfuzz.generate import edits, recode, tweaks, weights
from sysfuzz.generate.convert import convert_ops
from sysfuzz.generate.sequence import arrange, shift
from sysfuzz.generate.subject import Subject
from sysfuzz.program.ir import Program
from sysfuzz.program.names import RAX, REGISTERS

MUTATIONS: Mapping[str, Callable[[Subject], None]] = {
    "insert": edits.insert_op,
    "delete": edits.delete_ops,
    "duplicate": edits.duplicate_op,
    "swap": edits.swap_ops,
    "replace": edits.replace_op,
    "idiom": edits.insert_idiom,
    "splice": edits.splice,
    "argument": tweaks.change_argument,
    "registers": tweaks.change_registers,
    "vendor": tweaks.change_vendor,
    "mode": tweaks.change_mode,
    "block": recode.replace_block,
    "bytes": recode.change_bytes,
    "slide": recode.slide,
    "prefix": recode.change_prefix,
    "gate": recode.change_gate,
}
_GROWING = frozenset((edits.insert_op, edits.duplicate_op, edits.insert_idiom, edits.splice))
_DECK = weights.deal(weights.MUTATIONS, MUTATIONS)


def mutate(program: Program, rng: Random, other: Program | None = None) -> Program:
    """A valid program that differs from the valid `program`; `other` is one to borrow ops from."""
    subject = Subject(program, rng, other)
    for _ in range(weights.MOST_MUTATIONS):
        mutation = subject.pick(_DECK)
        if mutation in _GROWING and subject.chance((len(subject.ops) / weights.LONG_PROGRAM) ** 2):
            mutation = edits.delete_ops
        mutation(subject)
        if not subject.chance(weights.MORE_MUTATIONS):
            break
    edits.shorten(subject)  # each op costs time at every execution from now on
    changed = subject.program()
    if changed != program:
        return changed
    # The mutations found nothing to change, or undid each other: a register always can.
    accumulator = REGISTERS[subject.mode][RAX]
    subject.regs[accumulator] = subject.regs.get(accumulator, 0) ^ 1 or 2
    return subject.program()


def crossover(a: Program, b: Program, rng: Random) -> Program:
    """The first ops of `a` and then the last ops of `b`, in the mode and with the vendor and registers of `a`; both valid."""
    subject = Subject(a, rng)
    cut_a = subject.below(len(a.ops) + 1)
    # Where it would be longer than both, the tail is shortened: programs must not grow by being crossed.
    cut_b = max(subject.below(len(b.ops) + 1), cut_a + len(b.ops) - max(len(a.ops), len(b.ops)))
    tail = convert_ops(arrange(b.mode, b.ops, range(cut_b, len(b.ops))), b.mode, a.mode)
    subject.ops[cut_a:] = shift(tail, 0, cut_a)
    return subject.program()
