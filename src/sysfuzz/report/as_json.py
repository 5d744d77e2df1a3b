"""The report as JSON, of the form that `report.schema.json` states.

Addresses are strings in hex as in program text, since JSON's numbers lose the low bits of 64.
"""

import json
from collections.abc import Iterable
from importlib import resources
from typing import Any

from sysfuzz.findings.explanation import Entered, Explanation, Row
from sysfuzz.report.contents import TIME, Item, Report
from sysfuzz.report.document import dump

SCHEMA = 2  # rises when a key comes, goes or changes its meaning

Json = dict[str, object]


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of what `render` writes."""
    text = resources.files("sysfuzz.report").joinpath("report.schema.json").read_text(encoding="utf-8")
    value: dict[str, Any] = json.loads(text)
    return value


def render(report: Report) -> str:
    """The whole report."""
    value = {
        "schema": SCHEMA,
        "made": f"{report.made:{TIME}}",
        "versions": dict(report.versions),
        "directory": str(report.directory),
        "summary": {
            "open": report.counts,
            "by_design": len(report.by_design),
            "closed": len(report.closed),
            "ignored": len(report.ignored),
            "damaged": len(report.damaged),
            "not_shown": report.hidden,
        },
        "open": [_item(item) for item in report.open],
        "by_design": [_item(item) for item in report.by_design],
        "closed": [_item(item) for item in report.closed],
        "ignored": [_item(item) for item in report.ignored],
        "damaged": list(report.damaged),
    }
    return dump(value)


def _item(item: Item) -> Json:
    finding = item.finding
    evidence, provenance = finding.evidence, finding.provenance
    return {
        "id": item.entry.id,
        "bucket": finding.bucket,
        "oracle": finding.oracle,
        "severity": finding.severity,
        "status": finding.status,
        "why": finding.why,
        "duplicate_of": finding.duplicate_of,
        "ignored": item.ignored,
        "kin_of": item.kin_of,
        "target": finding.target,
        "count": finding.count,
        "faces": dict(sorted(finding.faces.items())),
        "replays": str(finding.replays),
        "first_seen": f"{finding.first_seen:{TIME}}",
        "last_seen": f"{finding.last_seen:{TIME}}",
        "provenance": {
            "versions": dict(provenance.versions),
            "seed": provenance.seed,
            "epoch": provenance.epoch,
            "worker": provenance.worker,
            "executions": provenance.executions,
        },
        "evidence": {"op": evidence.op, "expected": evidence.expected, "actual": evidence.actual},
        "program": {"path": item.location, "line": item.line, "text": item.text},
        "notes": item.notes,
        "commands": [{"what": what, "command": command} for what, command in item.commands],
        "explanation": None if item.explanation is None else _explanation(item.explanation),
        "unexplained": item.unexplained,
    }


def _explanation(explanation: Explanation) -> Json:
    return {
        "oracle": explanation.oracle,
        "op": explanation.op,
        "event": explanation.event,
        "summary": explanation.summary,
        "expected": explanation.expected,
        "actual": explanation.actual,
        "pid": explanation.pid,
        "page": None if explanation.page is None else f"{explanation.page:#x}",
        "life": [moment._asdict() for moment in explanation.life],
        "entry": None if explanation.entered is None else _entered(explanation.entered),
        "rule": explanation.rule,
        "before": _rows(explanation.before),
        "after": _rows(explanation.after),
        "details": list(explanation.details),
    }


def _entered(entered: Entered) -> Json:
    return {
        "address": f"{entered.address:#x}",
        "code": entered.code.hex(),
        "text": entered.text,
        "decided": entered.decided,
        "due": entered.due,
    }


def _rows(rows: Iterable[Row]) -> list[Json]:
    return [
        {"pid": row.pid, "start": f"{row.start:#x}", "end": f"{row.end:#x}", "text": row.text, "here": row.here}
        for row in rows
    ]
