"""An assignment comes back from the disk as it went."""

from pathlib import Path

from sysfuzz.engine.assignment import Assignment


def test_round_trip(tmp_path: Path) -> None:
    """What the worker reads equals what its parent wrote, types included."""
    assignment = Assignment(
        parent=1,
        factory="m:f",
        settings={"target": "nosyscalls", "none": None, "list": [1, 2]},
        packages=("a", "b.c"),
        code_counters=5,
        seed=3,
        max_len=4096,
        rss_limit_mb=100,
        flags=(),
        sources="/there",
        quarantine=("00ff",),
    )
    assignment.write(tmp_path)
    assert Assignment.read(tmp_path) == assignment
