"""Results of mutants, as values and as a file of JSON lines; what they say of the files of the core, and which mutants survive.

A file may hold results of several sources, seeds and budgets: a result is used where sources and seed are those that are asked for, and a
survivor only where its budget was large enough. Knows nothing of how results come about.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sysfuzz.bench import lines
from sysfuzz.bench.lines import Line
from sysfuzz.bench.mutants.listing import Mutant
from sysfuzz.bench.mutants.trial import Effort

SURVIVED = "survived"
KILLED = "killed"
HEAD = '{"sources": "'  # of every line of a file of results


class BadResults(ValueError):
    """A line that is no result; `str(error)` is one line, `file:line: message`."""


class Result(NamedTuple):
    """What became of one mutant."""

    name: str
    runs: int  # the budget
    end: str  # see trial.run; "hang" or "died": the process did
    executions: int = 0
    seconds: float = 0.0
    oracle: str = ""
    bucket: str = ""
    detail: str = ""


class Results:
    """What is known of the mutants under one effort."""

    def __init__(self, reached: Mapping[str, frozenset[int]] | None, results: Mapping[str, Result]) -> None:
        self.reached = reached  # lines by file; None: the reference has not been run
        self._results = results

    def covers(self, mutant: Mutant) -> bool:
        """Whether the reference runs the mutant's statement."""
        return mutant.reached == 0 or (self.reached is not None and mutant.reached in self.reached.get(mutant.file, ()))

    def settled(self, mutant: Mutant, runs: int) -> bool:
        """Whether no run of `runs` executions could tell more."""
        return self.of(mutant, runs) is not None

    def of(self, mutant: Mutant, runs: int) -> Result | None:
        """What became of a mutant within `runs` executions, if that is known."""
        result = self._results.get(mutant.name)
        if result is None or (result.runs < runs and result.end in (SURVIVED, "fault")):
            return None
        return result


def read(path: Path, sources: str, effort: Effort) -> Results:
    """What a file knows; see `known`. BadLines, too."""
    return known(lines.read(path, HEAD).lines, sources, effort)


def known(found: Iterable[Line], sources: str, effort: Effort) -> Results:
    """What a file's lines know of these sources with this seed; of a mutant with several results the one with the largest budget. BadResults."""
    reached: dict[str, frozenset[int]] | None = None
    results: dict[str, Result] = {}
    for place, text in found:
        try:
            record: dict[str, Any] = json.loads(text)
            if record.pop("sources") != sources or record.pop("seed") != effort.seed:
                continue
            if "reached" in record:
                if record["runs"] == effort.runs:
                    reached = {file: frozenset(lines) for file, lines in record["reached"].items()}
                continue
            result = Result(**record)
            before = results.get(result.name)
            if before is None or result.runs >= before.runs:
                results[result.name] = result
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
            raise BadResults(f"{place}: no result of a mutant") from None
    return Results(reached, results)


class Row(NamedTuple):
    """The mutants of one file."""

    file: str
    mutants: int
    covered: int
    killed: int  # by an oracle
    broken: int  # the core cannot be imported, hangs or dies, or the fuzzer fails over what it answers
    survived: int
    oracles: Mapping[str, int]  # mutants that each oracle killed, most first

    @property
    def share(self) -> float:
        """Of the covered mutants that were run, those that did not survive."""
        ended = self.killed + self.broken + self.survived
        return (self.killed + self.broken) / ended if ended else 1.0


def row(file: str, chosen: Sequence[Mutant], results: Results, runs: int) -> Row:
    """Count the mutants of `file` among the chosen."""
    own = [mutant for mutant in chosen if mutant.file == file]
    covered = [mutant for mutant in own if results.covers(mutant)]
    ended = [result for mutant in covered if (result := results.of(mutant, runs)) is not None]
    kinds = Counter(result.end for result in ended)
    oracles = Counter(result.oracle for result in ended if result.end == KILLED)
    return Row(
        file,
        len(own),
        len(covered),
        kinds[KILLED],
        sum(count for kind, count in kinds.items() if kind not in (KILLED, SURVIVED)),
        kinds[SURVIVED],
        dict(oracles.most_common()),
    )


def total(rows: Sequence[Row]) -> Row:
    """The sums over files."""
    oracles: Counter[str] = Counter()
    for row in rows:
        oracles.update(row.oracles)
    return Row(
        "all",
        sum(row.mutants for row in rows),
        sum(row.covered for row in rows),
        sum(row.killed for row in rows),
        sum(row.broken for row in rows),
        sum(row.survived for row in rows),
        dict(oracles.most_common()),
    )


def survivors(chosen: Iterable[Mutant], results: Results, runs: int) -> list[Mutant]:
    """The mutants that nothing noticed."""
    return [mutant for mutant in chosen if results.covers(mutant) and _survives(results.of(mutant, runs))]


def uncovered(chosen: Iterable[Mutant], results: Results) -> list[Mutant]:
    """The mutants whose statements the reference did not run."""
    return [mutant for mutant in chosen if not results.covers(mutant)]


def _survives(result: Result | None) -> bool:
    return result is not None and result.end == SURVIVED
