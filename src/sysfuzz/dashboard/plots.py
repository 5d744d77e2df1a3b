"""Which plots there are of a campaign, each with a mark where a further run has started: it was stopped or killed before, and resumed there.

Whoever shows them says which; knows neither pages nor files.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from sysfuzz.campaign.state import State
from sysfuzz.dashboard.charts import Chart, chart
from sysfuzz.dashboard.series import Series, series_of

_LEGEND = "a new run starts"

# A title, and a line for each name.
_COLUMNS: dict[str, tuple[str, Callable[[Series], Mapping[str, Sequence[float]]]]] = {
    "rate": ("Executions a second", lambda series: {"executions/s": series.rate}),
    "executions": ("Executions", lambda series: {"executions": series.executions}),
    "features": ("Features", lambda series: {"features": series.features}),
    "domains": ("Features by domain", lambda series: series.domains),
    "programs": ("Programs of the corpus", lambda series: {"programs": series.programs}),
    "findings": ("Bugs found", lambda series: series.findings),
}
PLOTS = tuple(_COLUMNS)


def plots(state: State, keys: Iterable[str]) -> tuple[Chart, ...]:
    """The plots with these keys; none if no time has passed yet, and none of what the campaign has no numbers about."""
    series = series_of(state)
    if series is None:
        return ()
    chosen = ((key, *_COLUMNS[key]) for key in keys)
    return tuple(
        chart(key, title, series.times, lines, series.resumed, _LEGEND)
        for key, title, of in chosen
        if (lines := of(series))
    )
