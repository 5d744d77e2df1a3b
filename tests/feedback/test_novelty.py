"""What has not been tried together yet is told by the ops alone."""

from random import Random

import pytest
from hypothesis import given

from strategies import programs
from sysfuzz.feedback.novelty import Novelty
from sysfuzz.generate.fresh import fresh
from sysfuzz.program.ir import CALLS, Kind, Op, Program
from sysfuzz.program.parser import parse

MAP = "mmap({:#x}, {:#x}, PROT_READ, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)\n"
ANYWHERE = "mmap(0, 0x1000, PROT_READ, MAP_PRIVATE|MAP_ANON, -1, 0)"


def program(*lines: str) -> Program:
    return parse("mode amd64\n" + "".join(line if line.endswith("\n") else line + "\n" for line in lines)).program


def second(at: int, size: int) -> Program:
    """Two pages at 0x10000, and a range that is unmapped."""
    return program(MAP.format(0x10000, 0x2000), f"munmap({at:#x}, {size:#x})")


# Ranges that lie differently to [0x10000, 0x12000).
PLACES = [
    (0x8000, 0x1000),  # away
    (0xF000, 0x1000),  # touching its start
    (0x12000, 0x1000),  # touching its end
    (0xF000, 0x2000),  # over its start
    (0xF000, 0x3000),  # over its start and to its end
    (0xF000, 0x4000),  # around it
    (0x10000, 0x1000),  # its first page
    (0x10000, 0x2000),  # the same
    (0x10000, 0x3000),  # from its start over its end
    (0x11000, 0x1000),  # its last page
    (0x11000, 0x2000),  # over its end
]


@pytest.mark.parametrize("place", PLACES)
def test_how_ranges_lie_to_each_other_is_an_interaction(place: tuple[int, int]) -> None:
    """Each of the others is new to who has tried one; bytes within a page are no difference."""
    novelty = Novelty()
    novelty.tried(second(*place))
    once = novelty.rarity(second(*place))
    assert novelty.rarity(second(place[0] + 8, place[1] - 16)) == once
    for other in PLACES:
        assert (novelty.rarity(second(*other)) > once) == (other != place)


@pytest.mark.parametrize(
    ("first", "other", "new"),
    [
        (["munmap(0x10000, 0x1000)"], ["munmap(0x20000, 0x3000)"], False),  # a step alone is a call and its choices
        (["mlockall(MCL_CURRENT)"], ["mlockall(MCL_FUTURE)"], True),
        (["fork()", "exec()"], ["exec()", "fork()"], True),  # order counts
        (["fork()", "exec()"], ["fork()", "exec()", "exec()"], True),
        (
            [ANYWHERE, "munmap(r0, 0x1000)"],
            [ANYWHERE, "munmap(r0+0x1000, 0x1000)"],
            True,  # the results of ops are places, too
        ),
        (
            [MAP.format(0x10000, 0x1000), MAP.format(0x20000, 0x1000)],
            [MAP.format(0x40000, 0x2000), MAP.format(0x90000, 0x1000)],
            False,  # apart is apart
        ),
    ],
)
def test_what_is_new(first: list[str], other: list[str], new: bool) -> None:
    """Whether a program has an interaction that another one does not have."""
    novelty = Novelty()
    novelty.tried(program(*first))
    assert (novelty.rarity(program(*other)) > 0.5) is new


def test_what_was_tried_is_chosen_less() -> None:
    """The rarest is chosen, the first of equals; what is chosen counts as tried, so that all are chosen equally often in the end."""
    made = [program("fork()"), program("vfork()"), program("exec()")]
    novelty = Novelty()
    chosen = [novelty.choose(made) for _ in range(9)]
    assert chosen == made * 3


def test_rarity_is_a_mean() -> None:
    """1 of what is new, 1/2 of what was tried once, 1/3 twice; 0 of nothing."""
    novelty = Novelty()
    once, both = program("fork()"), program("fork()", "exec()")
    assert novelty.rarity(once) == 1
    novelty.tried(once)
    assert novelty.rarity(once) == 1 / 2
    assert novelty.rarity(both) == pytest.approx((1 / 2 + 1 + 1) / 3)  # fork, exec, fork before exec
    novelty.tried(once)
    assert novelty.rarity(once) == 1 / 3
    assert novelty.rarity(program()) == 0


@given(programs())
def test_any_program_has_a_rarity(any_program: Program) -> None:
    """New to who has tried nothing, whatever it consists of, and less so each time; counters end somewhere."""
    novelty = Novelty()
    last = 2.0
    for _ in range(3):
        rarity = novelty.rarity(any_program)
        assert 0 <= rarity < last or not any_program.ops
        last = rarity
        novelty.tried(any_program)
    for _ in range(300):
        novelty.tried(any_program)
    assert 0 <= novelty.rarity(any_program) <= 1


def pairs(made: list[Program]) -> int:
    """How many different pairs of steps there are, a step before a later one, by calls and what of their arguments is no place or size."""

    def step(op: Op) -> tuple[object, ...]:
        quantities = (Kind.ADDR, Kind.SIZE, Kind.OFFSET, Kind.HEX, Kind.NUMBER, Kind.COUNT)
        return op.call, *(
            arg for param, arg in zip(CALLS[op.call], op.args, strict=True) if param.kind not in quantities
        )

    return len({(step(a), step(b)) for one in made for i, b in enumerate(one.ops) for a in one.ops[:i]})


def test_chosen_programs_have_more_interactions() -> None:
    """The quality that this is for, with a fixed seed: a third of 1,800 fresh programs, chosen, has a third more pairs of steps than others."""
    rng = Random(1)
    made = [fresh(rng) for _ in range(1800)]
    novelty = Novelty()
    chosen = [novelty.choose(made[at : at + 3]) for at in range(0, len(made), 3)]
    assert pairs(chosen) > 1.33 * max(pairs(made[first::3]) for first in range(3))
