"""An epoch as a task: it brings back the same wherever it runs, and an input that ends the survey is attributed."""

from dataclasses import replace
from pathlib import Path

import pytest

from sysfuzz.campaign import task as task_module
from sysfuzz.campaign.scratch import scratch
from sysfuzz.campaign.task import Task, perform, surveyed
from sysfuzz.program.text import parse
from sysfuzz.program.wire import decode, encode

INPUTS = tuple(encode(parse(f"mode amd64\nmunmap({n:#x}, 0x1000)\n").program) for n in (1, 0x1000, 0x2000))


def test_an_epoch_can_be_run_again(tmp_path: Path) -> None:
    """The same task brings back the same programs with the same features, whatever the store holds meanwhile; another seed brings others."""
    with scratch():
        task = Task(
            shard="w0", number=3, seed=11, target="nosyscalls-2011", inputs=INPUTS, quarantine=frozenset(), findings=str(tmp_path / "findings"),
            runs=150, seconds=300.0, rss_limit_mb=2048,
        )  # fmt: skip
        first, again, other = perform(task), perform(task), perform(replace(task, seed=12))
    assert first.executions == 150
    assert first.programs == again.programs != other.programs
    assert len(first.programs) > 20
    assert not {program.data for program in first.programs} & {*INPUTS}
    assert all(encode(decode(program.data)) == program.data for program in first.programs)


def test_a_deadly_input_is_attributed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no features and a fault that holds it; those after it are asked again, in another process."""
    asked = []

    def dying(
        target: str, packages: object, inputs: list[bytes], seconds: float
    ) -> tuple[list[dict[str, list[str]]], str]:
        asked.append(len(inputs))
        alive = list(inputs).index(INPUTS[1]) if INPUTS[1] in inputs else len(inputs)
        return [{"calls": ["x"]}] * alive, "killed\nwords"

    monkeypatch.setattr(task_module, "survey_names", dying)
    found = surveyed("nosyscalls", INPUTS)
    assert [one.data for one in found] == list(INPUTS)
    assert [bool(one.fault) for one in found] == [False, True, False]
    assert asked == [3, 1]
    fault = found[1].fault
    assert fault is not None
    assert (fault.kind, fault.where, fault.data, fault.detail) == ("survey", "killed", INPUTS[1], "killed\nwords")
