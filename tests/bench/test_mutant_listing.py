"""The mutants of the core itself: by name, all different, all programs."""

import ast

import pytest

from sysfuzz.bench.mutants.listing import CORE, files, mutants, mutate, sample
from sysfuzz.feedback.instrument import Instrumentation

# Of each file every so many mutants are compiled; the prime visits all kinds of place.
STEP = 31


def test_every_file_with_logic_is_there():
    """Left out are the two files of declarations alone."""
    assert {path.name for path in CORE.glob("*.py")} - set(files()) == {"__init__.py", "protocol.py", "rules.py"}


@pytest.mark.parametrize("file", files())
def test_mutants_are_programs_and_no_two_are_one(file):
    """Names and programs differ from each other's and from the core's, and each compiles."""
    source = (CORE / file).read_text(encoding="utf-8")
    found = mutants(file)
    assert len({mutant.name for mutant in found}) == len(found) > 0
    programs = {ast.dump(ast.parse(source))}
    for mutant in found[::STEP]:
        tree = ast.parse(source)
        mutate(tree, mutant)
        compile(tree, file, "exec")
        programs.add(ast.dump(tree))
    assert len(programs) == 1 + len(found[::STEP])


@pytest.mark.parametrize("file", ["trap.py", "vmmap.py"])
def test_the_marks_stay(file):
    """Branch coverage gives each mark the same number with a mutant as without."""
    source = (CORE / file).read_text(encoding="utf-8")

    def marks(mutant=None):
        instrumentation = Instrumentation(bytearray(2048), ())
        tree = ast.parse(source)
        if mutant is not None:
            mutate(tree, mutant)
        instrumentation._mark(tree, file)
        return [point.line for point in instrumentation.points]

    expected = marks()
    for mutant in mutants(file)[::STEP]:
        assert len(marks(mutant)) == len(expected), mutant.name


def test_a_sample_is_part_of_a_larger_one():
    """The same each time, in order, and larger ones hold smaller ones, so that a run can be extended."""
    everything = mutants("trap.py")
    small, large = sample(everything, 10), sample(everything, 30)
    assert (len(small), len(large)) == (10, 30)
    assert [mutant for mutant in everything if mutant in large] == large
    assert set(small) < set(large)
    assert sample(everything, 10_000) == everything


def test_another_mutant_is_refused():
    """A name from an older core is a KeyError, not another mutant."""
    with pytest.raises(KeyError):
        mutate(ast.parse(""), mutants("trap.py")[0]._replace(before="something else"))
