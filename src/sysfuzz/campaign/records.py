"""What a campaign writes down, as it must be read again: what it is, and each finished epoch, as frozen values; and what an engine fault and a
line of any log must hold for those who rely on it.

Damage, and whatever somebody else has written there, is told where it is read, with its place. How all this becomes files is the business of
`durable`.
Times are UTC, as `2026-01-31T12:00:00Z`.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sysfuzz.campaign.durable import Damaged
from sysfuzz.campaign.layout import SCHEMA
from sysfuzz.findings.times import time_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What a campaign is, for all its life."""

    target: str
    seed: int
    created: str

    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def load(cls, record: Mapping[str, Any], place: str) -> "Campaign":
        """Raises Damaged."""
        return cls(**_versioned(record, place, {"target": _TEXT, "seed": _COUNT, "created": _WHEN}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """A finished epoch. `features` counts those of the whole campaign after it, `gained` those that nobody had shown before."""

    shard: str
    number: int
    seed: int
    core: str
    began: str
    ended: str
    seconds: float
    executions: int
    corpus: int  # programs that it started from
    corpus_hash: str  # over their names: the epoch can be repeated from this corpus
    runs: int  # executions that it was given
    programs: tuple[str, ...]  # new ones
    dropped: int  # inputs that libFuzzer has kept and that show nothing that the campaign had not seen
    features: Mapping[str, int]
    gained: Mapping[str, int]
    shown: int
    findings: tuple[str, ...]  # ids of those that it was the first to show
    faults: int
    restarts: int
    complete: bool
    why: str  # it ended: "runs", "stopped" (by people or a budget), "slow" (out of time), "gave up" (its workers died)

    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def load(cls, record: Mapping[str, Any], place: str) -> "Epoch":
        """Raises Damaged."""
        fields = _versioned(record, place, _EPOCH)
        return cls(**fields | {name: tuple(fields[name]) for name in ("programs", "findings")})


def sound_event(record: Mapping[str, Any], place: str) -> None:
    """Raise Damaged if this is no event of the log. Of a kind that nobody reads back it needs no more than its name and its time."""
    _fields(record, place, {"when": _WHEN, "event": _TEXT})
    _fields(record, place, _EVENTS.get(record["event"], {}))


def sound_features(record: Mapping[str, Any], place: str) -> None:
    """Raise Damaged if this is no line of features."""
    _fields(record, place, {"program": _TEXT, "size": _COUNT, "features": _FEATURES})


def sound_distilled(record: Mapping[str, Any], place: str) -> None:
    """Raise Damaged if this does not say which program was distilled away."""
    _fields(record, place, {"program": _TEXT})


def sound_fault(record: Mapping[str, Any], place: str) -> None:
    """Raise Damaged if this is no engine fault."""
    _fields(record, place, _FAULT)


class _Kind(NamedTuple):
    words: str
    holds: Callable[[Any], bool]


def _is_time(value: Any) -> bool:
    try:
        time_of(value)
    except (TypeError, ValueError):
        return False
    return True


def _is_hex(value: Any) -> bool:
    try:
        return bool(bytes.fromhex(value).hex() == value)
    except (TypeError, ValueError):
        return False


def _is_list(value: Any) -> bool:
    return type(value) is list and set(map(type, value)) <= {str}


_TEXT = _Kind("text", lambda value: type(value) is str)
_COUNT = _Kind("a whole number", lambda value: type(value) is int)
_NUMBER = _Kind("a number", lambda value: type(value) in (int, float))
_TRUTH = _Kind("true or false", lambda value: type(value) is bool)
_WHEN = _Kind("a time as 2026-01-31T12:00:00Z", _is_time)
_HEX = _Kind("hex digits", _is_hex)
_NAMES = _Kind("a list of names", _is_list)
_COUNTS = _Kind("numbers by domain", lambda value: type(value) is dict and set(map(type, value.values())) <= {int})
_FEATURES = _Kind(
    "names by domain, or null",
    lambda value: value is None or (type(value) is dict and all(map(_is_list, value.values()))),
)

_EPOCH: Mapping[str, _Kind] = {
    "shard": _TEXT, "number": _COUNT, "seed": _COUNT, "core": _TEXT, "began": _WHEN, "ended": _WHEN, "seconds": _NUMBER,
    "executions": _COUNT, "corpus": _COUNT, "corpus_hash": _TEXT, "runs": _COUNT, "programs": _NAMES, "dropped": _COUNT,
    "features": _COUNTS, "gained": _COUNTS, "shown": _COUNT, "findings": _NAMES, "faults": _COUNT, "restarts": _COUNT,
    "complete": _TRUTH, "why": _TEXT,
}  # fmt: skip
_FAULT: Mapping[str, _Kind] = {
    "kind": _TEXT, "where": _TEXT, "target": _TEXT, "shard": _TEXT, "epoch": _COUNT, "seed": _COUNT, "first_seen": _WHEN,
    "last_seen": _WHEN, "epochs": _COUNT, "detail": _TEXT, "data": _HEX,
}  # fmt: skip
# What the next run, or whoever looks, relies on; see `events` for the rest.
_EVENTS: Mapping[str, Mapping[str, _Kind]] = {
    "started": {"core": _TEXT},
    "corpus": {"programs": _COUNT, "features": _COUNTS},
    "finding": {"finding": _TEXT, "what": _TEXT, "oracle": _TEXT, "core": _TEXT, "program": _TEXT, "to": _NAMES},
    "verified": {"finding": _TEXT, "core": _TEXT, "program": _TEXT, "shown": _COUNT, "tried": _COUNT},
    "minimised": {"finding": _TEXT, "program": _TEXT, "ending": _TEXT, "round": _COUNT},
    "told": {"finding": _TEXT, "what": _TEXT, "ear": _TEXT},
    "distilled": {"removed": _COUNT},
}


def _versioned(record: Mapping[str, Any], place: str, kinds: Mapping[str, _Kind]) -> dict[str, Any]:
    if record.get("schema") != SCHEMA:
        raise Damaged(f"{place}: schema: expected {SCHEMA}, got {record.get('schema')!r}")
    return _fields(record, place, kinds)


def _fields(record: Mapping[str, Any], place: str, kinds: Mapping[str, _Kind]) -> dict[str, Any]:
    for name, kind in kinds.items():
        value = record.get(name)
        if name not in record or not kind.holds(value):
            raise Damaged(
                f"{place}: {name}: expected {kind.words}, got {f'{value!r:.60}' if name in record else 'nothing'}"
            )
    return {name: record[name] for name in kinds}
