"""How small is small: the exact text that is left of bloated programs, for planted weaknesses and the flag of 2011.

The texts below are what a person would write; tests/weaknesses/ has what another person wrote, and no result is larger than that.
"""

from functools import cache
from pathlib import Path

import pytest
from showing import bloated, face, program, shows, text

from sysfuzz.bench import weaknesses
from sysfuzz.minimise.order import is_smaller
from sysfuzz.minimise.passes import PASSES
from sysfuzz.minimise.search import Minimised, minimise
from sysfuzz.program.ir import Program
from sysfuzz.program.text import Source, load
from sysfuzz.targets.table import get

HAND_WRITTEN = Path(__file__).parent.parent / "weaknesses"
SEEDS = (2, 3)

# A page with the flag, and one without; nothing is done with them.
FLAGGED = "mmap(0x10000, 0x1000, PROT_NONE, MAP_ANON|MAP_NOSYSCALLS, -1, 0)\n"
PLAIN = "mmap(0x10000, 0x1000, PROT_NONE, MAP_ANON, -1, 0)\n"
# A page with the flag that can be executed.
CODE = "mmap(0x10000, 0x1000, PROT_EXEC, MAP_ANON|MAP_NOSYSCALLS, -1, 0)\n"

LEAST = {
    "check_next": f'{CODE}poke(0x10ffe, "0f05")\nrun(0x10ffe)\n',
    "clip_loses": f"{FLAGGED.replace('0x1000,', '0x2000,')}munmap(0x10000, 0x1000)\n",
    "failed_mprotect": f"{PLAIN}mmap(0x11000, 0x1000, PROT_NONE, MAP_SHARED, 4, 0)\nmprotect(0x10000, 0x2000, PROT_WRITE)\n",
    "flag_combination": "mmap(0, 0, PROT_NONE, MAP_INHERIT|MAP_ANON|MAP_NOSYSCALLS, -1, 0)\n",
    "flag_errno": "mmap(0, 0, PROT_NONE, MAP_RENAME|MAP_NOSYSCALLS, -1, 0)\n",
    "flag_file": "mmap(0x10000, 0x1000, PROT_NONE, MAP_NOSYSCALLS, 3, 0)\n",
    "flag_panic": "mmap(0, 0, PROT_NONE, 0x8, -1, 0)\n",
    "flag_unknown": "mmap(0, 0, PROT_NONE, MAP_ANON|0x8, -1, 0)\n",
    "fork_loses": f"{FLAGGED}fork()\n",
    "frame_pc": f'{CODE}poke(0x10000, "0f05")\nrun(0x10000)\n',
    "grow_loses": f"{FLAGGED}mremap(0x10000, 0x1000, 0, 0x2000, 0)\n",
    "length_zero": "munmap(0, 0)\n",
    "mark_munmap": f"{FLAGGED}munmap(0x10000, 0)\n",
    "mark_never": FLAGGED,
    "mark_vfork": f"{FLAGGED}vfork()\n",
    "merge_ignores": f"{PLAIN}{FLAGGED.replace('0x10000,', '0x11000,', 1)}",
    "move_loses": f"{FLAGGED}mremap(0x10000, 0x1000, 0x11000, 0x1000, MAP_FIXED)\n",
    "none_inherits": f"{FLAGGED}minherit(0x10000, 0x1000, MAP_INHERIT_NONE)\nfork()\n",
    "overlay_keeps": f"{FLAGGED}mmap(0x10000, 0x1000, PROT_NONE, MAP_FIXED|MAP_ANON, -1, 0)\n",
    "range_end": "mmap(0x7f7ffffff000, 0x1000, PROT_NONE, MAP_FIXED|MAP_ANON, -1, 0)\n",
    "shrink_loses": f"{FLAGGED}mremap(0x10000, 0x2000, 0, 0x1000, 0)\n",
    "unchecked_int80": f'{CODE}poke(0x10000, "cd80")\nrun(0x10000)\n',
    "unchecked_lcall": f'mode i386\n{CODE}poke(0x10000, "9a000000000700")\nrun(0x10000)\n',
    "unchecked_sysenter": f'mode i386\n{CODE}poke(0x10000, "0f34")\nrun(0x10000)\n',
    "wired_loses": "mmap(0x10000, 0x1000, PROT_READ, MAP_WIRED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)\n",
    "zero_loses": f"{FLAGGED}minherit(0x10000, 0x1000, MAP_INHERIT_ZERO)\nfork()\n",
}


