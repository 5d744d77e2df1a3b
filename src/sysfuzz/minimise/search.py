"""The mechanism of minimising: ask about one proposal after the other, and go on from each smaller program that still shows the bug.

After each accepted step the search begins with the first pass again, so that what comes next depends on the best program alone. Hence a search
that was stopped or killed goes the same way when it is started again from its best program: nothing but that program has to be kept.
What a program shows, which proposals there are, what time it is and who wants the search to stop is told from outside.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from sysfuzz.minimise.order import is_smaller
from sysfuzz.program.ir import Program
from sysfuzz.program.outcome import Result


class Shown(NamedTuple):
    """A program that shows the bug, and the results of its ops as far as they were reached."""

    program: Program
    results: tuple[Result, ...]


# The results of the ops of a program that shows the bug, None of one that does not. It must always answer the same for the same program.
Predicate = Callable[[Program], Sequence[Result] | None]


class Pass(NamedTuple):
    """A named way of proposing: valid programs that are smaller than the one that is given, the most promising first."""

    name: str
    propose: Callable[[Shown], Iterator[Program]]


class Budget(NamedTuple):
    """When to stop: after so many executions, after so many seconds of the given clock; None is no limit."""

    executions: int | None = None
    seconds: float | None = None


UNLIMITED = Budget()


class Step(NamedTuple):
    """A smaller program that shows the bug, the pass that proposed it, and the executions that were made up to here."""

    by: str
    program: Program
    executions: int


Ending = Literal["minimal", "executions", "seconds", "stopped"]


class Minimised(NamedTuple):
    """The smallest program that was found and why the search ended: "minimal" if no pass has anything smaller to propose."""

    program: Program
    executions: int
    steps: int
    ending: Ending


class NothingShown(ValueError):
    """The program to start from does not show the bug."""


class _Over(Exception):
    """The search has to end before it is done; the argument is why."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending)
        self.ending: Ending = ending


def minimise(
    start: Program,
    predicate: Predicate,
    passes: Sequence[Pass],
    budget: Budget = UNLIMITED,
    *,
    clock: Callable[[], float] = lambda: 0.0,
    stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[Step], None] = lambda step: None,
) -> Minimised:
    """The smallest program that the passes reach from `start` and that `predicate` answers for.

    `on_step` hears of each accepted step before the next program is asked about. The predicate is asked about `start` whatever the budget,
    and never twice about one program. Raises NothingShown.
    """
    search = _Search(predicate, budget, clock, stop)
    results = search.first(start)
    if results is None:
        raise NothingShown("the program does not show the bug")
    best = Shown(start, results)
    steps = 0
    ending: Ending = "minimal"
    try:
        while (found := _next(best, passes, search)) is not None:
            by, best = found
            steps += 1
            on_step(Step(by, best.program, search.executions))
    except _Over as over:
        ending = over.ending
    return Minimised(best.program, search.executions, steps, ending)


def _next(best: Shown, passes: Iterable[Pass], search: "_Search") -> tuple[str, Shown] | None:
    """The first proposal that shows the bug, and its pass; None if there is none."""
    for name, propose in passes:
        for program in propose(best):
            if search.is_known(program):
                continue
            program.validate()
            if not is_smaller(program, best.program):
                raise AssertionError(f"pass {name} proposed a program that is not smaller")
            results = search.ask(program)
            if results is not None:
                return name, Shown(program, results)
    return None


class _Search:
    """The predicate within its budget; it remembers what was refused, for nothing that was accepted is proposed again."""

    def __init__(
        self, predicate: Predicate, budget: Budget, clock: Callable[[], float], stop: Callable[[], bool]
    ) -> None:
        self.executions = 0
        self._predicate = predicate
        self._budget = budget
        self._clock = clock
        self._stop = stop
        self._began = clock()
        self._refused: set[Program] = set()

    def is_known(self, program: Program) -> bool:
        return program in self._refused

    def first(self, program: Program) -> tuple[Result, ...] | None:
        """Ask about the program to start from."""
        self.executions += 1
        results = self._predicate(program)
        return None if results is None else tuple(results)

    def ask(self, program: Program) -> tuple[Result, ...] | None:
        """Ask about one more program. Raises _Over instead if the search has to end."""
        executions, seconds = self._budget
        if executions is not None and self.executions >= executions:
            raise _Over("executions")
        if seconds is not None and self._clock() - self._began >= seconds:
            raise _Over("seconds")
        if self._stop():
            raise _Over("stopped")
        results = self.first(program)
        if results is None:
            self._refused.add(program)
        return results
