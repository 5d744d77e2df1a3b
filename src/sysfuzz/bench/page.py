"""The page of a benchmark, as Markdown: what was run, what it says, the tables, and what their words mean.

Figures and judgements come from elsewhere; here they are put in order.
"""

from collections.abc import Iterable, Iterator, Sequence

from sysfuzz.bench.contrast import Contrast, Duel
from sysfuzz.bench.evaluation import Evaluation, Standing
from sysfuzz.bench.records import FULL, WITHOUT
from sysfuzz.bench.sentences import amount, effect, in_short, quicker, verdict
from sysfuzz.bench.survival import SCALES, Scale

TITLE = "# How soon planted weaknesses are found"
_EQUAL = 1.05  # a factor below that would be printed as 1.0

_UNITS = f"""\
A12 and the tests need a unit that repeats. Seeds repeat one experiment, so A12 is taken within each weakness, over its seeds, and averaged: the
chance that a trial of `{FULL}` is shorter than one of the other engine *on the same weakness*. Weaknesses are a sample of the bugs that there
could be, so the signed-rank test takes the restricted mean of each once, paired; log-rank and Mann-Whitney pool all trials and speak of these
weaknesses alone, where the spread from easy to hard hides differences but makes none, for both engines ran the same ones (the pooled A12 is also
drawn towards 0.5). All p-values are two-sided and adjusted by Holm over the engines of a table."""

_ENGINES = {
    FULL: "what `sysfuzz fuzz` does",
    "uniform": "uniform random bytes, decoded as programs; no feedback",
    "generator": "fresh programs of the generator; no feedback",
    "atheris": "libFuzzer's own mutators of bytes, with the feedback",
    "afl": "afl-fuzz with its own mutators of bytes",
    WITHOUT: "`full`, but libFuzzer is not shown the features of that domain",
}

_DOMAINS = f"""\
`{FULL}` against itself with one feature domain switched off. As above the unit is the weakness: the interval of the mean difference is a
bootstrap over weaknesses (percentiles; 95 % for each row by itself). A domain pays if the interval lies above 0, and costs more than it gives if
it lies below."""

_FACTORS = f"""\
How many times `{FULL}` is quicker, by restricted means; in bold, how many times the other engine is. = is less than 5 % apart, - that not both
have run it. With few seeds a single factor says little; [summary.json](summary.json) has the A12 of each."""

_WORDS = """\
* **reached, triggered, detected**: the weak code was run; it did what the reference would not have done; an oracle said so.
* **censored**: a trial that ended without a detection, which says only that detection takes longer than that.
* **restricted mean**: the mean time to detection if whatever takes longer than the horizon is counted as the horizon, which is the area under
  the Kaplan-Meier curve. Over several weaknesses it is the mean of theirs, so that hard ones weigh most.
* **horizon**: the budget; or, where all trials of some engine on that weakness ended before it, as the other budget was used up, the end of
  the longest, for nothing is known beyond. It is the same for all engines on one weakness.
* **A12** (Vargha and Delaney): 0.5 is no difference, from 0.556 small, 0.638 medium, 0.714 large; below 0.5 the other engine is the quicker one.
* **ahead, behind**: restricted mean and A12 say so, and all three p are below 0.05 after Holm.
* Executions do not depend on the machine. Seconds do; they compare engines that ran on the same one under the same load."""


def page(evaluation: Evaluation) -> str:
    """`README.md`, which lies beside the plots and summary.json."""
    contrasts = evaluation.contrasts
    sections = [
        TITLE,
        "Made by `sysfuzz bench report` of the records of trials, like the plots and [summary.json](summary.json).",
        _what_was_run(evaluation),
        *(f"> **Mind:** {warning}" for warning in evaluation.warnings),
        "## In short",
        _list(in_short(evaluation)),
        "## Engines",
        _engines(evaluation.standings.values()),
        _list(_explained(evaluation.standings)),
        *(f"![{scale} until detection, by engine](survival-{scale}.svg)" for scale in SCALES),
    ]
    if contrasts["executions"]:
        sections += [f"## `{FULL}` against each", _UNITS]
        sections += [_contrasts(contrasts[scale], scale) for scale in SCALES]
    if domains := [one for scale in SCALES for one in contrasts[scale] if one.engine.startswith(WITHOUT)]:
        sections += ["## Does each feature domain pay?", _DOMAINS, _domains(domains)]
    sections += ["## Each weakness", "![Executions until each weakness is detected, by engine](weaknesses.svg)"]
    if contrasts["executions"]:
        sections += [_FACTORS, *(_details(f"in {scale}", _duels(evaluation, scale)) for scale in SCALES)]
    return "\n\n".join([*sections, "## Words", _WORDS]) + "\n"


