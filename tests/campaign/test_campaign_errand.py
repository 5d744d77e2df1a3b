"""Errands without a cluster: what they bring back, and what they refuse."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="the extra 'cluster' is not installed")

import sysfuzz
from sysfuzz.campaign.core import Core
from sysfuzz.campaign.depot import Depot
from sysfuzz.campaign.errand import Answer, Errand, Known, carry_out, halt, pack
from sysfuzz.campaign.task import Task
from sysfuzz.program.text import load, parse
from sysfuzz.program.wire import encode

PROGRAMS = Path(sysfuzz.__file__).parent / "targets" / "programs" / "nosyscalls-2011"  # one shows a bug of it each


def errand(target: str = "nosyscalls-2011", runs: int = 40, inputs: tuple[bytes, ...] = (), **more: object) -> Errand:
    """A small epoch."""
    task = Task(
        shard="w0", number=3, seed=5, target=target, inputs=(), quarantine=frozenset(), findings="", runs=runs,
        seconds=60.0, rss_limit_mb=2048,
    )  # fmt: skip
    fields: dict[str, object] = {"run": "r", "core": Core.of(target).version, "task": task, "programs": pack(inputs)}
    return Errand(**fields | more)  # type: ignore[arg-type]


def counts(answer: Answer) -> dict[str, object]:
    """How often an epoch has seen each bug, and with which faces."""
    findings = [json.loads(one.record) for one in answer.sighted]
    return {one["bucket"]: (one["count"], one["faces"]) for one in findings}


def test_another_core_is_refused() -> None:
    """Nothing is run for another version of the core, and both versions are named."""
    wanted = errand(core="0123456789abcdef")
    answer = carry_out(wanted)
    assert (answer.outcome, answer.sighted) == (None, ())
    assert "campaign 0123456789abcdef" in answer.refusal
    assert Core.of("nosyscalls-2011").version in answer.refusal


def test_the_same_errand_brings_the_same(tmp_path: Path) -> None:
    """Run again, and from a depot, an errand brings the same; a known bug comes as a number, a new one as a program."""
    inputs = tuple(encode(load(path).program) for path in sorted(PROGRAMS.glob("*.prog"))[:2])
    depot = (tmp_path / "depot").as_uri()
    first = carry_out(errand(inputs=inputs))
    assert first.refusal == ""
    assert first.outcome is not None
    assert first.outcome.programs
    assert first.outcome.complete
    findings = [json.loads(one.record) for one in first.sighted]
    assert findings
    known = tuple(Known(one["target"], one["bucket"], one["oracle"]) for one in findings)
    name = Depot(depot).keep(pack(inputs))
    again = carry_out(errand(programs=b"", snapshot=name, depot=depot, known=known))
    assert again.outcome is not None
    assert again.outcome.programs == first.outcome.programs
    assert (again.outcome.executions, again.outcome.shown) == (first.outcome.executions, first.outcome.shown)
    assert all(one.program for one in first.sighted)
    assert not any(one.program for one in again.sighted)
    assert counts(first) == counts(again)
    for one, finding in zip(first.sighted, findings, strict=True):
        assert parse(one.program, "here").program
        assert finding["provenance"]["seed"] == 5


def test_a_halted_run_begins_nothing() -> None:
    """Once its run is halted, an errand has an outcome without executions, and so has one that nobody wants."""
    wanted = errand(run="halted")
    halt("halted")
    for answer in (carry_out(wanted), carry_out(replace(wanted, run="other"), lambda: True)):
        assert answer.refusal == ""
        assert answer.outcome is not None
        assert (answer.outcome.executions, answer.outcome.programs) == (0, ())
