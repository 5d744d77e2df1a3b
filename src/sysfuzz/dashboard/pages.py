"""The dashboard's pages as HTML: what each one holds is put together here, how it looks is in the templates and style sheets beside this file.

A finding's story is the report's own card. The templates escape whatever they are given. Knows no HTTP.
"""

from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import jinja2

from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.state import Life, State
from sysfuzz.dashboard.census import census
from sysfuzz.dashboard.charts import duration
from sysfuzz.dashboard.drawing import drawn
from sysfuzz.dashboard.listing import BUGS, SORTS, Query, select
from sysfuzz.dashboard.plots import PLOTS, plots
from sysfuzz.dashboard.series import series_of
from sysfuzz.dashboard.stories import Pending, Stories
from sysfuzz.dashboard.weaknesses import known
from sysfuzz.findings.explanation import Explanation
from sysfuzz.findings.files import StoreError
from sysfuzz.findings.finding import STATUSES
from sysfuzz.findings.finding import Finding as Stored
from sysfuzz.findings.ignore import NOTHING, IgnoreList, of_store
from sysfuzz.findings.severity import SEVERITIES, Severity
from sysfuzz.findings.store import Listing, Store
from sysfuzz.findings.times import time_of
from sysfuzz.program.ir import Program
from sysfuzz.report import gather
from sysfuzz.report.contents import TIME
from sysfuzz.report.document import legal
from sysfuzz.report.html import card_of
from sysfuzz.report.picture import label

REFRESH = 15  # seconds after which a page that lives is loaded again, unless it is asked not to be
_PATIENCE = 0.05  # seconds for a story that is not told yet; then the page comes without it, and is loaded again
_AGAIN = 2  # seconds
_EVENTS = 12
_FAULTS = 100
_NAMES = ("pid", "seed")  # numbers of an event that count nothing

_OURS, _THEIRS = resources.files("sysfuzz.dashboard"), resources.files("sysfuzz.report")

# What is served as it is: its type, and where it lies.
STATIC = {
    "chart.css": ("text/css", _OURS),
    "dashboard.css": ("text/css", _OURS),
    "icon.svg": ("image/svg+xml", _OURS),
    "report.css": ("text/css", _THEIRS),
}

# How a finding stands, in words; the keys are those of the campaign's own reading.
LIVES: dict[Life, str] = {
    "crashing": "shows in every replay",
    "incubating": "shows in some replays only",
    "gone": "does not show any more, though nobody has called it fixed",
    "regression": "is called fixed, and shows",
    "fixed": "is called fixed, and does not show",
    "rejected": "people have said that it is no bug",
    "duplicate": "people have said that it is another one",
}


class Standing(NamedTuple):
    """How many findings of a severity there are, by status."""

    severity: Severity
    counts: tuple[int, ...]  # by status, in the usual order
    total: int


