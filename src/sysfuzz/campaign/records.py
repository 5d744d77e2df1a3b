"""What a campaign writes down about itself, as frozen values: what it is, and each finished epoch. How they become files is `durable`'s
business.

Times are UTC, as `2026-01-31T12:00:00Z`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sysfuzz.campaign.durable import Damaged
from sysfuzz.campaign.layout import SCHEMA

_TIME = "%Y-%m-%dT%H:%M:%SZ"


def stamp(when: datetime) -> str:
    """A time as it is written."""
    return when.astimezone(UTC).strftime(_TIME)


def time_of(text: str) -> datetime:
    """The time that was written. ValueError."""
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)


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
        return cls(**_fields(record, place, {"target": str, "seed": int, "created": str}))


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
        fields = _fields(record, place, _EPOCH)
        return cls(**fields | {name: tuple(fields[name]) for name in ("programs", "findings")})


_EPOCH: Mapping[str, type] = {
    "shard": str, "number": int, "seed": int, "core": str, "began": str, "ended": str, "seconds": float, "executions": int,
    "corpus": int, "corpus_hash": str, "runs": int, "programs": list, "dropped": int, "features": dict, "gained": dict, "shown": int,
    "findings": list, "faults": int, "restarts": int, "complete": bool, "why": str,
}  # fmt: skip


def _fields(record: Mapping[str, Any], place: str, types: Mapping[str, type]) -> dict[str, Any]:
    if record.get("schema") != SCHEMA:
        raise Damaged(f"{place}: schema: expected {SCHEMA}, got {record.get('schema')!r}")
    for name, kind in types.items():
        value = record.get(name)
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise Damaged(f"{place}: {name}: expected {kind.__name__}, got {value!r:.60}")
    return {name: record[name] for name in types}
