"""The report as SARIF 2.1.0, for code scanning services: a result for each open finding, at the op concerned in its reproducer.

What is by design is a result as well, of the kind "informational".

Closed and ignored findings are left out: such services take an alert that is gone for settled, and most ignore the format's
own suppressions.
"""

import hashlib
from collections.abc import Iterable
from typing import Literal
from urllib.parse import quote

from sysfuzz.findings.explanation import Moment
from sysfuzz.findings.severity import Severity, is_bug, rank, severity_of
from sysfuzz.report.contents import TIME, Item, Report, place
from sysfuzz.report.document import dump
from sysfuzz.report.rules import RULES, Rule, rule_of

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"  # what services take for the top of the repository

_LEVELS: dict[Severity, Literal["error", "warning", "note", "none"]] = {
    "critical": "error",
    "high": "error",
    "medium": "warning",
    "low": "note",
    "by design": "none",
}

# GitHub reads a score as of CVSS: from 9.0 critical, from 7.0 high, from 4.0 medium. These are the middles of the ranges.
_SCORES: dict[Severity, str] = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.5", "by design": "0.0"}

Json = dict[str, object]


def render(report: Report) -> str:
    """The whole report: one log of one run."""
    oracles = _oracles(report)
    invocation: Json = {
        "executionSuccessful": not report.damaged,
        "endTimeUtc": f"{report.made:{TIME}}",
        "toolExecutionNotifications": [{"level": "error", "message": _message(line)} for line in report.damaged],
    }
    run: Json = {
        "tool": {
            "driver": {
                "name": "sysfuzz",
                "version": report.versions.get("sysfuzz", ""),
                "rules": [_rule(oracle, severity) for oracle, severity in oracles.items()],
                "properties": {"versions": dict(report.versions)},
            }
        },
        "automationDetails": {"id": "sysfuzz/"},
        "invocations": [invocation],
        "originalUriBaseIds": {_ROOT: {"description": {"text": "Where the report was made."}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(item, list(oracles).index(item.finding.oracle)) for item in report.open + report.by_design],
        "properties": {"closed": len(report.closed), "ignored": len(report.ignored), "notShown": report.hidden},
    }
    return dump({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def fingerprint(target: str, bucket: str) -> str:
    """The identity of a bug for services that follow it from run to run: no path, line or program has part in it."""
    return hashlib.sha256(f"{target}\0{bucket}".encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _oracles(report: Report) -> dict[str, Severity]:
    """Every oracle, found or not, so that a service shows what is looked for; behind them those that this version does not know."""
    known = {oracle: severity_of(oracle) for oracle in RULES}
    return known | {
        item.finding.oracle: item.finding.severity
        for item in report.open + report.by_design
        if item.finding.oracle not in known
    }


def _rule(oracle: str, severity: Severity) -> Json:
    rule = rule_of(oracle)
    return {
        "id": oracle,
        "name": _name(rule),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.claim},
        "help": {"text": f"{rule.claim}\n\n{rule.advice}"},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {
            "security-severity": _SCORES[severity],
            "precision": "very-high",  # every result was replayed
            "tags": ["security", "kernel", "system-calls"],
        },
    }


def _name(rule: Rule) -> str:
    return "".join(word.capitalize() for word in rule.title.split())


def _result(item: Item, index: int) -> Json:
    finding = item.finding
    identity = fingerprint(finding.target, finding.bucket)
    result: Json = {
        "ruleId": finding.oracle,
        "ruleIndex": index,
        # The standard's word for what is no problem, with which goes the level "none" (3.27.9, 3.27.10).
        "kind": "fail" if is_bug(finding.severity) else "informational",
        "level": _LEVELS[finding.severity],
        "message": _message(_text(item)),
        "locations": [_location(item, finding.evidence.op)],
        # The second is the one that GitHub goes by; it would hash the line of the program, which minimising changes.
        "partialFingerprints": {"targetAndBucket/v1": identity, "primaryLocationLineHash": f"{identity}:1"},
        "occurrenceCount": finding.count,
        "rank": 100.0 - 25.0 * rank(finding.severity),
        "properties": {
            "id": item.entry.id,
            "bucket": finding.bucket,
            "target": finding.target,
            "status": finding.status,
            "replays": str(finding.replays),
            "security-severity": _SCORES[finding.severity],
        },
    }
    if item.explanation is not None and item.explanation.life:
        result["codeFlows"] = [_flow(item, item.explanation.life)]
    return result


def _text(item: Item) -> str:
    lines = [f"{item.summary}.", f"{item.evidence}." if item.explanation else item.unexplained]
    lines += [f"May be the bug of {item.kin_of}, which is simpler."] if item.kin_of else []
    lines += [
        f"Bucket {item.finding.bucket} on {item.finding.target}. To {what}: {command}"
        for what, command in item.commands[:1]
    ]
    return "\n".join(filter(None, lines))


def _flow(item: Item, life: Iterable[Moment]) -> Json:
    """The life of the page as steps through the reproducer; those where core and spec differ are essential."""
    return {
        "threadFlows": [
            {
                "locations": [
                    {
                        "location": _location(item, moment.op) | {"message": _message(_step(moment))},
                        "importance": "important" if moment.core == moment.spec else "essential",
                    }
                    for moment in life
                ]
            }
        ]
    }


def _step(moment: Moment) -> str:
    states = moment.core if moment.core == moment.spec else f"core {moment.core}, spec {moment.spec}"
    return f"{place(moment.op)}: {moment.what}: {states}" + (f" ({moment.note})" if moment.note else "")


def _location(item: Item, op: int) -> Json:
    line = item.line_of(op)
    region: Json = {"startLine": line}
    lines = item.text.splitlines()
    if line <= len(lines):
        region["snippet"] = {"text": lines[line - 1]}
    artifact = {"uri": quote(item.location, errors="surrogateescape"), "uriBaseId": _ROOT}
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}


def _message(text: str) -> Json:
    """A message: braces are doubled, since they would be placeholders, and nothing is a link."""
    return {"text": text.replace("{", "{{").replace("}", "}}").replace("](", "] (")}
