"""The seed programs are one idea each, canonical text, and the reference does what they expect."""

from pathlib import Path
from random import Random

import pytest

from sysfuzz.generate.mutate import mutate
from sysfuzz.program.expect import compare, parse_expectation
from sysfuzz.program.text import format_source, load
from sysfuzz.targets.table import Target

SEEDS = sorted((Path(__file__).parents[2] / "corpora" / "nosyscalls").glob("*.prog"))


def test_there_are_enough_of_different_ideas() -> None:
    """About twenty or more, in both modes, no two with the same first line or the same program."""
    sources = [load(path) for path in SEEDS]
    assert len(sources) >= 20
    assert len({source.preamble[0] for source in sources}) == len(sources)
    assert len({source.program for source in sources}) == len(sources)
    assert {source.program.mode for source in sources} == {"amd64", "i386"}


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_a_seed_is_canonical_and_says_its_idea(path: Path) -> None:
    """It is what the formatter would print, valid, short, and begins with a comment of one sentence."""
    source = load(path)
    assert format_source(source) == path.read_text(encoding="utf-8")
    source.program.validate()
    assert len(source.program.ops) <= 12
    assert source.preamble[0].startswith("# ")
    assert source.preamble[0].endswith(".")
    assert source.program.ops[-1].call == "run"


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_the_reference_does_what_a_seed_expects(reference: Target, path: Path) -> None:
    """Every expectation holds, and at least one op has one."""
    source = load(path)
    steps = reference.run(source.program).steps
    assert any(source.expectations)
    for op, mark, step in zip(source.program.ops, source.expectations, steps, strict=True):
        if mark is not None:
            assert compare(parse_expectation(mark.text, op.call), step) is None


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_a_seed_has_mutants(path: Path) -> None:
    """The engine starts from it."""
    program = load(path).program
    rng = Random(1)
    assert all(mutate(program, rng).validate() != program for _ in range(50))
