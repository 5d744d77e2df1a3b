"""`finding.json`: a finding as text that people read in diffs and other tools parse.

Reading believes nothing: a damaged file is named with the place in it and what is supported there. Keys that are not
known are refused, since writing the file again would drop them. What people may say about a status, `why` and
`duplicate_of`, is written where it is said; a file without the keys is whole.
"""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import NoReturn, TypeVar

from sysfuzz.findings.finding import STATUSES, Evidence, Finding, Replays
from sysfuzz.findings.provenance import Provenance
from sysfuzz.findings.severity import SEVERITIES
from sysfuzz.findings.times import stamp, time_of

SCHEMA = 1  # rises when a key goes or changes its meaning, or one comes that every file must have

_REPLAYS = re.compile(r"([0-9]{1,6})/([1-9][0-9]{0,5})")
_MAX_QUOTE = 40

T = TypeVar("T")


class DamagedFinding(ValueError):
    """Text that is no finding; `str(error)` is one line, `file: key: message` or `file:line:column: message`."""


def dump(finding: Finding) -> str:
    """The text of `finding.json`."""
    evidence, provenance = finding.evidence, finding.provenance
    record = {
        "schema": SCHEMA,
        "bucket": finding.bucket,
        "oracle": finding.oracle,
        "severity": finding.severity,
        "status": finding.status,
        **({"why": finding.why} if finding.why else {}),
        **({"duplicate_of": finding.duplicate_of} if finding.duplicate_of else {}),
        "target": finding.target,
        "first_seen": stamp(finding.first_seen),
        "last_seen": stamp(finding.last_seen),
        "count": finding.count,
        "faces": dict(sorted(finding.faces.items())),
        "replays": str(finding.replays),
        "evidence": {"op": evidence.op, "expected": evidence.expected, "actual": evidence.actual},
        "provenance": {
            "versions": dict(provenance.versions),
            "seed": provenance.seed,
            "epoch": provenance.epoch,
            "worker": provenance.worker,
            "executions": provenance.executions,
        },
    }
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"  # people's words stay readable


def load(text: str, file: str) -> Finding:
    """The finding that `text` holds; `file` names it in messages. Raises DamagedFinding."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise DamagedFinding(f"{file}:{error.lineno}:{error.colno}: no JSON: {error.msg}") from None
    except (RecursionError, ValueError):  # nested a thousand deep, or a number of thousands of digits
        raise DamagedFinding(f"{file}: no finding") from None
    top = _Object(value, file)
    top.read("schema", _one_of((SCHEMA,)))
    evidence, provenance = top.part("evidence"), top.part("provenance")
    finding = Finding(
        bucket=top.read("bucket", _text),
        oracle=top.read("oracle", _text),
        severity=top.read("severity", _one_of(SEVERITIES)),
        status=top.read("status", _one_of(STATUSES)),
        target=top.read("target", _text),
        first_seen=top.read("first_seen", _time),
        last_seen=top.read("last_seen", _time),
        count=top.read("count", _positive),
        faces=top.part("faces").all(_positive),
        replays=top.read("replays", _replays),
        evidence=Evidence(
            op=evidence.read("op", _op),
            expected=evidence.read("expected", _text),
            actual=evidence.read("actual", _text),
        ),
        provenance=Provenance(
            versions=provenance.part("versions").all(_text),
            seed=provenance.read("seed", _natural),
            epoch=provenance.read("epoch", _natural),
            worker=provenance.read("worker", _natural),
            executions=provenance.read("executions", _natural),
        ),
        why=top.read_if_there("why", _said),
        duplicate_of=top.read_if_there("duplicate_of", _said),
    )
    for part in (top, evidence, provenance):
        part.finish()
    if finding.duplicate_of and finding.status != "duplicate":
        raise DamagedFinding(f"{file}: duplicate_of: supported with status duplicate, not {finding.status}")
    return finding


class _Object:
    """One JSON object that is read key by key; every complaint names the file and the way to the key."""

    def __init__(self, value: object, file: str, path: str = "") -> None:
        if not isinstance(value, dict):
            raise DamagedFinding(f"{file}: {path or 'the file'}: expected an object, got {_quote(value)}")
        self._file, self._path = file, path
        self._rest: dict[str, object] = dict(value)

    def read(self, key: str, parse: Callable[[object], T]) -> T:
        """The value of `key`; `parse` raises ValueError with what it expects."""
        value = self._take(key)
        try:
            return parse(value)
        except ValueError as error:
            self._refuse(key, f"expected {error}, got {_quote(value)}")

    def read_if_there(self, key: str, parse: Callable[[object], str]) -> str:
        """The value of a `key` that may be missing, then ""."""
        return self.read(key, parse) if key in self._rest else ""

    def part(self, key: str) -> "_Object":
        """The object under `key`."""
        return _Object(self._take(key), self._file, self._place(key))

    def all(self, parse: Callable[[object], T]) -> dict[str, T]:
        """Every key, a line of text, with its value."""
        for key in self._rest:
            if not key.isprintable():
                self._refuse(key, "expected a line of text")
        return {key: self.read(key, parse) for key in list(self._rest)}

    def finish(self) -> None:
        """Refuse what nobody has read."""
        for key in self._rest:
            self._refuse(key, "is not known")

    def _take(self, key: str) -> object:
        if key not in self._rest:
            self._refuse(key, "is missing")
        return self._rest.pop(key)

    def _place(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _refuse(self, key: str, message: str) -> NoReturn:
        place = self._place(key)
        raise DamagedFinding(f"{self._file}: {place if place.isprintable() else repr(place)}: {message}")


def _quote(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _MAX_QUOTE else text[: _MAX_QUOTE - 3] + "..."


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("a line of text")
    return value


def _said(value: object) -> str:
    text = _text(value)
    if not text:
        raise ValueError("a line of text that is not empty, or no such key")
    return text


def _natural(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a number from 0")
    return value


def _op(value: object) -> int:
    if type(value) is not int or value < -1:
        raise ValueError("a number from -1")
    return value


def _positive(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError("a number from 1")
    return value


def _time(value: object) -> datetime:
    try:
        return time_of(_text(value))
    except ValueError:
        raise ValueError("a time like 2026-01-31T12:00:00Z") from None


def _replays(value: object) -> Replays:
    match = _REPLAYS.fullmatch(_text(value))
    if match is None or int(match[1]) > int(match[2]):
        raise ValueError("replays like 10/10")
    return Replays(int(match[1]), int(match[2]))


def _one_of(choices: tuple[T, ...]) -> Callable[[object], T]:
    def parse(value: object) -> T:
        for choice in choices:
            if type(value) is type(choice) and value == choice:
                return choice
        raise ValueError(f"one of {', '.join(map(str, choices))}")

    return parse
