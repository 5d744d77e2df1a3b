"""What a last run needs is told apart from what it can do without."""

from random import Random

import pytest

from sysfuzz.generate import edits
from sysfuzz.generate.fresh import fresh
from sysfuzz.generate.subject import Subject
from sysfuzz.generate.vital import distance, vital
from sysfuzz.generate.weights import LONG_PROGRAM
from sysfuzz.program.ir import Program, Ref
from sysfuzz.program.text import parse

FIXED = "PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)\n"


def ops(text):
    """The ops of an amd64 program."""
    return parse("mode amd64\n" + text).program.ops


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("mmap(0x10000, 0x1000, " + FIXED, set()),
        ("mmap(0x10000, 0x1000, " + FIXED + 'poke(0x10000, "0f05c3")\nrun(0x10000)', {0, 1, 2}),
        ("mlockall(1)\nmmap(0x10000, 0x1000, " + FIXED + 'poke(0x10000, "0f05c3")\nrun(0x10002)\nfork()', {1, 2, 3}),
        # Code elsewhere is not needed, the mapping under it is.
        ("mmap(0x10000, 0x1000, " + FIXED + "mmap(0x20000, 0x1000, " + FIXED + 'poke(0x20000, "c3")\nrun(0x10000)', {0, 1, 3}),
        # Of two mappings at one place the last; beside it none.
        ("mmap(0x10000, 0x1000, " + FIXED + "mmap(0x10000, 0x2000, " + FIXED + "mmap(0x12000, 0x1000, " + FIXED + "run(0x11fff)", {1, 3}),
        # What a reference names.
        ("mmap(0, 0x1000, PROT_EXEC, MAP_ANON, -1, 0)\nmunlockall()\nrun(r0+0x10)", {0, 2}),
        # What moves the pages, and what it moves.
        ("mmap(0x10000, 0x1000, " + FIXED + "mremap(0x10000, 0x1000, 0x20000, 0x1000, MAP_FIXED)\nrun(0x20000)", {0, 1, 2}),
        # The process, by number or by result.
        ("mmap(0x10000, 0x1000, " + FIXED + "fork()\nvfork()\nas(2)\nrun(0x10000)", {0, 1, 3, 4}),
        ("mmap(0x10000, 0x1000, " + FIXED + "fork()\nvfork()\nas(r2)\nrun(0x10000)", {0, 2, 3, 4}),
    ],
)  # fmt: skip
def test_what_the_last_run_needs(text, needed):
    """Its code, what that lies in, its process."""
    assert vital(ops(text)) == needed


def test_a_distance_needs_a_common_base():
    """Numbers have one, and so have references to the same op."""
    assert distance(0x10010, 0x10000) == 0x10
    assert distance(Ref(1, 8), Ref(1, 3)) == 5
    assert distance(Ref(1, 8), Ref(2, 3)) == -1
    assert distance(Ref(1, 8), 3) == -1
    assert distance(8, Ref(1, 3)) == -1


def test_shortening_takes_what_is_not_needed():
    """The last run keeps its mapping and code; in most cases a long program is long no more, a short one is left alone."""
    text = "mmap(0x10000, 0x1000, " + FIXED + "munlockall()\n" * 8 + 'poke(0x10000, "c3")\nrun(0x10000)'
    short = 0
    for seed in range(100):
        subject = Subject(Program(ops=ops(text)), Random(seed))
        edits.shorten(subject)
        calls = [op.call for op in subject.ops]
        assert (calls[0], *calls[-2:]) == ("mmap", "poke", "run")
        short += len(calls) == LONG_PROGRAM
    assert short > 50
    for seed in range(50):
        program = fresh(Random(seed))
        if len(program.ops) <= LONG_PROGRAM:
            subject = Subject(program, Random(seed))
            edits.shorten(subject)
            assert subject.program() == program