class Pages:
    """The pages of one campaign."""

    def __init__(self, stories: Stories, root: Path) -> None:
        """`root`: where commands are run that pages show."""
        self._stories = stories
        self._root = root

    def overview(self, state: State, refreshes: bool) -> str:
        """How everything stands."""
        return _render(
            "overview.html",
            state,
            refresh=REFRESH if refreshes else 0,
            census=census(state),
            standings=_standings(state),
            charts=plots(state, ("rate", "domains", "programs", "findings")),
            known=known(state),
            events=_happened(state, _EVENTS),
        )

    def plots(self, state: State, refreshes: bool) -> str:
        """The campaign over time."""
        return _render(
            "plots.html", state, refresh=REFRESH if refreshes else 0, charts=plots(state, PLOTS), tables=True
        )

    def findings(self, state: State, query: Query) -> str:
        """The list."""
        return _render(
            "findings.html",
            state,
            refresh=0,
            query=query,
            page=select(state.findings, query),
            census=census(state),
            severities=BUGS,
            statuses=STATUSES,
            sorts=SORTS,
            lives=LIVES,
        )

    def finding(self, state: State, identity: str) -> str | None:
        """One finding with its story; None if there is none with this id."""
        known = census(state).by_id
        found = known.get(identity)
        if found is None:
            return None
        pending = False

        def explain(finding: Stored, program: Program) -> Explanation:
            nonlocal pending
            try:
                return self._stories.tell(state.core, finding, program, _PATIENCE)
            except Pending:
                pending = True
                raise

        layout = Layout(state.home)
        report = gather(
            Store(layout.findings),
            Listing((found.entry,), ()),
            root=self._root,
            made=state.now,
            versions={},
            wanted=lambda finding: True,
            explain=explain,
            ignored=_ignored(layout.findings).reason,
        )
        return _render(
            "finding.html",
            state,
            refresh=_AGAIN if pending else 0,
            found=found,
            elder=known.get(found.kin_of),
            kin=[other for other in state.findings if other.kin_of == identity],
            card=card_of(report.items[0], 1),
            damaged=report.damaged,
            pending=pending,
            lives=LIVES,
            events=[event for event in _happened(state, len(state.events)) if event.get("finding") == identity],
        )

    def workers(self, state: State, refreshes: bool) -> str:
        """Workers and their last epochs, and the engine's own faults."""
        faults = sorted(state.faults, key=lambda fault: fault.last_seen, reverse=True)
        return _render(
            "workers.html",
            state,
            refresh=REFRESH if refreshes else 0,
            faults=faults[:_FAULTS],
            more=max(len(faults) - _FAULTS, 0),
            events=_happened(state, len(state.events)),
        )

    def corpus(self, state: State) -> str:
        """Programs by shard, and what they show."""
        return _render("corpus.html", state, refresh=0, charts=plots(state, ("domains", "programs")))

    def weaknesses(self, state: State) -> str:
        """The known weaknesses of the target."""
        return _render("weaknesses.html", state, refresh=0, known=known(state))


def prepare(state: State) -> None:
    """Work out ahead what most pages of a look need, so that no request has to wait for that."""
    census(state)
    known(state)
    series_of(state)


def warm() -> None:
    """Compile the templates, so that no request has to wait for that."""
    for template in (
        "base",
        "card",
        "corpus",
        "finding",
        "findings",
        "overview",
        "parts",
        "plots",
        "refusal",
        "weaknesses",
        "workers",
    ):
        _environment().get_template(f"{template}.html")


def refusal(title: str, text: str) -> str:
    """A page that says why there is none."""
    return legal(_environment().get_template("refusal.html").render(title=title, text=text))


def _render(template: str, state: State, **values: object) -> str:
    def ago(when: datetime) -> str:
        return duration(max((state.now - when).total_seconds(), 0.0))

    return legal(_environment().get_template(template).render(state=state, ago=ago, **values))


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FunctionLoader(_source),
        lstrip_blocks=True,
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["time"] = lambda when: f"{when:{TIME}}"
    environment.filters["number"] = lambda value: f"{value:,.0f}"
    environment.filters["duration"] = duration
    environment.filters["drawn"] = drawn
    environment.filters["label"] = label
    environment.filters["when"] = time_of
    return environment


def _source(name: str) -> str:
    home = _THEIRS if name == "card.html" else _OURS
    return home.joinpath(name).read_text(encoding="utf-8")


def _standings(state: State) -> tuple[Standing, ...]:
    found = census(state).counts
    rows = []
    for severity in SEVERITIES:
        counts = tuple(found[severity, status] for status in STATUSES)
        rows.append(Standing(severity, counts, sum(counts)))
    return tuple(rows)


def _happened(state: State, count: int) -> list[dict[str, object]]:
    """The last events, the newest first, each with its details as text."""
    rows = []
    for event in reversed(state.events[-count:] if count else ()):
        details = ", ".join(
            f"{name} {value if name in _NAMES else _text(value)}"
            for name, value in event.items()
            if name not in ("when", "event") and value not in ("", [], {}, None)
        )
        rows.append(
            {
                "when": event.get("when", ""),
                "event": event.get("event", ""),
                "details": details,
                "finding": event.get("finding"),
            }
        )
    return rows


def _text(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {_text(one)}" for name, one in value.items())
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _ignored(directory: Path) -> IgnoreList:
    try:
        return of_store(directory)
    except StoreError:  # whoever triages is told; a page about a finding has something else to say
        return NOTHING