def _what_was_run(evaluation: Evaluation) -> str:
    seeds = _run(evaluation.seeds)
    budgets = " or ".join(f"{budget.executions:,} executions or {budget.seconds:g} s" for budget in evaluation.budgets)
    versions = ", ".join(f"{package} {' or '.join(found)}" for package, found in evaluation.versions.items())
    ends = ", ".join(_range(evaluation, scale) for scale in SCALES)
    return (
        f"{evaluation.trials:,} trials; weaknesses: {len(evaluation.weaknesses)}; engines: {len(evaluation.standings)}; seeds: {seeds}. "
        f"A trial ends when the weakness is detected, or when {budgets} are used up. Horizons: {ends}. Versions: {versions or 'not recorded'}."
    )


def _run(numbers: Sequence[int]) -> str:
    """`1 to 5` where none is missing."""
    first, last = numbers[0], numbers[-1]
    return f"{first} to {last}" if len(numbers) == last - first + 1 > 2 else ", ".join(map(str, numbers))


def _range(evaluation: Evaluation, scale: Scale) -> str:
    ends = evaluation.horizons[scale].values()
    low, high = amount(min(ends), scale), amount(max(ends), scale)
    return f"{low} {scale}" if low == high else f"{low} to {high} {scale} by weakness"


def _engines(standings: Iterable[Standing]) -> str:
    head = [
        "engine",
        "weaknesses: all seeds",
        "some",
        "none",
        "trials",
        "reached",
        "triggered",
        "detected",
        "executions/s",
    ]
    return _table(
        [*head, *(f"restricted mean {scale}" for scale in SCALES)],
        [
            [
                f"`{one.engine}`",
                *map(str, (one.in_all, one.in_some, one.in_none)),
                *(f"{count:,}" for count in (one.trials, one.reached, one.triggered, one.detected)),
                "-" if one.executions_per_second is None else f"{one.executions_per_second:,.0f}",
                *(amount(one.mean(scale), scale) for scale in SCALES),
            ]
            for one in standings
        ],
    )


def _explained(engines: Iterable[str]) -> Iterator[str]:
    """What each engine is; those without a domain are one kind."""
    kinds = dict.fromkeys(WITHOUT if name.startswith(WITHOUT) else name for name in engines)
    for kind in kinds:
        if kind in _ENGINES:
            yield f"`{kind}{'…' if kind == WITHOUT else ''}`: {_ENGINES[kind]}"


def _contrasts(contrasts: Sequence[Contrast], scale: Scale) -> str:
    head = [
        f"in {scale}, against",
        "trials of each",
        FULL,
        "other",
        "A12",
        "pooled",
        "log-rank p",
        "Mann-Whitney p",
        "signed-rank p",
    ]
    return _table(
        head,
        [
            [
                f"`{one.engine}`",
                f"{one.trials:,}",
                amount(one.full, scale),
                amount(one.other, scale),
                effect(one.a12),
                f"{one.a12_pooled:.3f}",
                *map(_p, one.adjusted),
            ]
            for one in contrasts
        ],
    )


def _domains(contrasts: Iterable[Contrast]) -> str:
    return _table(
        ["without", "scale", FULL, "without it", "difference", "95 % interval", "the domain"],
        [
            [
                one.engine.removeprefix(WITHOUT),
                one.scale,
                amount(one.full, one.scale),
                amount(one.other, one.scale),
                amount(one.difference, one.scale),
                "-" if one.interval is None else " to ".join(amount(end, one.scale) for end in one.interval),
                verdict(one),
            ]
            for one in contrasts
        ],
    )


def _duels(evaluation: Evaluation, scale: Scale) -> str:
    columns = {one.engine: {duel.weakness: duel for duel in one.duels} for one in evaluation.contrasts[scale]}
    full = evaluation.standings[FULL].cells
    return _table(
        ["weakness", "horizon", FULL, *columns],
        [
            [
                name,
                amount(evaluation.horizons[scale][name], scale),
                amount(full[name].means[scale], scale) if name in full else "-",
                *(_duel(duels.get(name)) for duels in columns.values()),
            ]
            for name in evaluation.weaknesses
        ],
    )


def _duel(duel: Duel | None) -> str:
    if duel is None:
        return "-"
    if max(duel.full, duel.other) <= _EQUAL * min(duel.full, duel.other):
        return "="
    return quicker(duel) if duel.full < duel.other else f"**{quicker(duel)}**"


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}" if value < 0.1 else f"{value:.2f}"


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"* {sentence}" for sentence in sentences)


def _details(title: str, body: str) -> str:
    return f"<details>\n<summary>{title}</summary>\n\n{body}\n\n</details>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown; the first column is text, the others are figures."""
    rules = [":--", *("--:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rules, *rows))
