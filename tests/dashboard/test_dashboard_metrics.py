"""Metrics: what Prometheus reads is what the directory says, and counters never fall."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from made_campaign import BEGAN, campaign, epoch, finding, small, stamp
from prometheus_client.parser import text_string_to_metric_families

from sysfuzz.campaign.state import read
from sysfuzz.dashboard.metrics import render

LATER = BEGAN + timedelta(hours=2)
DOCS = Path(__file__).parents[2] / "docs" / "dashboard.md"
GRAFANA = Path(__file__).parents[2] / "docs" / "grafana" / "sysfuzz.json"

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(home: Path) -> Samples:
    """Every sample of a campaign by its name and labels; a type that Prometheus does not know would not parse."""
    families = text_string_to_metric_families(render(read(home, LATER)).decode())
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def test_metrics_say_what_the_directory_holds(tmp_path: Path) -> None:
    """The numbers that were put into a directory come out of it."""
    small(tmp_path)
    found = samples(tmp_path)
    assert found["sysfuzz_executions_total", ()] == 12 * 20_000
    assert found["sysfuzz_epochs_total", ()] == 12
    assert found["sysfuzz_shown_total", ()] == 12 * 3
    assert found["sysfuzz_restarts_total", ()] == 12
    assert found["sysfuzz_features", (("domain", "calls"),)] == 150
    assert found["sysfuzz_corpus_programs", ()] == 24
    assert found["sysfuzz_faults", ()] == 1
    assert found["sysfuzz_worker_up", (("worker", "w0"),)] == 0
    assert found["sysfuzz_worker_executions_total", (("worker", "w1"),)] == 6 * 20_000
    assert found["sysfuzz_findings", (("severity", "critical"), ("status", "new"))] == 1
    assert found["sysfuzz_findings", (("severity", "low"), ("status", "fixed"))] == 1
    assert found["sysfuzz_findings", (("severity", "medium"), ("status", "new"))] == 0
    assert sum(value for (name, _), value in found.items() if name == "sysfuzz_findings") == 5
    assert found["sysfuzz_weaknesses", (("found", "true"),)] == 2
    assert found["sysfuzz_weaknesses", (("found", "false"),)] == 2
    assert found["sysfuzz_last_finding_timestamp_seconds", ()] == (BEGAN + timedelta(minutes=40)).timestamp()
    assert (
        found["sysfuzz_campaign_info", (("core", "0123456789abcdef"), ("seed", "7"), ("target", "nosyscalls-2011"))]
        == 1
    )


def test_counters_do_not_fall(tmp_path: Path) -> None:
    """A counter counts what is on disk for good: an epoch in flight, which may be lost with its runner, is no part of it."""
    layout = campaign(tmp_path)
    epoch(layout, "w0", 0, minute=1, features={"calls": 1})
    before = samples(tmp_path)
    live = layout.live("w0")
    live.parent.mkdir()
    told = {
        "shard": "w0",
        "number": 1,
        "seed": 1,
        "began": stamp(LATER),
        "now": stamp(LATER),
        "runs": 20_000,
        "corpus": 1,
    }
    live.write_text(json.dumps(told | {"executions": 5000, "seconds": 9.0, "shown": 0, "pid": 1}), encoding="utf-8")
    during = samples(tmp_path)
    live.unlink()
    epoch(layout, "w0", 1, minute=2, features={"calls": 1})
    after = samples(tmp_path)
    counters = [key for key in before if key[0].endswith("_total")]
    assert len(counters) >= 6
    assert all(before[key] <= during[key] <= after[key] for key in counters)
    assert during["sysfuzz_executions_total", ()] == 20_000
    assert after["sysfuzz_executions_total", ()] == 40_000


def test_an_empty_campaign_has_metrics(tmp_path: Path) -> None:
    """Before anything has happened counters are 0, and what has never happened has no time."""
    campaign(tmp_path)
    found = samples(tmp_path)
    assert found["sysfuzz_executions_total", ()] == 0
    assert not [name for name, _ in found if name.startswith("sysfuzz_last_")]


def test_every_metric_is_documented(tmp_path: Path) -> None:
    """The table of docs/dashboard.md has every metric, and none that there is not."""
    small(tmp_path)
    documented = set(re.findall(r"`(sysfuzz_\w+)`", DOCS.read_text(encoding="utf-8")))
    assert documented == {name for name, _ in samples(tmp_path)}


@pytest.fixture(scope="module")
def dashboard() -> dict[str, object]:
    """The dashboard for Grafana."""
    return json.loads(GRAFANA.read_text(encoding="utf-8"))


def test_grafana_asks_for_metrics_that_there_are(tmp_path: Path, dashboard: dict[str, object]) -> None:
    """Every metric and label that a panel of the Grafana dashboard names is one that is told."""
    small(tmp_path)
    finding(campaign(tmp_path / "other"), "escape", "a/b")
    found = samples(tmp_path)
    names = {name for name, _ in found}
    labels = {label for _, pairs in found for label, _ in pairs} | {"instance"}
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = {name for expression in expressions for name in re.findall(r"sysfuzz_\w+", expression)}
    assert asked
    assert asked <= names
    for expression in expressions:
        for matchers in re.findall(r"\{([^}]*)\}", expression):
            assert set(re.findall(r"(\w+)\s*(?:=~|!=|=)", matchers)) <= labels
        for grouped in re.findall(r"by \((\w+)\)", expression):
            assert grouped in labels


def test_grafana_has_its_datasource_as_a_variable(dashboard: dict[str, object]) -> None:
    """Every panel asks the datasource that the user chooses, and panels have ids of their own."""
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert all(one["datasource"] == chosen for panel in panels for one in (panel, *panel["targets"]))
