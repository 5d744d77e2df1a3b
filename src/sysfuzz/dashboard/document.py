"""A campaign as one JSON document, for whatever is neither a browser nor Prometheus; the findings themselves are what `sysfuzz report` has.

{"campaign": {"target", "seed", "created"}, "now", "running", "core", "runner": {"pid", "host", "started", "command"},
 "epochs", "executions", "seconds", "rate", "recent_rate", "features": {domain: count}, "programs", "programs_by_shard": {shard: count},
 "shown", "restarts", "findings": {severity: {status: count}}, "damaged": [text], "faults": [{"name", "kind", "where", "epochs", "last_seen"}],
 "workers": [{"name", "alive", "epochs", "executions", "programs", "restarts", "rate"}], "last_feature", "last_finding",
 "weaknesses": {"known", "found"} or null}
"""

from datetime import datetime

from sysfuzz.campaign.state import State
from sysfuzz.dashboard.census import census
from sysfuzz.dashboard.weaknesses import known
from sysfuzz.findings.severity import SEVERITIES
from sysfuzz.findings.times import stamp

_RUNNER = ("pid", "host", "started", "command")


def document(state: State) -> dict[str, object]:
    """The document; times are UTC, as `2026-01-31T12:00:00Z`, or null."""
    found = census(state).counts
    weak = known(state)
    return {
        "campaign": {"target": state.campaign.target, "seed": state.campaign.seed, "created": state.campaign.created},
        "now": stamp(state.now),
        "running": state.running,
        "core": state.core,
        "runner": {name: state.runner.get(name) for name in _RUNNER},
        "epochs": state.epochs,
        "executions": state.executions,
        "seconds": state.seconds,
        "rate": state.rate,
        "recent_rate": state.recent_rate,
        "features": dict(state.features),
        "programs": state.programs,
        "programs_by_shard": dict(state.programs_by_shard),
        "shown": state.shown,
        "restarts": state.restarts,
        "findings": {
            severity: {status: count for (worst, status), count in sorted(found.items()) if worst == severity}
            for severity in SEVERITIES
        },
        "damaged": list(state.damaged),
        "faults": [
            {"name": one.name, "kind": one.kind, "where": one.where, "epochs": one.epochs, "last_seen": stamp(one.last_seen)}
            for one in state.faults
        ],
        "workers": [
            {
                "name": one.shard, "alive": one.alive, "epochs": one.epochs, "executions": one.executions, "programs": one.programs,
                "restarts": one.restarts, "rate": one.rate,
            }
            for one in state.workers
        ],
        "last_feature": _time(state.last_feature),
        "last_finding": _time(state.last_finding),
        "weaknesses": None if weak is None else {"known": len(weak.rows), "found": weak.found},
    }  # fmt: skip


def _time(when: datetime | None) -> str | None:
    return None if when is None else stamp(when)
