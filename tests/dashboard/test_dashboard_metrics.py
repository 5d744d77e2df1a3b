"""Metrics: what Prometheus reads is what the directory says, and counters never fall."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from made_campaign import BEGAN, campaign, epoch, small, stamp
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


def test_the_text_is_as_prometheus_has_it(tmp_path: Path) -> None:
    """Each family is told once, its words and its type before its samples; counters end in _total and nothing else does; the text ends with a
    line feed. ("Exposition formats", text version 0.0.4; "Metric and label naming".)
    """
    small(tmp_path)
    text = render(read(tmp_path, LATER)).decode()
    assert text.endswith("\n")
    kinds: dict[str, str] = {}
    told: list[str] = []
    for line in text.splitlines():
        words = line.split(" ", 3)
        if words[:2] == ["#", "HELP"]:
            assert words[2] not in told
            assert words[3].strip()
            told.append(words[2])
        elif words[:2] == ["#", "TYPE"]:
            assert words[2] == told[-1]
            kinds[words[2]] = words[3]
        else:
            name = re.split(r"[{ ]", line, maxsplit=1)[0]
            assert name == told[-1]
            assert name in kinds
    assert set(kinds.values()) == {"counter", "gauge"}
    assert all(name.startswith("sysfuzz_") for name in kinds)
    assert all((kind == "counter") == name.endswith("_total") for name, kind in kinds.items())


@pytest.mark.parametrize("target", ['a"b', "back\\slash", "line\nfeed", "ünï:çode", "{brace}=,"])
def test_labels_are_escaped(tmp_path: Path, target: str) -> None:
    """Whatever a target is called, its name is read as it was written."""
    campaign(tmp_path, target)
    (info,) = [dict(labels) for name, labels in samples(tmp_path) if name == "sysfuzz_campaign_info"]
    assert info["target"] == target


def test_every_metric_is_documented(tmp_path: Path) -> None:
    """The table of docs/dashboard.md has every metric, and none that there is not."""
    small(tmp_path)
    documented = set(re.findall(r"`(sysfuzz_\w+)`", DOCS.read_text(encoding="utf-8")))
    assert documented == {name for name, _ in samples(tmp_path)}


@pytest.fixture(scope="module")
def dashboard() -> dict[str, object]:
    """The dashboard for Grafana."""
    return json.loads(GRAFANA.read_text(encoding="utf-8"))


EVERYWHERE = {"instance", "job"}  # labels that Prometheus itself gives
SELECTOR = re.compile(r"(sysfuzz_\w+)\{([^}]*)\}")
COUNTED = re.compile(r"(?:rate|increase)\((sysfuzz_\w+)\{[^}]*\}\[\w+\]\)")


def test_grafana_asks_for_metrics_that_there_are(tmp_path: Path, dashboard: dict[str, object]) -> None:
    """Every expression asks metrics that are told for labels that they have, keeps labels that its legend names, and takes counters, and
    nothing else, by how they grow.
    """
    small(tmp_path)
    labels: dict[str, set[str]] = {}
    for name, pairs in samples(tmp_path):
        labels.setdefault(name, set()).update(label for label, _ in pairs)
    queries = [target for panel in dashboard["panels"] for target in panel["targets"]]
    for query in queries:
        expression = query["expr"]
        named = set(re.findall(r"sysfuzz_\w+", expression))
        assert named, expression
        assert named == {name for name, _ in SELECTOR.findall(expression)} <= labels.keys(), expression
        for name, matchers in SELECTOR.findall(expression):
            assert set(re.findall(r"(\w+)\s*(?:=~|!=|=)", matchers)) <= labels[name] | EVERYWHERE, expression
            assert 'instance=~"$instance"' in matchers, expression
        kept = set(re.findall(r"by \((\w+)\)", expression))
        if "sum" not in expression and "max" not in expression:
            kept = labels[min(named)] | EVERYWHERE
        assert kept <= set.union(*(labels[name] for name in named)) | EVERYWHERE, expression
        assert set(re.findall(r"\{\{(\w+)\}\}", query["legendFormat"])) <= kept, expression
        assert set(COUNTED.findall(expression)) == {name for name in named if name.endswith("_total")}, expression


# Of Grafana's: a plain number, a share of 1, counts a second, seconds.
UNITS = {"short", "percentunit", "cps", "s"}


def test_grafana_panels_are_sound(dashboard: dict[str, object]) -> None:
    """The file is one that Grafana imports: no id, but a uid of its own, a version of its schema, and panels side by side on 24
    columns, each with a title, a unit and queries that are told apart.
    """
    assert dashboard["id"] is None
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", dashboard["uid"])
    assert dashboard["schemaVersion"] == 39
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        assert panel["title"]
        assert panel["type"] in ("stat", "timeseries")
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        grid = panel["gridPos"]
        places = {
            (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert grid["x"] + grid["w"] <= 24
        assert not places & taken
        taken |= places
        ids = [target["refId"] for target in panel["targets"]]
        assert len(set(ids)) == len(ids) >= 1
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard))) == variables


def test_grafana_has_its_datasource_as_a_variable(dashboard: dict[str, object]) -> None:
    """Every panel asks the datasource that the user chooses, and panels have ids of their own."""
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert all(one["datasource"] == chosen for panel in panels for one in (panel, *panel["targets"]))
