"""Mutants and crossings are valid, different, repeatable and of reasonable size."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import programs
from sysfuzz.generate.fresh import fresh
from sysfuzz.generate.mutate import MUTATIONS, crossover, mutate
from sysfuzz.generate.subject import Subject
from sysfuzz.program.ir import MAX_OPS, Op, Program
from sysfuzz.program.wire import decode, encode

PROGRAMS = [fresh(Random(seed)) for seed in range(300)]


@given(programs(), programs(), st.integers(0, 1 << 32))
def test_any_program_has_valid_mutants(program: Program, other: Program, seed: int) -> None:
    """Whatever a valid program looks like, its mutant is valid and another one."""
    for partner in (other, None):
        mutant = mutate(program, Random(seed), partner)
        assert mutant.validate() != program


@given(programs(), programs(), st.integers(0, 1 << 32))
def test_any_two_programs_cross(a: Program, b: Program, seed: int) -> None:
    """The child is valid, begins as the first does and has its mode, vendor and registers."""
    child = crossover(a, b, Random(seed)).validate()
    assert (child.mode, child.vendor, child.regs) == (a.mode, a.vendor, a.regs)
    calls = [op.call for op in child.ops]
    before, behind = [op.call for op in a.ops], [op.call for op in b.ops]
    assert any(
        calls == (before[:cut] + behind[rest:])[:MAX_OPS]
        for cut in range(len(before) + 1)
        for rest in range(len(behind) + 1)
    )


@given(programs(), st.sampled_from(sorted(MUTATIONS)), st.integers(0, 1 << 32))
def test_each_mutation_keeps_any_program_valid(program: Program, name: str, seed: int) -> None:
    """One at a time, also where there is nothing to change."""
    subject = Subject(program, Random(seed))
    MUTATIONS[name](subject)
    subject.program().validate()


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_each_mutation_mostly_changes_something(name: str) -> None:
    """On fresh programs, in four of five cases."""
    changed = 0
    for seed, program in enumerate(PROGRAMS):
        subject = Subject(program, Random(seed), PROGRAMS[seed - 1])
        MUTATIONS[name](subject)
        changed += subject.program() != program
    assert changed > 0.8 * len(PROGRAMS)


def test_generations_stay_valid_and_short() -> None:
    """10,000 mutations in a row over a small population: valid, restorable from bytes, and not growing without end."""
    rng = Random(1)
    population = PROGRAMS[:50]
    lengths = []
    for step in range(10000):
        parent = population[int(rng.random() * 50)]
        child = mutate(parent, rng, population[int(rng.random() * 50)]).validate()
        assert child != parent
        lengths.append(len(child.ops))
        population[int(rng.random() * 50)] = child
        if step % 50 == 0:
            assert decode(encode(child)) == child
    late = lengths[5000:]
    assert sum(late) / len(late) < 20
    assert any(length < 6 for length in late)


def test_a_seed_means_one_mutant() -> None:
    """The same generator state gives the same results, another one others."""

    def family(seed: int) -> list[Program]:
        rng = Random(seed)
        return [mutate(program, rng, PROGRAMS[-1]) for program in PROGRAMS[:50]] + [crossover(*PROGRAMS[:2], rng)]

    assert family(1) == family(1)
    assert family(1) != family(2)


def test_most_mutants_are_near_their_parent() -> None:
    """Half of them share all but two ops with it."""
    near = 0
    for seed, program in enumerate(PROGRAMS):
        mutant = mutate(program, Random(seed))
        kept = Counter(mutant.ops) & Counter(program.ops)
        near += sum(kept.values()) >= len(program.ops) - 2
    assert near > 0.5 * len(PROGRAMS)


def test_a_program_that_cannot_change_changes_its_registers() -> None:
    """Even the empty program has mutants, with every seed."""
    for seed in range(300):
        for program in (Program(), Program("i386", "intel", (("eax", 1),)), Program(ops=(Op("fork"),) * MAX_OPS)):
            assert mutate(program, Random(seed)).validate() != program
