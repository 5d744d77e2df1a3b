"""A draft: ops being written one after the other, with the forecast of where they lead and the dice.

Everything that invents ops works on a draft, whether it writes a whole program or a piece to be spliced into one: `before` holds the ops that
come first, and references count from the start of the program. What is worth writing is not known here.
"""

from collections.abc import Sequence
from random import Random

from sysfuzz.generate.dice import Dice
from sysfuzz.generate.model import Area, Forecast
from sysfuzz.program.ir import Arg, Mode, Op, Ref, Vendor, make
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import MAP, PAGE, REGISTERS

Place = int | Ref  # an address as an argument

READ, WRITE, EXEC = 1, 2, 4
RX, RW, RWX = READ | EXEC, READ | WRITE, READ | WRITE | EXEC

PRIVATE_ANON = MAP["MAP_PRIVATE"] | MAP["MAP_ANON"]
FIXED = MAP["MAP_FIXED"]
SHARED_FILE = MAP["MAP_SHARED"] | FIXED
FLAGGED = MAP["MAP_NOSYSCALLS"]
NO_FD = -1
FILE = 3  # the descriptor of a file that can be read, written and executed


class Draft(Dice):
    """Ops in the making, behind the ops of `before`, for a program with initial registers `regs` (name -> value), which are changed in place."""

    __slots__ = ("_ahead", "_forecast", "first", "layout", "mask", "mode", "ops", "regs", "vendor")

    def __init__(
        self,
        rng: Random,
        mode: Mode,
        vendor: Vendor,
        before: Sequence[Op] = (),
        regs: dict[str, int] | None = None,
    ) -> None:
        super().__init__(rng)
        self.mode = mode
        self.vendor = vendor
        self.layout = LAYOUTS[mode]
        self.mask = self.layout.mask
        self._forecast = Forecast(mode)
        self._ahead = list(before)  # ops that the forecast has not yet taken into account: some drafts never ask
        self.first = len(before)
        self.ops: list[Op] = []
        self.regs = {} if regs is None else regs

    @property
    def forecast(self) -> Forecast:
        """The state after all ops so far."""
        forecast = self._forecast
        if self._ahead:
            for op in self._ahead:
                forecast.step(op)
            self._ahead.clear()
        return forecast

    # -- ops --

    def op(self, call: str, *args: Arg) -> None:
        """Append an op."""
        op = make(Op, (call, args))
        self.ops.append(op)
        self._ahead.append(op)

    def last(self) -> Ref:
        """The result of the last op."""
        return Ref(self.first + len(self.ops) - 1)

    def map(self, at: Place, pages: int, flagged: bool, prot: int = RX, extra: int = 0) -> None:
        """mmap private anonymous memory at a fixed place."""
        flags = PRIVATE_ANON | FIXED | extra | (FLAGGED if flagged else 0)
        self.op("mmap", at, pages * PAGE, prot, flags, NO_FD, 0)

    # -- addresses --

    def plus(self, at: Place, delta: int) -> Place:
        """The address `delta` bytes behind `at`, modulo the address width."""
        if isinstance(at, int):
            return (at + delta) & self.mask
        return Ref(at.op, (at.offset + delta) & self.mask)

    def areas(self, flagged: bool | None = None) -> list[Area]:
        """What the program itself has mapped in the current process: all, or only with or without no-syscalls."""
        return [area for area in self.forecast.areas if area.user and (flagged is None or area.flagged is flagged)]

    # -- result --

    def registers(self) -> tuple[tuple[str, int], ...]:
        """The initial registers as a Program wants them."""
        return registers(self.mode, self.regs)


def registers(mode: Mode, regs: dict[str, int]) -> tuple[tuple[str, int], ...]:
    """`regs` as a Program wants them: in the order of their numbers, without those that are zero."""
    if not regs:
        return ()
    return tuple((name, regs[name]) for name in REGISTERS[mode] if regs.get(name))
