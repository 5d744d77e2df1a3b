"""The table of passes: what each proposes is valid and smaller, and the steps that it is there for are among it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from showing import MODEST, program, text

from strategies import programs
from sysfuzz.minimise.order import is_smaller
from sysfuzz.minimise.passes import PASSES
from sysfuzz.minimise.search import Shown
from sysfuzz.program.ir import Program
from sysfuzz.program.outcome import Result

NAMES = [each.name for each in PASSES]
BY_NAME = {each.name: each.propose for each in PASSES}
RESULTS = st.one_of(st.integers(0, (1 << 64) - 1), st.sampled_from((0, 2, 0x10000, "EINVAL", "panic", b"\0")))


@pytest.mark.parametrize("name", NAMES)
@MODEST
@given(data=st.data())
def test_proposals_are_valid_and_smaller(name: str, data: st.DataObject) -> None:
    """Whatever the program is and whatever its ops have yielded, also if not all of them were reached."""
    start = data.draw(programs(max_ops=4))
    results = data.draw(st.lists(RESULTS, max_size=len(start.ops)))
    for number, proposed in enumerate(BY_NAME[name](Shown(start, tuple(results)))):
        assert is_smaller(proposed.validate(), start)
        if number == 60:  # a pass may have thousands: the first are of all its kinds
            break


def test_names_are_different() -> None:
    """A name tells a pass."""
    assert len(set(NAMES)) == len(NAMES)


STEPS: list[tuple[str, str, tuple[Result, ...], str]] = [
    ("tail", "fork()\nfork()\nfork()", (2, 3, 4), "fork()\nfork()"),
    ("tail", "fork()\nexec()\nexit(0)\nfork()", (2, "panic"), "fork()\nexec()"),  # what was never reached
    ("ops", "fork()\nexec()\nexit(0)", (2, 0, 0), "exec()\nexit(0)"),
    ("ops", "fork()\nas(r0)", (2, 0), "as(2)"),  # a reference to what is gone
    ("ops", "exec()\nfork()\nas(r1)", (0, 2, 0), "fork()\nas(r0)"),
    ("ops", "fork()\nfork()\nas(3)", (2, 3, 0), "fork()\nas(2)"),  # the second child is the first now
    ("pairs", "fork()\nexec()\nas(2)", (2, 0, 0), "exec()"),
    ("entry alone", 'poke(0x10000, "9090b8140000000f05c3")', (0,), 'poke(0x10000, "0f05")'),
    (
        "entry alone",
        'poke(0x10010, "90900f05c3")\nrun(0x10000)',
        (0, 0),
        'poke(0x10010, "0f05")\nrun(0x10010)',
    ),
    (  # the code that goes had attached the attribute
        "attached by hand",
        'mmap(0x10000, 0x1000, PROT_EXEC, MAP_SHARED, 3, 0x1000)\npoke(0x10000, "90900f05c3")',
        (0x10000, 0),
        'mmap(0x10000, 0x1000, PROT_EXEC, MAP_ANON|MAP_NOSYSCALLS, -1, 0)\npoke(0x10000, "0f05")',
    ),
    ("loads", 'poke(0x10000, "b8140000000f05")', (0,), 'reg rax = 0x14\npoke(0x10000, "0f05")'),
    (
        "loads",
        'poke(0x10000, "48bf00000000010000000f05")',
        (0,),
        'reg rdi = 0x100000000\npoke(0x10000, "0f05")',
    ),
    ("loads", 'poke(0x10000, "41b8050000000f05")', (0,), 'reg r8 = 5\npoke(0x10000, "0f05")'),
    ("cuts", 'poke(0x10000, "0f05c3")', (0,), 'poke(0x10000, "0f05")'),
    (  # what lies behind the cut moves down
        "cuts",
        'poke(0x10000, "c30f05")\nrun(0x10001)',
        (0, 0),
        'poke(0x10000, "0f05")\nrun(0x10000)',
    ),
    (  # or stays, across a page's end
        "cuts",
        'poke(0x10ffe, "900f05")\nrun(0x10ffe)',
        (0, 0),
        'poke(0x10fff, "0f05")\nrun(0x10fff)',
    ),
    ("nops", 'poke(0x10000, "ebfe0f05")', (0,), 'poke(0x10000, "90900f05")'),
    ("plain entries", 'poke(0x10000, "f30f05c3")', (0,), 'poke(0x10000, "0f05c3")'),
    ("plain entries", 'poke(0x10000, "f30f05c3")', (0,), 'poke(0x10000, "900f05c3")'),
    ("plain entries", 'poke(0x10000, "cd80")', (0,), 'poke(0x10000, "0f05")'),
    ("join pokes", 'poke(0x10001, "05")\nfork()\npoke(0x10000, "0f")', (0, 2, 0), 'poke(0x10000, "0f05")\nfork()'),
    ("registers", "reg rax = 1\nreg rbx = 2\nfork()", (2,), "fork()"),
    ("registers", "reg rax = 1\nreg rbx = 2\nfork()", (2,), "reg rbx = 2\nfork()"),
    ("headers", "mode i386\nvendor intel\nreg ebx = 5\nfork()", (2,), "reg rbx = 5\nfork()"),
    ("headers", "mode amd64\nvendor intel\nreg r8 = 5\nfork()", (2,), "mode i386\nfork()"),
    ("headers", "mode i386\nmunmap(0xbfbff000, 0xfffff000)", (0,), "munmap(0x7f7ffffff000, 0xfffffffffffff000)"),
    (
        "anonymous",
        "mmap(0x10000, 0x1000, PROT_READ, MAP_SHARED, 3, 0x2000)",
        (0x10000,),
        "mmap(0x10000, 0x1000, PROT_READ, MAP_SHARED|MAP_ANON, -1, 0)",
    ),
    ("references", "fork()\nas(r0)", (2, 0), "fork()\nas(2)"),
    ("references", "fork()\nrun(r0+0x10)", ("EAGAIN", 0), "fork()\nrun(0xf)"),  # no result is all ones
    (  # regions come together, in arguments, registers and code
        "places",
        'reg rdi = 0x50010\nmunmap(0x50000, 0x1000)\npoke(0x50000, "bf100005000f05")',
        (0, 0),
        'reg rdi = 0x10010\nmunmap(0x10000, 0x1000)\npoke(0x10000, "bf100001000f05")',
    ),
    (
        "places",
        "munmap(0x10000, 0x5000)\nmlock(0x13000, 0x1000)",
        (0, 0),
        "munmap(0x10000, 0x2000)\nmlock(0x10000, 0x1000)",
    ),
    ("places", "munmap(0x4000, 0x1000)\nrun(0x4000)", (0, 0), "munmap(0x10000, 0x1000)\nrun(0x10000)"),
    (  # where the kernel has chosen a place, the program says one
        "places",
        "mmap(0, 0x1000, PROT_NONE, MAP_ANON, -1, 0)\nrun(0x700000000004)",
        (0x7000_0000_0000, 0),
        "mmap(0x10000, 0x1000, PROT_NONE, MAP_ANON, -1, 0)\nrun(0x10004)",
    ),
    (
        "places",
        "mremap(0x10000, 0x1000, 0, 0x2000, 0)\nrun(r0)",
        (0x7000_0000_0000, 0),
        "mremap(0x10000, 0x1000, 0x11000, 0x2000, MAP_FIXED)\nrun(0x11000)",
    ),
    ("whole pages", "munmap(0x10ff0, 0x20)", (0,), "munmap(0x10000, 0x2000)"),
    (
        "whole pages",
        "mmap(0x10010, 0x1000, PROT_NONE, MAP_FIXED|MAP_ANON, -1, 0x10)",
        (0x10010,),
        "mmap(0x10000, 0x2000, PROT_NONE, MAP_FIXED|MAP_ANON, -1, 0)",
    ),
    ("offsets", 'poke(0x10123, "0f05")\nrun(0x10123)', (0, 0), 'poke(0x10000, "0f05")\nrun(0x10000)'),
    ("flags", "mlockall(MCL_CURRENT|MCL_FUTURE)", (0,), "mlockall(MCL_FUTURE)"),
    ("flags", "mremap(0x10000, 0, 0, 0, MAP_FIXED|MAP_ALIGNED(20))", (0,), "mremap(0x10000, 0, 0, 0, MAP_FIXED)"),
    ("flags", "mprotect(0x10000, 0, PROT_EXEC)\nmprotect(0x11000, 0, PROT_EXEC)", (0, 0),
     "mprotect(0x10000, 0, PROT_NONE)\nmprotect(0x11000, 0, PROT_NONE)"),  # where both must be equal
    ("flags", "mmap(0, 0, PROT_NONE, 0x800000, -1, 0)", (0,), "mmap(0, 0, PROT_NONE, 0x8, -1, 0)"),
    ("arguments", "minherit(0x10000, 0x5000, MAP_INHERIT_ZERO)", (0,), "minherit(0x10000, 0x1000, MAP_INHERIT_ZERO)"),
    ("arguments", "run(0x10000, blocks=99)", (0,), "run(0x10000)"),
    ("arguments", "peek(0x10000, 64)", (b"\0",), "peek(0x10000, 1)"),
    ("plain bytes", 'poke(0x10000, "b8140000000f05")', (0,), 'poke(0x10000, "b8000000000f05")'),
    ("register values", "reg rax = 0x4014\nfork()", (2,), "reg rax = 0x14\nfork()"),
    ("plainer calls", "minherit(0x10000, 0x1000, MAP_INHERIT_NONE)", (0,), "munmap(0x10000, 0x1000)"),
    ("plainer calls", "vfork()", (2,), "fork()"),
    (
        "overlay",
        "munmap(0x10000, 0x1000)\nmmap(0x10000, 0x1000, PROT_NONE, MAP_ANON, -1, 0)",
        (0, 0x10000),
        "mmap(0x10000, 0x1000, PROT_NONE, MAP_FIXED|MAP_ANON, -1, 0)",
    ),
    (
        "beside",
        "mmap(0x10000, 0x2000, PROT_NONE, MAP_ANON, -1, 0)\nmmap(0x10000, 0x1000, PROT_NONE, MAP_FIXED|MAP_ANON, -1, 0)",
        (0x10000, 0x10000),
        "mmap(0x10000, 0x1000, PROT_NONE, MAP_ANON, -1, 0)\nmmap(0x11000, 0x1000, PROT_NONE, MAP_ANON, -1, 0)",
    ),
    (
        "places",  # the first region that is named is the lowest
        "mlock(0x12000, 0x1000)\nmlock(0x10000, 0x2000)",
        (0, 0),
        "mlock(0x10000, 0x1000)\nmlock(0x11000, 0x2000)",
    ),
    ("offsets", 'poke(0x10fff, "0f05")\nrun(0x10fff)', (0, 0), 'poke(0x11000, "0f05")\nrun(0x11000)'),
    ("flags", "mprotect(0x10000, 0, PROT_READ|PROT_EXEC)\nmprotect(0x11000, 0, PROT_EXEC)", (0, 0),
     "mprotect(0x10000, 0, PROT_READ)\nmprotect(0x11000, 0, PROT_NONE)"),
    (
        "exchange",
        "mprotect(0x10000, 0, PROT_READ)\nmprotect(0x11000, 0, PROT_NONE)",
        (0, 0),
        "mprotect(0x10000, 0, PROT_NONE)\nmprotect(0x11000, 0, PROT_READ)",
    ),
    ("sort", "fork()\nexec()", (2, 0), "exec()\nfork()"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "before", "results", "after"), STEPS)
def test_what_a_pass_is_for(name: str, before: str, results: tuple[Result, ...], after: str) -> None:
    """Its proposals hold the step."""
    proposals = {text(proposed) for proposed in BY_NAME[name](Shown(program(before), results))}
    assert text(program(after)) in proposals


def test_every_pass_is_shown() -> None:
    """A new pass gets a row above."""
    assert {name for name, *_ in STEPS} == set(NAMES)


def test_nothing_is_smaller_than_nothing() -> None:
    """No pass has anything to propose for the empty program."""
    assert [name for name in NAMES if list(BY_NAME[name](Shown(Program(), ())))] == []
