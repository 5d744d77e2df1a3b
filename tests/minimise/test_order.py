"""The order on programs: total, and with the simpler program first where a reader would say so."""

import pytest
from hypothesis import given
from showing import MODEST, program

from strategies import programs
from sysfuzz.minimise.order import BASE, cost, is_smaller, measure, simplest
from sysfuzz.program.ir import Kind, Program, int_range
from sysfuzz.program.names import PAGE

MAP = "mmap(0x10000, 0x1000, PROT_READ, MAP_ANON, -1, 0)"


@MODEST
@given(programs(max_ops=4), programs(max_ops=4))
def test_of_two_programs_one_is_smaller(one: Program, other: Program) -> None:
    """Exactly one of two different programs stands before the other, and none before itself."""
    assert is_smaller(one, other) + is_smaller(other, one) == (one != other)


@MODEST
@given(programs(max_ops=3), programs(max_ops=3), programs(max_ops=3))
def test_smaller_than_the_smaller_is_smaller(a: Program, b: Program, c: Program) -> None:
    """The order is transitive."""
    if is_smaller(a, b) and is_smaller(b, c):
        assert is_smaller(a, c)


@MODEST
@given(programs(max_ops=8))
def test_the_numbers_are_natural(any_program: Program) -> None:
    """No number of the order is below zero, so that it cannot go down for ever."""
    assert min(measure(any_program)) >= 0


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ('poke(0x10000, "0f05909090")', "fork()\nfork()"),  # ops before code
        (
            'mode i386\npoke(0x10000, "9a000000000700")',
            'mode i386\npoke(0x10000, "9a0000000007")',
        ),  # whole instructions before bytes
        ('poke(0x10000, "0f05")', 'poke(0x10000, "660f05")'),
        ('poke(0x10000, "9090")', 'poke(0x10000, "ffc0")'),  # NOPs before what does something
        ('reg rax = 0xffff\npoke(0x10000, "0f05")', 'poke(0x10000, "b8140000000f05")'),  # registers before loads
        ("fork()", "reg rax = 1\nfork()"),
        ("reg rax = 1\nfork()", "reg rax = 2\nfork()"),
        ("reg rcx = 9\nfork()", "reg rax = 1\nreg rcx = 1\nfork()"),
        ("mode amd64\nfork()", "mode i386\nfork()"),
        ("mode i386\nfork()", "mode amd64\nvendor intel\nfork()"),  # of two headers the shorter
        ("fork()\nas(2)", "fork()\nas(r0)"),
        ("run(0x10000)", "run(0x7000)"),
        ("run(0)", "run(0x10000)"),
        ("run(0x10000)", "run(0x700000000000)"),
        ("munmap(0x10000, 0x1000)", "munmap(0x10fff, 0)"),
        ("munmap(0x10000, 0x1000)", "munmap(0x10000, 1)"),
        (MAP, MAP.replace("0x10000", "0")),  # where a mapping lies is said
        (f"{MAP}\n{MAP}".replace("0x10000", "0x11000", 1), f"{MAP}\n{MAP}"),  # and not said wrongly
        (f"{MAP}\nexec()\n{MAP}", f"{MAP}\nexec()\n{MAP}".replace("0x10000", "0x11000", 1)),
        (MAP, MAP.replace("MAP_ANON, -1", "MAP_FILE, 3")),  # memory before files
        (MAP.replace("PROT_READ", "PROT_NONE"), MAP),
        (MAP, MAP.replace("PROT_READ", "PROT_READ|PROT_WRITE")),
        (MAP, MAP.replace("0x1000,", "0x2000,")),
        ("run(0x10000)", "run(0x10000, blocks=2)"),
        ("run(0x10000)\nrun(0x11000)\nrun(0x11000)", "run(0x11000)\nrun(0x10000)\nrun(0x10000)"),
        ("run(0x11000)", "run(0x10fff)"),
        ("fork()", "vfork()"),
    ],
)
def test_the_simpler_stands_first(smaller: str, larger: str) -> None:
    """What a reader would choose of two."""
    assert is_smaller(program(smaller), program(larger))


@pytest.mark.parametrize("kind", [value for name, value in vars(Kind).items() if name.isupper() and value != Kind.HEX])
def test_the_simplest_costs_nothing(kind: str) -> None:
    """And every other value of its kind something."""
    low, high = int_range(kind, "amd64")
    values = {low, high, *(value for value in (0, 1, 2, PAGE, BASE) if low <= value <= high)}
    assert {value for value in values if cost(kind, value) <= 0} == {simplest(kind)}