@cache
def hand_written(name: str) -> tuple[Source, str]:
    """The program in tests/weaknesses and the bucket that it states."""
    source = load(HAND_WRITTEN / f"{name}.prog")
    (bucket,) = [line.removeprefix("# bucket: ") for line in source.preamble if line.startswith("# bucket: ")]
    return source, bucket


@cache
def least(name: str, seed: int) -> tuple[Program, Minimised]:
    """A program bloated from the hand-written one, and what is left of it."""
    source, bucket = hand_written(name)
    target = weaknesses.target(name)
    mildest = face(target, bucket, source.program)
    assert mildest is not None
    start = bloated(source.program, lambda bigger: face(target, bucket, bigger) == mildest, seed)
    return start, minimise(start, shows(target, bucket, mildest), PASSES)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", LEAST)
def test_what_is_left(name: str, seed: int) -> None:
    """Of a program that has grown by a dozen mutations, exactly this."""
    start, found = least(name, seed)
    assert len(start.ops) > len(found.program.ops)
    assert text(found.program) == text(program(LEAST[name]))
    assert found.ending == "minimal"


@pytest.mark.parametrize("name", LEAST)
def test_nothing_is_larger_than_by_hand(name: str) -> None:
    """Nor is a hand-written program the smaller one for a reader, as far as the order is one."""
    for seed in SEEDS:
        assert not is_smaller(hand_written(name)[0].program, least(name, seed)[1].program)


# Ten ops and 200 bytes of code: a call from flagged pages after a detour through loads, stores, jumps and NOPs.
LARGE = f"""\
mode amd64
reg rbx = 0x77
mmap(0x30000, 0x4000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)
mlock(0x30000, 0x1000)
mmap(0x34000, 0x3000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)
fork()
poke(0x30000, "{"90" * 38}c3")
madvise(0x31000, 0x1000, MADV_RANDOM)
poke(0x35000, "{"bf78563412 4801d8 eb02 9090 48c7c614000000 6690 50 58".replace(" ", "") * 6}b8140000000f05c3909090909090909090909090909090")
run(0x35000)
munmap(0x30000, 0x1000)
fork()
"""

LEFT = f"""\
mode amd64
mmap(0x10000, 0x1000, PROT_EXEC, MAP_ANON, -1, 0)
{CODE.replace("0x10000,", "0x11000,", 1)}\
poke(0x11000, "0f05")
run(0x11000)
"""

ROUNDABOUT = {
    "mapped by the kernel": """\
mode amd64
mmap(0, 0x1000, PROT_EXEC, MAP_ANON, -1, 0)
mmap(r0+0x1000, 0x1000, PROT_EXEC, MAP_ANON|MAP_NOSYSCALLS, -1, 0)
poke(r1+8, "b8140000000f05")
run(r1+8)
""",
    "below the canonical pages": """\
mode amd64
mmap(0x3000, 0x2000, PROT_READ|PROT_EXEC, MAP_FIXED|MAP_ANON, -1, 0)
mmap(0x5000, 0x3000, PROT_READ|PROT_EXEC, MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)
mprotect(0x3000, 0x1000, PROT_READ)
poke(0x7ff0, "cd80")
run(0x7ff0)
""",
    "other mode, in a child": """\
mode i386
reg eax = 0x14
fork()
as(r0)
mmap(0x20000, 0x2000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)
mmap(0x22000, 0x2000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)
poke(0x22ff0, "f36690909a000000002700")
run(0x22ff0)
""",
    "ten ops, 200 bytes of code": LARGE,
}


@pytest.mark.parametrize("how", ROUNDABOUT)
def test_the_flag_of_2011_merges(how: str) -> None:
    """Whichever way the call is let through, two neighbours and one entry are left of it, after no more than 1,500 executions."""
    target = get("nosyscalls-2011")
    critical = shows(target, "attribute/mmap/merge", mildest=0)
    found = minimise(program(ROUNDABOUT[how]), critical, PASSES)
    assert text(found.program) == LEFT
    assert found.executions <= 1500


def test_the_large_program_is_large() -> None:
    """It has the size that the promise of speed is about."""
    large = program(LARGE)
    assert (len(large.ops), sum(len(arg) for op in large.ops for arg in op.args if isinstance(arg, bytes))) == (10, 200)
