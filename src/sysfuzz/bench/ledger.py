"""The file of results as it is written: which trials it holds, and that they fit.

One file holds trials of one budget and of one set of versions, each once: others would not be comparable, and nobody would see it. What a line
says is `records`' business, how it gets onto the disk that of `lines`.
"""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from sysfuzz.bench.lines import Appending, BadLines, Line
from sysfuzz.bench.plan import Budget, Planned
from sysfuzz.bench.records import BadRecord, parse

_HEAD = '{"weakness": "'  # of every line


class Ledger:
    """A file of results that this process alone writes to."""

    def __init__(self, path: Path, budget: Budget, versions: Mapping[str, str]) -> None:
        """Open or make it, and read what is done. A half line at its end, left by a run that was killed, is cut off. BadLines."""
        self._file = Appending(path, _HEAD)
        try:
            self.done = _done(self._file.found.lines, budget, versions)
            self.cut = self._file.repair()  # bytes that were cut off
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.__exit__(kind, error, at)

    def add(self, record: Mapping[str, object]) -> None:
        """Append a trial's record; it is on disk when this returns. BadLines: it may be there in half."""
        self._file.add(record)


def _done(lines: list[Line], budget: Budget, versions: Mapping[str, str]) -> frozenset[Planned]:
    """The trials that the lines hold. BadLines: one does not fit."""
    done: dict[Planned, str] = {}
    for place, text in lines:
        try:
            trial = parse(text, place)
        except BadRecord as error:
            raise BadLines(str(error)) from None
        if tuple(trial.budget) != tuple(budget):
            had = f"{trial.budget.executions:,} executions and {trial.budget.seconds:g} s"
            due = f"{budget.executions:,} and {budget.seconds:g} s"
            raise BadLines(f"{place}: a trial with a budget of {had}, not of {due}; one file holds one budget")
        if dict(trial.versions) != versions:
            raise BadLines(f"{place}: a trial with {_listed(dict(trial.versions))}; installed: {_listed(versions)}")
        key = Planned(trial.weakness, trial.engine, trial.seed)
        if key in done:
            raise BadLines(
                f"{place}: weakness {key.weakness}, engine {key.engine}, seed {key.seed} is in {done[key]}, too"
            )
        done[key] = place
    return frozenset(done)


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {versions[name]}" for name in sorted(versions))
