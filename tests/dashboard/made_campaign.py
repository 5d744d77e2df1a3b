"""Campaigns for the tests of the dashboard, made of plain files by their documented form: of any size, at fixed times, without fuzzing."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sysfuzz.campaign.layout import Layout, name_of
from sysfuzz.findings.finding import Evidence, Replays, Sighting
from sysfuzz.findings.provenance import Provenance
from sysfuzz.findings.store import Store
from sysfuzz.program.ir import Program
from sysfuzz.program.text import parse

BEGAN = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
TARGET = "nosyscalls-2011"
CORE = "0123456789abcdef"

# The second mapping merges into the first and loses its attribute; a call from it escapes.
MERGE = """\
mode amd64
mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)
mmap(0x11000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)
poke(0x11000, "b8140000000f05c3")
run(0x11000)
"""
ESCAPED = Evidence(3, "SIGILL", "getpid dispatched")  # what the oracle says of MERGE
MERGE_ID = f"{TARGET}--attribute--mmap--merge"

# What somebody's core, file or colleague may have written.
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}&amp;"

_ORACLES = ("escape", "panic", "attribute-lost", "map", "sigill-frame", "errno", "blocked", "lock", "by-design")


def stamp(when: datetime) -> str:
    """A time as files have it."""
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def _put(path: Path, record: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")


def campaign(home: Path, target: str = TARGET) -> Layout:
    """A campaign that has begun and done nothing yet."""
    layout = Layout(home)
    _put(layout.campaign, {"schema": 1, "target": target, "seed": 7, "created": stamp(BEGAN)})
    event(layout, BEGAN, "started", core=CORE, before="", target=target, seed=7, workers=2)
    event(layout, BEGAN, "corpus", programs=0, chosen=0, features={})
    return layout


def event(layout: Layout, when: datetime, kind: str, **details: object) -> None:
    """Add to the log."""
    layout.home.mkdir(parents=True, exist_ok=True)
    with layout.events.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"when": stamp(when), "event": kind, **details}) + "\n")


def epoch(
    layout: Layout,
    shard: str,
    number: int,
    *,
    minute: float,
    features: dict[str, int],
    executions: int = 20_000,
    programs: int = 2,
    gained: dict[str, int] | None = None,
) -> None:
    """A finished epoch of 60 s that ends `minute` minutes after the beginning; its programs are there, and are tiny."""
    names = []
    for index in range(programs):
        text = f"mode amd64\nexit({index})\n# {shard} {number}\n"
        names.append(name_of(text))
        path = layout.program(shard, names[-1])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (layout.shards / shard).mkdir(parents=True, exist_ok=True)
    ended = BEGAN + timedelta(minutes=minute)
    _put(
        layout.epoch(shard, number),
        {
            "schema": 1, "shard": shard, "number": number, "seed": number, "core": CORE, "began": stamp(ended - timedelta(minutes=1)),
            "ended": stamp(ended), "seconds": 60.0, "executions": executions, "corpus": 3, "corpus_hash": "00", "runs": 20_000,
            "programs": names, "dropped": 0, "features": features, "gained": gained if gained is not None else features, "shown": 3,
            "findings": [], "faults": 0, "restarts": 1, "complete": True, "why": "runs",
        },
    )  # fmt: skip


def finding(
    layout: Layout,
    oracle: str,
    bucket: str,
    *,
    minute: float = 1.0,
    program: str | Program = MERGE,
    target: str = TARGET,
    count: int = 1,
    evidence: Evidence = ESCAPED,
) -> str:
    """Record a finding; its id."""
    sighting = Sighting(
        bucket=bucket,
        oracle=oracle,
        target=target,
        program=parse(program).program if isinstance(program, str) else program,
        evidence=evidence,
        replays=Replays(10, 10),
        provenance=Provenance({"sysfuzz": "0.1.0"}, seed=7, epoch=0, worker=1, executions=1234),
        count=count,
        faces={oracle: count},
    )
    when = BEGAN + timedelta(minutes=minute)
    identity = Store(layout.findings).record(sighting, when).entry.id
    told = {"oracle": oracle, "core": CORE, "program": name_of(MERGE), "to": []}
    event(layout, when, "finding", finding=identity, what="new", **told)
    return identity


def fault(layout: Layout, name: str, where: str) -> None:
    """An engine fault."""
    when = stamp(BEGAN)
    _put(
        layout.faults / f"{name}.json",
        {
            "kind": "hang", "where": where, "target": TARGET, "shard": "w0", "epoch": 0, "seed": 1, "first_seen": when, "epochs": 2,
            "detail": "no end", "data": "", "last_seen": when,
        },
    )  # fmt: skip


def small(home: Path) -> Layout:
    """A campaign of an hour with a few findings, of which one can be explained, and one says what would break a page that lets it."""
    layout = campaign(home)
    for number in range(6):
        grown = {"calls": 100 + 10 * number, "entries": 50 + number, "events": 20}
        epoch(layout, "w0", number, minute=10.0 * number + 5, features=grown)
        epoch(layout, "w1", number, minute=10.0 * number + 8, features=grown, gained={})
    finding(layout, "escape", "attribute/mmap/merge", minute=7, count=1200)
    finding(layout, "panic", "panic/sys_mmap: bad flags", minute=20)
    finding(layout, "errno", f"result/{HOSTILE}", minute=30, evidence=Evidence(0, HOSTILE, HOSTILE))
    finding(layout, "by-design", "design/stated", minute=31)
    Store(layout.findings).set_status(finding(layout, "lock", "lock/int80", minute=40), "fixed", "in patch 12")
    fault(layout, "hang-1", f"somewhere {HOSTILE}")
    return layout


def large(home: Path, findings: int, programs: int, epochs: int) -> Layout:
    """A campaign of any size. Findings are copies of one under other names: to record each would take a flush to the disk."""
    layout = campaign(home)
    each = -(-programs // (epochs * 2))
    for number in range(epochs):
        for shard in ("w0", "w1"):
            grown = {"calls": 1000 + number, "entries": 500 + number // 2}
            epoch(layout, shard, number, minute=1.0 + number, features=grown, programs=each)
    first = finding(layout, "escape", "made/0")
    text = (layout.findings / first / "finding.json").read_text(encoding="utf-8")
    made = (layout.findings / first / "program.prog").read_text(encoding="utf-8")
    for number in range(1, findings):
        oracle = _ORACLES[number % len(_ORACLES)]
        record = json.loads(text) | {
            "bucket": f"made/{number}",
            "oracle": oracle,
            "severity": _SEVERITIES[oracle],
            "count": number,
        }
        record["faces"] = {oracle: number}
        record["first_seen"] = record["last_seen"] = stamp(BEGAN + timedelta(seconds=number % 3000))
        home = layout.findings / f"{TARGET}--made--{number}"
        _put(home / "finding.json", record)
        (home / "program.prog").write_text(made, encoding="utf-8")
    return layout


_SEVERITIES = {
    "escape": "critical", "panic": "high", "attribute-lost": "high", "map": "medium", "sigill-frame": "medium", "errno": "low",
    "blocked": "low", "lock": "low", "by-design": "by design",
}  # fmt: skip
