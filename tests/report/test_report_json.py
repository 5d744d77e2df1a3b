"""The report as JSON, and its schema."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from reported import HOSTILE, MERGE_ID, full, record, report_on, saying

from sysfuzz.findings.store import Store
from sysfuzz.report.as_json import render, schema


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "findings")


def valid(text: str) -> dict[str, Any]:
    """The value of a document that keeps to the schema."""
    value: dict[str, Any] = json.loads(text)
    jsonschema.Draft202012Validator(schema()).validate(value)
    return value


def test_the_schema_is_one() -> None:
    """The schema is itself valid, and refuses what it does not know, at every depth."""
    jsonschema.Draft202012Validator.check_schema(schema())

    def objects(node: object) -> list[dict[str, Any]]:
        if isinstance(node, list):
            return [found for member in node for found in objects(member)]
        if not isinstance(node, dict):
            return []
        return [node] * ("properties" in node) + [found for member in node.values() for found in objects(member)]

    known = objects(schema())
    assert len(known) >= 8
    for node in known:
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"])


def test_a_store_of_every_kind(tmp_path: Path) -> None:
    """Explained, unexplained, closed, ignored and damaged findings keep to the schema."""
    value = valid(render(report_on(full(tmp_path / "findings"))))
    assert value["summary"] == {
        "open": {"critical": 1, "high": 1, "medium": 0, "low": 1},
        "by_design": 0,
        "closed": 3,
        "ignored": 1,
        "damaged": 1,
        "not_shown": 0,
    }
    assert [item["ignored"] for item in value["ignored"]] == ["known"]
    assert len(value["damaged"]) == 1


def test_an_empty_store(store: Store) -> None:
    """A report on nothing is a report."""
    store.directory.mkdir()
    assert valid(render(report_on(store)))["open"] == []


def test_values(store: Store) -> None:
    """What is known, where the reproducer is, and what a run shows now."""
    record(store, "escape", "attribute/mmap/merge", count=3)
    (item,) = valid(render(report_on(store)))["open"]
    assert (item["id"], item["severity"], item["count"]) == (MERGE_ID, "critical", 3)
    assert item["evidence"] == {"op": 3, "expected": "SIGILL", "actual": "getpid dispatched"}
    assert item["program"]["path"] == f"findings/{MERGE_ID}/program.prog"
    assert item["program"]["text"].splitlines()[item["program"]["line"] - 1] == "run(0x11000)"
    assert item["explanation"]["page"] == "0x11000"
    assert item["explanation"]["entry"]["code"] == "0f05"
    assert item["explanation"]["life"][-1]["spec"] == "r-x no-syscalls"
    assert item["unexplained"] == ""


@pytest.mark.parametrize("key", ["schema", "made", "open", "damaged"])
def test_the_schema_bites(store: Store, key: str) -> None:
    """A report without one of its keys is none."""
    record(store, "escape", "attribute/mmap/merge")
    value = json.loads(render(report_on(store)))
    del value[key]
    with pytest.raises(jsonschema.ValidationError):
        valid(json.dumps(value))


def test_hostile_text(store: Store) -> None:
    """Text of any kind stays text: it is read back as it was said."""
    record(store, "escape", "attribute/mmap/merge")
    (store.directory / MERGE_ID / "notes.md").write_text(HOSTILE, encoding="utf-8")
    (item,) = valid(render(report_on(store, explainer=saying(HOSTILE))))["open"]
    assert item["notes"] == HOSTILE
    assert item["explanation"]["summary"] == HOSTILE


def test_same_store_same_bytes(tmp_path: Path) -> None:
    """Two stores with the same findings make the same report."""
    first, second = full(tmp_path / "a" / "findings"), full(tmp_path / "b" / "findings")
    one, other = (render(report_on(store)).replace(str(store.directory), "") for store in (first, second))
    assert one == other
