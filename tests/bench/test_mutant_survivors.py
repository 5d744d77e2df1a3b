"""The committed page of survivors, against the mutants that there are."""

from pathlib import Path

from sysfuzz.bench.mutants.argued import EQUIVALENT, equivalent, read
from sysfuzz.bench.mutants.listing import files, mutants

PAGE = Path(__file__).parent.parent.parent / "benchmarks" / "survivors.md"


def test_every_argument_is_about_a_mutant():
    """A line of the core that has moved or changed takes its arguments along."""
    names = {mutant.name for file in files() for mutant in mutants(file)}
    assert sorted(set(read(PAGE)) - names) == []


def test_every_argument_says_what_it_argues():
    """Equivalent or a gap: no third section holds items, and both hold some."""
    arguments = read(PAGE)
    assert {argument.section for argument in arguments.values()} == {EQUIVALENT, "Gaps"}
    assert equivalent(arguments) == {name for name, argument in arguments.items() if argument.section == "Equivalent"}
