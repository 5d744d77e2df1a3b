"""The report as SARIF 2.1.0."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from reported import HOSTILE, MERGE, MERGE_ID, full, record, report_on, saying

from sysfuzz.findings.finding import Evidence
from sysfuzz.findings.store import Store
from sysfuzz.oracles.judge import BY_DESIGN, ORACLES
from sysfuzz.report.sarif import fingerprint, render

SCHEMA = json.loads((Path(__file__).parent / "sarif-2.1.0-rtm.5.json").read_text(encoding="utf-8"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "findings")


def run_of(text: str) -> dict[str, Any]:
    """The one run of a valid log."""
    value = json.loads(text)
    checker = jsonschema.Draft4Validator.FORMAT_CHECKER
    jsonschema.Draft4Validator(SCHEMA, format_checker=checker).validate(value)
    (run,) = value["runs"]
    found: dict[str, Any] = run
    return found


def test_a_store_of_every_kind(tmp_path: Path) -> None:
    """The log is valid; open findings are results, closed and ignored ones are not, and what cannot be read is a notification."""
    run = run_of(render(report_on(full(tmp_path / "findings"))))
    assert [result["ruleId"] for result in run["results"]] == ["escape", "panic", "lock"]
    assert run["properties"] == {"closed": 3, "ignored": 1, "notShown": 0}
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert len(invocation["toolExecutionNotifications"]) == 1


def test_an_empty_store(store: Store) -> None:
    """A log without results tells a service that everything is settled: the list is there, and empty."""
    store.directory.mkdir()
    run = run_of(render(report_on(store)))
    assert run["results"] == []
    assert run["invocations"][0]["executionSuccessful"] is True


def test_location(store: Store) -> None:
    """A result points at the line of its op in the reproducer, by a relative address."""
    record(store, "escape", "attribute/mmap/merge")
    (result,) = run_of(render(report_on(store)))["results"]
    (location,) = result["locations"]
    physical = location["physicalLocation"]
    assert physical["artifactLocation"] == {"uri": f"findings/{MERGE_ID}/program.prog", "uriBaseId": "%SRCROOT%"}
    lines = (store.directory / MERGE_ID / "program.prog").read_text(encoding="utf-8").splitlines()
    assert lines[physical["region"]["startLine"] - 1] == physical["region"]["snippet"]["text"] == "run(0x11000)"


def test_address_of_an_odd_directory(tmp_path: Path) -> None:
    """What an address cannot hold is escaped."""
    store = Store(tmp_path / "a b#c")
    record(store, "escape", "attribute/mmap/merge")
    (result,) = run_of(render(report_on(store)))["results"]
    address = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert address == f"a%20b%23c/{MERGE_ID}/program.prog"


def test_steps(store: Store) -> None:
    """The life of the page is a flow through the reproducer; the steps where core and spec differ stand out."""
    record(store, "escape", "attribute/mmap/merge")
    (result,) = run_of(render(report_on(store)))["results"]
    (flow,) = result["codeFlows"]
    (thread,) = flow["threadFlows"]
    lines = (store.directory / MERGE_ID / "program.prog").read_text(encoding="utf-8").splitlines()
    steps = [
        (lines[step["location"]["physicalLocation"]["region"]["startLine"] - 1], step["importance"])
        for step in thread["locations"]
    ]
    assert (MERGE.splitlines()[2], "essential") in steps
    assert all(
        ("core" in step["location"]["message"]["text"]) == (step["importance"] == "essential")
        for step in thread["locations"]
    )


def test_fingerprint_is_of_target_and_bucket(tmp_path: Path) -> None:
    """A minimised program, another line, another directory: the same bug. Another target or bucket: another."""
    prints = []
    for name, evidence in (("findings", Evidence(3, "a", "b")), ("others", Evidence(1, "c", "d"))):
        store = Store(tmp_path / name)
        record(store, "escape", "attribute/mmap/merge", evidence=evidence)
        (result,) = run_of(render(report_on(store)))["results"]
        prints.append(result["partialFingerprints"])
    assert prints[0] == prints[1]
    assert set(prints[0]) == {"targetAndBucket/v1", "primaryLocationLineHash"}


def test_fingerprints_differ() -> None:
    """Whatever is split otherwise between target and bucket is another bug."""
    pairs = [("a", "b/c"), ("a", "b/d"), ("a/b", "c"), ("ab", "/c"), ("", "ab/c")]
    assert len({fingerprint(*pair) for pair in pairs}) == len(pairs)


def test_fingerprint_never_changes() -> None:
    """The value is fixed for good: services keep it. It is the SHA-256 of target, NUL, bucket, cut to 32 digits."""
    assert fingerprint("nosyscalls-2011", "attribute/mmap/merge") == "77458fb4c259316235a473955a506933"


@pytest.mark.parametrize(
    ("oracle", "level", "low", "high"),
    [
        ("escape", "error", 9.0, 10.0),
        ("panic", "error", 7.0, 8.9),
        ("map", "warning", 4.0, 6.9),
        ("lock", "note", 0.1, 3.9),
    ],
)
def test_severity(store: Store, oracle: str, level: str, low: float, high: float) -> None:
    """Levels are those of SARIF, scores lie in the range that GitHub shows under the same word."""
    record(store, oracle, "some/bucket")
    run = run_of(render(report_on(store)))
    (result,) = run["results"]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert rule["id"] == result["ruleId"] == oracle
    assert rule["defaultConfiguration"]["level"] == result["level"] == level
    for properties in (rule["properties"], result["properties"]):
        assert isinstance(properties["security-severity"], str)
        assert low <= float(properties["security-severity"]) <= high


def test_rules_are_the_oracles(store: Store) -> None:
    """Every oracle is a rule with help, found or not."""
    store.directory.mkdir()
    rules = run_of(render(report_on(store)))["tool"]["driver"]["rules"]
    assert {rule["id"] for rule in rules} == {*ORACLES, BY_DESIGN}
    assert all(rule["help"]["text"] and rule["shortDescription"]["text"] and rule["name"].isalpha() for rule in rules)


def test_an_oracle_of_another_version(store: Store) -> None:
    """A finding of an oracle that this version does not know has a rule all the same."""
    path = store.directory / record(store, "escape", "attribute/mmap/merge") / "finding.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"escape"', '"time-travel"'), encoding="utf-8")
    run = run_of(render(report_on(store)))
    assert run["tool"]["driver"]["rules"][run["results"][0]["ruleIndex"]]["id"] == "time-travel"


def test_hostile_text(store: Store) -> None:
    """Braces are no placeholders and brackets no links; the rest is read back as it was said."""
    record(store, "escape", "attribute/mmap/merge")
    (result,) = run_of(render(report_on(store, explainer=saying(HOSTILE))))["results"]
    for message in [
        result["message"],
        *(s["location"]["message"] for s in result["codeFlows"][0]["threadFlows"][0]["locations"]),
    ]:
        assert "](" not in message["text"]
        assert "<script>" in message["text"]
        assert not message["text"].replace("{{", "").replace("}}", "").count("{")


def test_same_store_same_bytes(tmp_path: Path) -> None:
    """Two stores with the same findings make the same report."""
    one, other = (
        render(report_on(full(tmp_path / name / "findings"))).replace(str(tmp_path / name), "") for name in "ab"
    )
    assert one == other
