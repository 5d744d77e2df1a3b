"""The picture of `mappings`: cost of each op against the number of entries, both on logarithmic axes, as SVG.

The same figures give the same bytes. Knows nothing of how they were measured.
"""

import io
from collections.abc import Sequence

from sysfuzz.bench.mappings import Growth

_TITLES = {"logarithmic": "logarithmic, or constant", "linear": "linear: the core walks its map"}
_MARKERS = "osD^v<>PX*hd"  # lines that lie close together are told apart by them, also without colours


def draw(counts: Sequence[int], rows: Sequence[Growth]) -> str:
    """An SVG with a panel for each kind of growth; in its legend the costliest op stands first, as its line does."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "sysfuzz", "svg.fonttype": "none", "svg.id": None, "font.size": 9.0}):
        figure = Figure(figsize=(11, 7.5))
        figure.subplots_adjust(left=0.07, right=0.7, top=0.95, bottom=0.07, hspace=0.15)
        most = f"with {counts[-1]:,} entries"
        panels = figure.subplots(2, 1, sharex=True, sharey=True)
        for axes, (kind, title) in zip(panels, _TITLES.items(), strict=True):
            members = sorted((row for row in rows if row.kind == kind), key=lambda row: -row.costs[-1])
            for number, row in enumerate(members):
                marker = _MARKERS[number % len(_MARKERS)]
                label = f"{row.name}, {row.costs[-1]:,.1f} us"
                axes.plot(counts, row.costs, marker=marker, markersize=4, linewidth=1.2, label=label)
            axes.set_title(title, loc="left")
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_ylabel("microseconds of processor time")
            axes.grid(alpha=0.3)
            axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, title=most, alignment="left")
        panels[-1].set_xlabel("entries in the map")
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()
