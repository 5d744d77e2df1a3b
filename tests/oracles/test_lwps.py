"""Which LWP does an op, when programs choose, create and end LWPs."""

import pytest

from sysfuzz.oracles.case import Case
from sysfuzz.program.text import parse
from sysfuzz.spec.follow import follow
from sysfuzz.targets.table import get

TARGET = get("nosyscalls")
CODE = 'mmap(0x10000, 0x1000, PROT_EXEC, MAP_ANON, -1, 0)\npoke(0x10000, "0f05")\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("peek(0, 1)\n", [1]),
        ("lwp_create()\nas(1, lwp=2)\npeek(0, 1)\n", [1, 2, 2]),
        ("as(1, lwp=2)\n", [1]),  # there is none
        ("lwp_create()\nas(1, lwp=2)\nlwp_exit()\npeek(0, 1)\n", [1, 2, 2, 1]),
        ("lwp_create()\nlwp_exit()\npeek(0, 1)\nas(1)\n", [1, 1, 2, 2]),  # the lowest that is left
        ("lwp_create()\nas(1, lwp=2)\nfork()\nas(2)\nas(1, lwp=2)\n", [1, 2, 2, 1, 2]),  # a child has one
        ("lwp_create()\nas(1, lwp=2)\nexec()\nas(1)\n", [1, 2, 2, 2]),  # the caller is left
        ("reg rax = 0x136\n" + CODE + "lwp_create()\nrun(0x10000)\npeek(0, 1)\n", [1, 1, 1, 1, 2]),  # _lwp_exit by code
    ],
)
def test_current_lwp(text, expected):
    """The LWP of each op, in order."""
    program = parse("mode amd64\n" + text).program
    outcome = TARGET.run(program)
    case = Case(program, outcome, follow(program, outcome))
    assert [case.lwp(op) for op in range(len(program.ops))] == expected
