"""The planted weaknesses: each has a smallest program, written by hand, that shows it and nothing else."""

import random
from pathlib import Path

import pytest

from sysfuzz.bench import weaknesses
from sysfuzz.bench.weaknesses import WEAKNESSES
from sysfuzz.bench.weaknesses.plantable import Plantable
from sysfuzz.bench.weaknesses.planted import BUDGETS
from sysfuzz.findings.bucket import group
from sysfuzz.findings.severity import severity_of
from sysfuzz.generate.fresh import fresh
from sysfuzz.oracles import judge
from sysfuzz.oracles.kinship import CIRCUMSTANCES
from sysfuzz.program.ir import CALLS, Kind, Program, Ref
from sysfuzz.program.printer import FLAGS, format_program
from sysfuzz.program.text import format_source, load
from sysfuzz.targets.emulated import EmulatedTarget
from sysfuzz.targets.table import get

PROGRAMS = Path(__file__).parent.parent / "weaknesses"
LEAST = 30  # rows that the project promises to have
EACH = pytest.mark.parametrize("name", WEAKNESSES)
REFERENCE = get("nosyscalls")


def stated(source, word):
    """What the header line `# word: …` says."""
    (value,) = [line.removeprefix(f"# {word}: ") for line in source.preamble if line.startswith(f"# {word}: ")]
    return value


def source_of(name):
    return load(PROGRAMS / f"{name}.prog")


def buckets(target, program):
    """The buckets that the program shows, and how severe the worst face of each is."""
    groups = group(judge(program, target.run(program)))
    return {bucket: severity_of(verdicts[0].oracle) for bucket, verdicts in groups.items()}


def without_a_part(kind, arg):
    """`arg` without each of its bits, or without its first or last byte."""
    if kind == Kind.HEX:
        return [part for part in (arg[1:], arg[:-1]) if part]
    if kind in FLAGS:
        return [arg & ~(1 << bit) for bit in range(32) if arg >> bit & 1]
    return []


@EACH
def test_its_program_shows_it_and_nothing_else(name):
    """The program shows the one bucket that it states on the target that it names, which is this row's."""
    source = source_of(name)
    assert stated(source, "target") == f"sysfuzz.bench.weaknesses:{name}"
    assert list(buckets(get(stated(source, "target")), source.program)) == [stated(source, "bucket")]


@EACH
def test_the_reference_is_clear_of_it(name):
    """What shows the weakness shows nothing on the reference."""
    assert buckets(REFERENCE, source_of(name).program) == {}


@EACH
def test_its_program_is_canonical(name):
    """The text is what `sysfuzz fmt` prints."""
    source = source_of(name)
    assert format_source(source) == (PROGRAMS / f"{name}.prog").read_text(encoding="utf-8")


@EACH
def test_no_op_can_be_left_out(name):
    """Without any one of its ops the program no longer shows the bucket."""
    source = source_of(name)
    program, target = source.program, weaknesses.target(name)
    assert not any(isinstance(arg, Ref) for op in program.ops for arg in op.args), "ops are told apart by their number"
    for index in range(len(program.ops)):
        rest = program._replace(ops=program.ops[:index] + program.ops[index + 1 :])
        assert stated(source, "bucket") not in buckets(target, rest)


@pytest.mark.parametrize("seed", range(4))
def test_what_they_are_planted_on_is_the_reference(seed):
    """With nothing planted, the replaceable parts yield the outcomes of the reference, to the last field."""
    rng = random.Random(seed)
    bare = EmulatedTarget("bare", "", Plantable)
    for program in [fresh(rng) for _ in range(100)]:
        assert bare.run(program) == REFERENCE.run(program)


def test_every_circumstance_is_shown():
    """No word for what is out of the ordinary is without a weakness that shows there."""
    shown = {word for name in WEAKNESSES for word in stated(source_of(name), "bucket").split("/")}
    assert CIRCUMSTANCES - shown == set()


@EACH
def test_its_grade_is_the_number_of_steps(name):
    """Calls and runs of its program, without pokes and changes of process."""
    assert WEAKNESSES[name].grade == sum(op.call not in ("poke", "as") for op in source_of(name).program.ops)


@EACH
def test_its_budget_is_a_class(name):
    """One of the few that the table knows."""
    assert WEAKNESSES[name].budget in BUDGETS


def test_sequences_are_long():
    """A row of the family "sequence" takes three steps or more."""
    grades = [row.grade for row in WEAKNESSES.values() if row.family == "sequence"]
    assert grades
    assert min(grades) >= 3


def test_there_are_enough():
    """The table has the rows that are promised, and no program is without its row."""
    assert len(WEAKNESSES) >= LEAST
    assert {path.stem for path in PROGRAMS.glob("*.prog")} == set(WEAKNESSES)


def test_an_unknown_name_is_no_attribute():
    """What is no row is no core: the command line can say so."""
    assert not hasattr(weaknesses, "no_such_weakness")


@EACH
def test_nothing_in_it_can_be_left_out(name):
    """Nor without any one flag or protection bit, byte of code at an end, or register, nor with the default mode or vendor, as severely."""
    source = source_of(name)
    program, target = source.program, weaknesses.target(name)
    shown = buckets(target, program)
    default = Program()
    smaller = [program._replace(regs=program.regs[:i] + program.regs[i + 1 :]) for i in range(len(program.regs))]
    if program.vendor != default.vendor:
        smaller.append(program._replace(vendor=default.vendor))
    if program.mode != default.mode:
        smaller.append(program._replace(mode=default.mode))
    for index, op in enumerate(program.ops):
        for place, (param, arg) in enumerate(zip(CALLS[op.call], op.args, strict=True)):
            for less in without_a_part(param.kind, arg):
                changed = op._replace(args=(*op.args[:place], less, *op.args[place + 1 :]))
                ops = (*program.ops[:index], changed, *program.ops[index + 1 :])
                smaller.append(program._replace(ops=ops))
    assert [format_program(less) for less in smaller if buckets(target, less).items() & shown.items()] == []
