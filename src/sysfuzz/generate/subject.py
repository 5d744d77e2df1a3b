"""A program under change: its parts, open, while a mutation works on them.

Mutations change `ops`, `regs`, `mode` and `vendor` freely and never leave a reference to an op that is not earlier; limits of size are
restored when the program is closed again.
"""

from random import Random

from sysfuzz.generate.dice import Dice
from sysfuzz.generate.draft import Draft, registers
from sysfuzz.generate.sequence import fit
from sysfuzz.program.ir import Arg, Op, Program, make


class Subject(Dice):
    """The parts of `program`; `other` is a second program to borrow from, or None."""

    __slots__ = ("mode", "ops", "other", "regs", "vendor")

    def __init__(self, program: Program, rng: Random, other: Program | None = None) -> None:
        super().__init__(rng)
        self.mode = program.mode
        self.vendor = program.vendor
        self.regs = dict(program.regs)
        self.ops = list(program.ops)
        self.other = other

    def draft(self, at: int) -> Draft:
        """A draft of ops that come directly before op `at`; it shares the registers."""
        return Draft(self.rng, self.mode, self.vendor, self.ops[:at], self.regs)

    def indices(self, call: str) -> list[int]:
        """Where `call` stands."""
        return [index for index, op in enumerate(self.ops) if op.call == call]

    def set_argument(self, index: int, position: int, value: Arg) -> None:
        """Replace one argument of op `index`."""
        call, args = self.ops[index]
        self.ops[index] = make(Op, (call, (*args[:position], value, *args[position + 1 :])))

    def program(self) -> Program:
        """The parts as a valid program."""
        return Program(self.mode, self.vendor, registers(self.mode, self.regs), fit(self.ops))
