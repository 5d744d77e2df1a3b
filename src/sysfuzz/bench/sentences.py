"""What the figures of a benchmark say, in sentences: every word that judges is chosen by the numbers.

"Ahead" and "behind" are said only where means, effect size and all tests agree. Tables and files are not made here.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

from sysfuzz.bench.contrast import Contrast, Duel, magnitude
from sysfuzz.bench.evaluation import Evaluation
from sysfuzz.bench.records import FULL, WITHOUT
from sysfuzz.bench.survival import SCALES, Scale

_SHOWN = 6  # weaknesses by name in a sentence; the table has all


def in_short(evaluation: Evaluation) -> Iterator[str]:
    """One sentence for each thing that was asked."""
    yield from _found(evaluation)
    for scale in SCALES:
        yield from _against(evaluation.contrasts[scale], scale)
    for scale in SCALES:
        yield from _where_others_win(evaluation.contrasts[scale], scale)
    if domains := [one for one in evaluation.contrasts["executions"] if one.engine.startswith(WITHOUT)]:
        yield _domains(domains)


def amount(value: float, scale: Scale) -> str:
    """Whole executions; seconds with three digits."""
    return f"{value:,.0f}" if scale == "executions" or abs(value) >= 100 else f"{value:.3g}"


def factor(value: float) -> str:
    """How many times, with two digits where they matter."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def quicker(duel: Duel) -> str:
    """How many times the quicker one of the two is that."""
    return factor(max(duel.factor, 1 / duel.factor if duel.factor else math.inf))


def verdict(contrast: Contrast) -> str:
    """Whether a domain pays, by the interval of the difference."""
    if contrast.interval is None:
        return "cannot be told from one weakness"
    low, high = contrast.interval
    return "pays" if low > 0 else "costs" if high < 0 else "not shown"


def _found(evaluation: Evaluation) -> Iterator[str]:
    full = evaluation.standings[FULL]
    all_of_them = len(full.cells)
    yield f"{FULL} detects {full.in_all} of {all_of_them} weaknesses with every seed, {full.in_some} with some, {full.in_none} with none."
    cells = ((name, full.cells[name]) for name in evaluation.weaknesses if name in full.cells)
    if missed := [f"{name} ({cell.found} of {cell.seeds})" for name, cell in cells if cell.found < cell.seeds]:
        yield f"Not with every seed: {', '.join(missed)}."


def _against(contrasts: Sequence[Contrast], scale: Scale) -> Iterator[str]:
    """Who is ahead of whom: restricted means (the full engine's first), and A12 where it is more than a hint."""
    groups = {
        1: f"{FULL} is ahead of",
        -1: f"{FULL} is behind",
        0: f"the measures do not agree on a difference between {FULL} and",
    }
    for standing, words in groups.items():
        if members := [one for one in contrasts if one.standing == standing]:
            yield f"In {scale}, {words} {', '.join(map(_measured, members))}."


def _measured(one: Contrast) -> str:
    size = f", A12 {effect(one.a12)}" if one.standing else ""
    return f"{one.engine} ({amount(one.full, one.scale)} against {amount(one.other, one.scale)}{size})"


def effect(a12: float) -> str:
    """`0.761 large`; below 0.5 it is the other engine's."""
    word = magnitude(a12)
    return f"{a12:.3f} {word}" + (" for the other" if a12 < 0.5 and word != "negligible" else "")


def _where_others_win(contrasts: Iterable[Contrast], scale: Scale) -> Iterator[str]:
    """The weaknesses on which a baseline took less, with an effect that is not small."""
    baselines = [one for one in contrasts if not one.engine.startswith(WITHOUT)]
    wins = [(one, [duel for duel in one.duels if _beaten(duel)]) for one in baselines]
    for one, duels in wins:
        if duels:
            clearest = sorted(duels, key=attrgetter("factor"))[:_SHOWN]
            names = ", ".join(f"{duel.weakness} ({quicker(duel)} times)" for duel in clearest)
            more = f" and {len(duels) - _SHOWN} more" if len(duels) > _SHOWN else ""
            yield f"In {scale}, {one.engine} took less than {FULL} on {len(duels)} of {len(one.duels)} weaknesses: {names}{more}."
    if nowhere := [one.engine for one, duels in wins if not duels]:
        yield f"In {scale}, on no weakness less than {FULL}: {', '.join(nowhere)}."


def _beaten(duel: Duel) -> bool:
    """The other engine took less, and by A12 more than a little."""
    return duel.other < duel.full and duel.a12 < 0.5 and magnitude(duel.a12) in ("medium", "large")


def _domains(contrasts: Iterable[Contrast]) -> str:
    groups: dict[str, list[str]] = {"pays": [], "costs": [], "not shown": []}
    for one in contrasts:
        groups.setdefault(verdict(one), []).append(one.engine.removeprefix(WITHOUT))
    said = {"pays": "pay", "costs": "cost more than they give", "not shown": "neither shown to pay nor to cost"}
    parts = [f"{said.get(key, key)}: {', '.join(names)}" for key, names in groups.items() if names]
    return f"Feature domains, by executions: {'; '.join(parts)}."
