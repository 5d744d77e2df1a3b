"""A trial as a value, and files of trials: JSON lines, one trial a line.

A trial is one engine with one seed on one weakness; it ends when the weakness is detected or a budget is used up. Reading believes nothing: a
line that cannot be a trial is named with file and line. What trials say about engines is not asked here.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn, TypeGuard

from sysfuzz.findings.files import located

FULL = "full"  # the engine that all others are compared with
WITHOUT = "without-"  # before the name of a feature domain: the full engine with that domain switched off

_ORDER = (FULL, "uniform", "generator", "atheris", "afl")
_NAME = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}"
)  # goes into tables and plots as it is, which have no room for longer ones
_MANY = 1 << 53  # below it whole numbers are exact as floating point, which statistics count in
_MAX_QUOTE = 40
_MOST_BYTES = 1 << 28  # of a file: half a million trials; a device can have no end


class BadRecord(ValueError):
    """A line that is no trial; `str(error)` is one line, `file:line: message`."""


class Effort(NamedTuple):
    """What something took, on both scales."""

    executions: float
    seconds: float


class Trial(NamedTuple):
    """One engine with one seed on one weakness; the marks are those of the first time, None if that never came."""

    weakness: str
    engine: str
    seed: int
    budget: Effort
    spent: Effort
    reached: Effort | None  # the weak code was run
    triggered: Effort | None  # and did what the reference would not have done
    detected: Effort | None  # and an oracle said so
    bucket: str | None
    versions: tuple[tuple[str, str], ...]  # by package in order

    @property
    def lost(self) -> bool:
        """It ended before either budget without a detection, so that somebody or something has ended it."""
        return self.detected is None and all(spent < due for spent, due in zip(self.spent, self.budget, strict=True))

    @property
    def odd(self) -> bool:
        """A mark came without or before the one that should precede it: something else was detected, or a mark is in the wrong place."""
        marks = [mark.executions if mark else math.inf for mark in (self.reached, self.triggered, self.detected)]
        return marks != sorted(marks)


def read(files: Iterable[Path]) -> list[Trial]:
    """The trials of all files, ordered by weakness, engine and seed; empty lines are left out.

    Keys beyond those of a trial are the writer's own. Raises BadRecord, also for a second trial of the same weakness, engine and seed, and
    StoreError.
    """
    trials: dict[tuple[str, str, int], tuple[str, Trial]] = {}
    for file in files:
        with located(file, "cannot read"), file.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise BadRecord(f"{file}: is too long; supported: at most {_MOST_BYTES:,} bytes")
        lines = data.decode(errors="replace").split("\n")
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            place = f"{file}:{number}"
            trial = parse(line, place)
            key = trial.weakness, trial.engine, trial.seed
            if key in trials:
                raise BadRecord(
                    f"{place}: weakness {key[0]}, engine {key[1]}, seed {key[2]} is in {trials[key][0]}, too"
                )
            trials[key] = place, trial
    return sorted((trial for _, trial in trials.values()), key=lambda trial: (trial.weakness, trial.engine, trial.seed))


def parse(line: str, place: str) -> Trial:
    """The trial that one line holds; `place` names it in messages. Raises BadRecord."""
    try:
        value = json.loads(line)
    except (RecursionError, ValueError) as error:
        raise BadRecord(f"{place}: no JSON: {getattr(error, 'msg', error)}") from None
    if not isinstance(value, dict):
        raise BadRecord(f"{place}: expected an object, got {_quote(value)}")
    reader = _Reader(value, place)
    budget = reader.part("budget")
    trial = Trial(
        weakness=reader.name("weakness"),
        engine=reader.name("engine"),
        seed=reader.natural("seed"),
        budget=Effort(budget.natural("executions"), budget.seconds("seconds")),
        spent=Effort(reader.natural("executions"), reader.seconds("seconds")),
        reached=reader.mark("reached"),
        triggered=reader.mark("triggered"),
        detected=reader.mark("detected"),
        bucket=reader.text_or_null("bucket"),
        versions=reader.part("versions").texts(),
    )
    for name in ("reached", "triggered", "detected"):
        mark = getattr(trial, name)
        if mark is not None and (mark.executions > trial.spent.executions or mark.seconds > trial.spent.seconds):
            raise BadRecord(f"{place}: {name}: is after the end of the trial")
    return trial


def engines(trials: Iterable[Trial]) -> list[str]:
    """The names of the engines, each once: full, the baselines, then full without one domain."""
    names = {trial.engine for trial in trials}
    return sorted(names, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))


class _Reader:
    """One JSON object that is read key by key; every complaint names the line and the way to the key."""

    def __init__(self, value: Mapping[str, object], place: str, path: str = "") -> None:
        self._value, self._place, self._path = value, place, path

    def part(self, key: str) -> "_Reader":
        value = self._get(key)
        if not isinstance(value, dict):
            self._refuse(key, "an object")
        return _Reader(value, self._place, f"{self._path}{key}.")

    def name(self, key: str) -> str:
        value = self._get(key)
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            self._refuse(key, "a name of at most 40 letters, digits and . _ -")
        return value

    def text_or_null(self, key: str) -> str | None:
        value = self._get(key)
        if value is not None and not (isinstance(value, str) and value.isprintable()):
            self._refuse(key, "a line of text or null")
        return value

    def texts(self) -> tuple[tuple[str, str], ...]:
        for key, value in self._value.items():
            if not isinstance(value, str) or not (key + value).isprintable():
                self._refuse(key, "a line of text")
        return tuple(sorted((key, str(value)) for key, value in self._value.items()))

    def natural(self, key: str) -> int:
        value = self._get(key)
        if not _is_natural(value):
            self._refuse(key, "a whole number from 0")
        return value

    def seconds(self, key: str) -> float:
        value = self._get(key)
        if not _is_seconds(value):
            self._refuse(key, "seconds from 0")
        return float(value)

    def mark(self, key: str) -> Effort | None:
        value = self._get(key)
        if value is None:
            return None
        match value:
            case [execution, seconds] if _is_natural(execution) and _is_seconds(seconds):
                return Effort(execution, float(seconds))
        self._refuse(key, "null or [execution, seconds]")

    def _get(self, key: str) -> object:
        if key not in self._value:
            raise BadRecord(f"{self._place}: {self._path}{key}: is missing")
        return self._value[key]

    def _refuse(self, key: str, expected: str) -> NoReturn:
        raise BadRecord(f"{self._place}: {self._path}{key}: expected {expected}, got {_quote(self._value[key])}")


def _is_natural(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < _MANY


def _is_seconds(value: object) -> TypeGuard[float]:
    return type(value) in (int, float) and 0 <= value < _MANY  # type: ignore[operator]  # which mypy does not see


def _quote(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _MAX_QUOTE else f"{text[: _MAX_QUOTE - 3]}..."
