"""Stores and reports for the tests of reports: real findings, really explained, at a fixed time."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sysfuzz.findings.explain import explain
from sysfuzz.findings.explanation import Entered, Explanation, Moment, Row
from sysfuzz.findings.finding import Evidence, Finding, Replays, Sighting
from sysfuzz.findings.provenance import Provenance
from sysfuzz.findings.store import Store
from sysfuzz.program.ir import Program
from sysfuzz.program.text import parse
from sysfuzz.report import Report, Unexplained, gather
from sysfuzz.targets import table

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
VERSIONS = {"sysfuzz": "0.1.0", "python": "3.11.7"}
WEAK = "nosyscalls-2011"

# The second mapping merges into the first and loses its attribute; a call from it escapes.
MERGE = """\
mode amd64
mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)
mmap(0x11000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)
poke(0x11000, "b8140000000f05c3")
run(0x11000)
"""
MERGE_ID = f"{WEAK}--attribute--mmap--merge"

BAD_FLAG = """\
mode amd64
mmap(0, 0x1000, PROT_READ, MAP_PRIVATE|MAP_ANON|0x800000, -1, 0)
"""

ESCAPED = Evidence(3, "SIGILL", "getpid dispatched")  # what the oracle says of MERGE

# What somebody's core, file or colleague may have written.
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>]]>-->{{ 7*7 }}{0}[a](b)&amp;%s"


def record(
    store: Store,
    oracle: str,
    bucket: str,
    *,
    target: str = WEAK,
    program: str = MERGE,
    evidence: Evidence = ESCAPED,
    count: int = 1,
) -> str:
    """Record a finding; its id."""
    sighting = Sighting(
        bucket=bucket,
        oracle=oracle,
        target=target,
        program=parse(program).program,
        evidence=evidence,
        replays=Replays(10, 10),
        provenance=Provenance(VERSIONS, seed=7, epoch=0, worker=1, executions=1234),
        count=count,
        faces={oracle: count},
    )
    return store.record(sighting, NOON).entry.id


def full(directory: Path) -> Store:
    """A store with a finding of every kind: explained, of a core that is not here, closed in three ways, one to be ignored, one damaged."""
    store = Store(directory)
    merge = record(store, "escape", "attribute/mmap/merge", count=1200)
    panicked = Evidence(0, "no panic", "panic: sys_mmap: bad flags 0x801002")
    record(store, "panic", "panic/sys_mmap: bad flags", program=BAD_FLAG, evidence=panicked)
    record(store, "lock", "lock/int80", target="their.core:boot")
    record(store, "map", "map/ignored")
    store.set_status(record(store, "errno", "result/munmap/EINVAL/value"), "fixed", "in patch 12")
    store.set_status(record(store, "blocked", "overblock/lcall"), "duplicate", duplicate_of=merge)
    store.set_status(record(store, "dispatch", "dispatch/read"), "rejected", "as the manual says")
    damaged = record(store, "insane", "insane/gap")
    (directory / damaged / "finding.json").write_text("{}", encoding="utf-8")
    return store


def explained(finding: Finding, program: Program) -> Explanation:
    """What a run of a built-in target shows."""
    try:
        target = table.get(finding.target)
    except table.TargetError as error:
        raise Unexplained(str(error)) from error
    found = explain(target, program, finding.bucket)
    if found is None:
        raise Unexplained("does not show it")
    return found


def report_on(
    store: Store,
    *,
    root: Path | None = None,
    wanted: Callable[[Finding], bool] = lambda finding: True,
    explainer: Callable[[Finding, Program], Explanation] = explained,
) -> Report:
    """The report on a store; bucket `map/ignored` is ignored."""
    return gather(
        store,
        store.entries(),
        root=root or store.directory.parent,
        made=NOON,
        versions=VERSIONS,
        wanted=wanted,
        explain=explainer,
        ignored=lambda finding: "known" if finding.bucket == "map/ignored" else "",
    )


def saying(text: str) -> Callable[[Finding, Program], Explanation]:
    """An explainer that says `text` wherever words are free."""

    def explainer(finding: Finding, program: Program) -> Explanation:
        return Explanation(
            bucket=finding.bucket,
            oracle=finding.oracle,
            op=3,
            event=0,
            summary=text,
            expected=text,
            actual=text,
            pid=1,
            page=0x11000,
            life=(
                Moment(1, -1, text, "r-x no-syscalls", "r-x no-syscalls", text),
                Moment(2, -1, text, text, "r-x no-syscalls", text),
            ),
            entered=Entered(0x11005, bytes.fromhex("0f05"), text, text, text),
            rule=text,
            before=(Row(1, 0x10000, 0x11000, text, False),),
            after=(Row(1, 0x10000, 0x12000, text, True),),
            details=(text,),
        )

    return explainer
