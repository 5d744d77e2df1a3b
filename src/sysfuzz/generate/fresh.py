"""Fresh programs: an idiom or two over an empty address space.

Most have three to ten ops of which the last is a run. Steps that fail do so for a reason that an idiom or a weight states; the rest is a
forecast that was wrong.
"""

from random import Random

from sysfuzz.generate import arguments, weights
from sysfuzz.generate.dice import Dice
from sysfuzz.generate.draft import Draft
from sysfuzz.generate.idioms import idiom
from sysfuzz.generate.sequence import fit, insert
from sysfuzz.program.ir import Mode, Program, Vendor

_MODE_DECK = weights.deck(weights.MODES)
_VENDOR_DECK = weights.deck(weights.VENDORS)


def fresh(rng: Random, mode: Mode | None = None, vendor: Vendor | None = None) -> Program:
    """A valid program; `mode` and `vendor` are free if not given. All choices come from `rng`."""
    return composed(rng, mode, vendor)[0]


def composed(rng: Random, mode: Mode | None = None, vendor: Vendor | None = None) -> tuple[Program, tuple[str, ...]]:
    """A program as `fresh` makes it, and the names of the idioms that it consists of."""
    dice = Dice(rng)
    in_mode: Mode = dice.pick(_MODE_DECK) if mode is None else mode
    of_vendor: Vendor = dice.pick(_VENDOR_DECK) if vendor is None else vendor
    draft = Draft(rng, in_mode, of_vendor)
    names = (idiom(draft), idiom(draft)) if draft.chance(weights.SECOND_IDIOM) else (idiom(draft),)
    ops = draft.ops
    if draft.chance(weights.EXTRA_OP):
        before = len(ops) - 1 - draft.below(min(3, len(ops)))
        extra = Draft(rng, in_mode, of_vendor, ops[:before], draft.regs)
        arguments.op(extra)
        ops = insert(ops, before, extra.ops)
    return Program(in_mode, of_vendor, draft.registers(), fit(ops)), names
