"""The speed benchmark measures what it says; how fast anything is, is no test."""

from sysfuzz.bench.speed import bare_loop, measure


def test_every_stage_is_timed() -> None:
    """A small epoch gives the whole pipeline's rate, the bare loop's, and a time for each stage in the pipeline's order."""
    speed = measure("nosyscalls", runs=1000, seed=1)
    assert speed.executions == 1000
    assert speed.corpus > 0
    assert speed.pipeline > 0
    assert [stage.name for stage in speed.stages] == [
        "mutate", "encode and decode", "core alone", "core and CPU", "features", "spec and oracles",
    ]  # fmt: skip
    assert all(stage.microseconds > 0 for stage in speed.stages)


def test_the_bare_loop_runs() -> None:
    """It gives a rate, whatever that is."""
    assert bare_loop(seed=1, runs=50) > 0
