"""Each row of brinks is decided by the sum that it is named for: there are programs on either side."""

from random import Random

import pytest

from sysfuzz.generate import brinks
from sysfuzz.generate.draft import Draft
from sysfuzz.program.ir import MODES, Mode, Program
from sysfuzz.targets.table import Target

# What the last call of each row answers, of which success is always one: the errors behind the line.
BEHIND = {
    "wired over wired": {"ENOMEM"},
    "locked again": {"EAGAIN"},
    "locked by all": {"EAGAIN", "ENOMEM"},
    "wired by protection": {"ENOMEM"},
    "full space": {"ENOMEM"},
    "aligned": {"ENOMEM"},
    "last page": {"ENOMEM"},
    "part of a page": set(),
    "nothing": {"EINVAL", "EFAULT", "EBUSY"},
    "wired is kept": set(),
}
SEEDS = 80


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", brinks.ROWS)
def test_a_row_has_two_sides(reference: Target, name: str, mode: Mode) -> None:
    """Half of the programs and more succeed in all that they do; of the others only the last call fails, with each error of the row."""
    failed: list[object] = []
    for seed in range(SEEDS):
        draft = Draft(Random(seed), mode, "amd")
        brinks.ROWS[name](draft)
        results = [step.result for step in reference.run(Program(mode, "amd", (), tuple(draft.ops)).validate()).steps]
        assert all(isinstance(result, int) for result in results[:-1])
        if not isinstance(results[-1], int):
            failed.append(results[-1])
    assert set(failed) == BEHIND[name]
    assert len(failed) <= SEEDS / 2
