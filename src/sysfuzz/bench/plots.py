"""The plots of a benchmark as SVG: survival curves, and what each engine takes for each weakness.

The same evaluation gives the same bytes: no date, ids hashed with a fixed salt. Text is text; the colours are Okabe and Ito's, which
colour-blind people tell apart, and line styles say the same once more. Nothing is computed here.
"""

import io
import re
from collections.abc import Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from sysfuzz.bench.evaluation import Evaluation, Standing
from sysfuzz.bench.records import FULL, WITHOUT
from sysfuzz.bench.survival import Scale

_STYLE: Any = {  # matplotlib has a type for each key
    "svg.fonttype": "none",
    "svg.hashsalt": "sysfuzz",
    "svg.id": None,
    "font.sans-serif": ["DejaVu Sans"],  # which comes with matplotlib, so that the layout is the same everywhere
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.frameon": False,
}
_INK = "#000000"
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_DASHES = ("--", "-.", ":")
_LEAST_STEP = 0.003  # of a curve, in shares: less than its line is thick
_DECIMALS = re.compile(r"\d+\.\d{3,}")  # more than two are thousandths of a point


def survival(evaluation: Evaluation, scale: Scale) -> str:
    """Kaplan-Meier curves of all engines, baselines and switched-off domains apart; the full engine is in both."""
    standings = evaluation.standings
    groups = {
        f"{FULL} against the baselines": [name for name in standings if name != FULL and not name.startswith(WITHOUT)],
        f"{FULL} against itself without one feature domain": [name for name in standings if name.startswith(WITHOUT)],
    }
    panels = {title: names for title, names in groups.items() if names} or {FULL: []}
    # A logarithm has no 0: the curves start where the first of them has a step.
    times = [time for standing in standings.values() for time in standing.curves[scale].times if time > 0]
    start = min(times, default=1.0)
    with rc_context(_STYLE):
        figure = Figure(figsize=(4.6 * len(panels) + 0.4, 4.4), layout="constrained")
        every: list[Axes] = list(figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0])
        for axes, (title, names) in zip(every, panels.items(), strict=True):
            _steps(axes, standings[FULL], scale, start, color=_INK, linestyle="-", linewidth=2, zorder=3)
            for index, name in enumerate(names):
                look = {"color": _COLOURS[index % len(_COLOURS)], "linestyle": _DASHES[index % len(_DASHES)]}
                _steps(axes, standings[name], scale, start, linewidth=1.4, **look)
            axes.set_title(title, loc="left")
            axes.set_xscale("log")
            axes.set_xlabel(scale)
            axes.set_ylim(0, 1.02)
            axes.grid(alpha=0.3, linewidth=0.5)
            axes.legend(loc="best", title="engine (detected, of trials)", alignment="left")
        every[0].set_ylabel("share of trials without a detection")
        figure.suptitle(f"{scale.capitalize()} until a planted weakness is detected\n(Kaplan-Meier; lower is better)")
        return _svg(figure)


def _steps(axes: Axes, standing: Standing, scale: Scale, start: float, **look: Any) -> None:
    """One curve, from `start` to the end of the longest trial."""
    curve = standing.curves[scale]
    points = [(start, 1.0)]
    for time, share in zip(curve.times, curve.shares, strict=True):
        if points[-1][1] - share >= _LEAST_STEP or time == curve.times[-1]:
            points.append((max(time, start), share))
    axes.step(
        *zip(*points, strict=True),
        where="post",
        label=f"{standing.engine} ({standing.detected:,} of {standing.trials:,})",
        **look,
    )


def weaknesses(evaluation: Evaluation) -> str:
    """A row for each weakness and a column for each engine: the colour is the restricted mean, the text who did not always find it."""
    rows, engines = evaluation.weaknesses, list(evaluation.standings)
    cells = [[evaluation.standings[engine].cells.get(row) for engine in engines] for row in rows]
    values = [[max(cell.means["executions"], 1.0) if cell else float("nan") for cell in line] for line in cells]
    known = [value for line in values for value in line if value == value]
    with rc_context(_STYLE | {"axes.spines.left": False, "axes.spines.bottom": False}):
        height = 1.9 + 0.2 * len(rows)
        figure = Figure(figsize=(2.6 + 0.62 * len(engines), height), layout="constrained")
        axes = figure.subplots()
        norm = LogNorm(min(known), max(*known, min(known) * 10))
        mesh = axes.pcolormesh(values, cmap="viridis_r", norm=norm, edgecolors="white", linewidth=1)
        for y, line in enumerate(cells):
            for x, cell in enumerate(line):
                if cell and cell.found < cell.seeds:
                    dark = norm(values[y][x]) > 0.5
                    text = f"{cell.found}/{cell.seeds}" if cell.found else "none"
                    axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", color="white" if dark else _INK, size=7)
        _ticks(axes, engines, rows)
        figure.colorbar(
            mesh,
            ax=axes,
            location="bottom",
            aspect=40,
            pad=0.1 / height,
            label="executions, restricted mean (lighter is better)",
        )
        figure.suptitle("Executions until each weakness is detected\n(k/n: by k of n seeds only)")
        return _svg(figure)


def _ticks(axes: Axes, columns: Sequence[str], rows: Sequence[str]) -> None:
    axes.set_xticks([x + 0.5 for x in range(len(columns))], columns, rotation=45, ha="left")
    axes.set_yticks([y + 0.5 for y in range(len(rows))], rows)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.invert_yaxis()


def _svg(figure: Figure) -> str:
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return _DECIMALS.sub(lambda number: f"{float(number[0]):.2f}", out.getvalue().decode())
