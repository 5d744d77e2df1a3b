"""Mutations of single values change one thing and leave the rest."""

from collections import Counter
from random import Random

from sysfuzz.generate import tweaks
from sysfuzz.generate.fresh import fresh
from sysfuzz.generate.subject import Subject
from sysfuzz.program.ir import CALLS, Kind, Op, Program, Ref
from sysfuzz.program.names import MAP

PROGRAMS = [fresh(Random(seed)) for seed in range(400)]


def test_one_argument_of_one_op_changes() -> None:
    """Calls stay, at most one argument differs, and code is left to others."""
    changes = 0
    for seed, program in enumerate(PROGRAMS):
        subject = Subject(program, Random(seed))
        tweaks.change_argument(subject)
        changed = subject.program().validate()
        assert (changed.mode, changed.vendor, changed.regs) == (program.mode, program.vendor, program.regs)
        differences = []
        for before, after in zip(program.ops, changed.ops, strict=True):
            assert after.call == before.call
            differences += [
                (param.kind, old, new)
                for param, old, new in zip(CALLS[before.call], before.args, after.args, strict=True)
                if old != new
            ]
        assert len(differences) <= 1
        assert all(kind != Kind.HEX for kind, _, _ in differences)
        changes += len(differences)
    assert changes > 0.9 * len(PROGRAMS)


def test_addresses_move_by_little_things_and_to_interesting_places() -> None:
    """By a page, by one and by the size of an opcode, and to other places of the map; a number may become a reference."""
    ops = (
        Op("mmap", (0, 0x2000, 5, 0x11002, -1, 0)),
        Op("mmap", (0x10000, 0x1000, 5, 0x11012, -1, 0)),
        Op("exec"),
        Op("run", (0x10000, 0)),
    )
    seen: Counter[object] = Counter()
    for seed in range(3000):
        subject = Subject(Program(ops=ops), Random(seed))
        tweaks.change_argument(subject)
        seen[subject.ops[3].args[0]] += 1
    assert {0xF000, 0x11000, 0xFFFF, 0x10001, 0xFFFE, 0x10002, 0x10007, 0xFFF9} <= set(seen)
    assert any(isinstance(value, Ref) for value in seen)


def test_every_flag_bit_can_flip() -> None:
    """Each known bit that decides something, and an unknown one; above all the attribute."""
    flags = 0x11012
    program = Program(ops=(Op("mmap", (0x10000, 0x1000, 5, flags, -1, 0)),))
    flipped: Counter[int] = Counter()
    for seed in range(4000):
        subject = Subject(program, Random(seed))
        tweaks.change_argument(subject)
        now = subject.ops[0].args[3]
        assert isinstance(now, int)
        flipped[now ^ flags] += 1
    for name in (
        "MAP_SHARED",
        "MAP_PRIVATE",
        "MAP_FIXED",
        "MAP_WIRED",
        "MAP_ANON",
        "MAP_INHERIT",
        "MAP_RENAME",
        "MAP_NOSYSCALLS",
    ):
        assert flipped[MAP[name]] > 0, name
    assert flipped[0x8] > 0
    del flipped[0]
    assert flipped.most_common(1)[0][0] == MAP["MAP_NOSYSCALLS"]


def test_registers_change_and_vanish() -> None:
    """Numbers of calls, addresses of the map, nothing at all; never the stack pointer."""
    names: set[str] = set()
    cleared = 0
    for seed, program in enumerate(PROGRAMS):
        subject = Subject(Program(program.mode, program.vendor, (), program.ops), Random(seed))
        subject.regs["rbx" if program.mode == "amd64" else "ebx"] = 7
        tweaks.change_registers(subject)
        changed = subject.program().validate()
        assert changed.ops == program.ops
        names |= {name for name, _ in changed.regs}
        cleared += not changed.regs
    assert {"rax", "eax", "rcx", "edi", "r15"} <= names
    assert cleared > 10


def test_the_vendor_flips() -> None:
    """And nothing else."""
    for program in PROGRAMS[:20]:
        subject = Subject(program, Random(0))
        tweaks.change_vendor(subject)
        changed = subject.program()
        assert changed.vendor != program.vendor
        assert (changed.mode, changed.regs, changed.ops) == (program.mode, program.regs, program.ops)


def test_the_mode_flips() -> None:
    """The same calls, valid in the other mode."""
    for program in PROGRAMS:
        subject = Subject(program, Random(0))
        tweaks.change_mode(subject)
        changed = subject.program().validate()
        assert changed.mode != program.mode
        assert [op.call for op in changed.ops] == [op.call for op in program.ops]


def test_a_program_without_arguments_is_left_alone() -> None:
    """There is nothing to change."""
    subject = Subject(Program(ops=(Op("fork"),)), Random(0))
    tweaks.change_argument(subject)
    assert subject.ops == [Op("fork")]
