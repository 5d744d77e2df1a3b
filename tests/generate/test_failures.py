"""Each row of failures is answered with the errno that its name says, and changes nothing."""

from random import Random

import pytest

from sysfuzz.generate import failures
from sysfuzz.generate.draft import Draft
from sysfuzz.program.ir import MODES, Program
from sysfuzz.program.names import PAGE

START, PAGES = 0x10000, 2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", failures.ROWS)
def test_a_row_fails_as_its_name_says(reference, name, mode):
    """In each of ten programs; the one row that is named so does nothing and succeeds. What was mapped stays as it was."""
    call, errno = name.split()[:2]
    for seed in range(10):
        draft = Draft(Random(seed), mode, "amd")
        draft.map(START, PAGES, True)
        failures.ROWS[name](draft, START, PAGES * PAGE)
        program = Program(mode, "amd", (), tuple(draft.ops)).validate()
        steps = reference.run(program).steps
        assert program.ops[-1].call == call
        assert steps[-1].result == (0 if errno == "nothing" else errno)
        assert steps[-1].views == steps[-2].views
        assert all(isinstance(step.result, int) for step in steps[:-1])
