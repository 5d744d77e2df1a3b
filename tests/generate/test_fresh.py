"""Fresh programs are valid, short, repeatable, and cover what there is."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from random import Random

import pytest

from sysfuzz.generate.fresh import fresh
from sysfuzz.program.ir import CALLS, MODES, SPECIAL, VENDORS, Program
from sysfuzz.program.text import format_program
from sysfuzz.targets.table import Target
from sysfuzz.x86.entries import ENTRIES, PREFIXES

PROGRAMS = [fresh(Random(seed)) for seed in range(3000)]

DIGEST = """
import hashlib
from random import Random
from sysfuzz.generate.fresh import fresh
from sysfuzz.generate.mutate import crossover, mutate
rng = Random(11)
digest = hashlib.sha256()
last = fresh(rng)
for _ in range(300):
    one = fresh(rng)
    last = mutate(crossover(last, one, rng), rng, one)
    digest.update(repr((one, last)).encode())
print(digest.hexdigest())
"""


def test_all_are_valid() -> None:
    """Thousands of seeds, no rule of the format broken."""
    for program in PROGRAMS:
        assert program.validate() is program


def test_most_have_three_to_ten_ops_and_end_in_a_run() -> None:
    """A run, or a look at memory, is the last word of nearly all; few are longer than ten ops, none is shorter than three."""
    lengths = Counter(len(program.ops) for program in PROGRAMS)
    assert min(lengths) >= 3
    assert sum(lengths[count] for count in range(3, 11)) > 0.85 * len(PROGRAMS)
    runs = [any(op.call in ("run", "peek") for op in program.ops) for program in PROGRAMS]
    assert all(runs)
    assert sum(program.ops[-1].call == "run" for program in PROGRAMS) > 0.85 * len(PROGRAMS)


def test_a_seed_means_one_program() -> None:
    """The same seed gives the same program, another seed hardly ever."""
    assert [fresh(Random(seed)) for seed in range(200)] == PROGRAMS[:200]
    assert len({format_program(program) for program in PROGRAMS}) > 0.95 * len(PROGRAMS)


def test_mode_and_vendor_can_be_asked_for() -> None:
    """They are free if not given: each combination is seen."""
    for mode in MODES:
        for vendor in VENDORS:
            program = fresh(Random(1), mode, vendor)
            assert (program.mode, program.vendor) == (mode, vendor)
    seen = Counter((program.mode, program.vendor) for program in PROGRAMS)
    assert len(seen) == 4
    assert min(seen.values()) > 0.1 * len(PROGRAMS)


def test_the_choices_do_not_depend_on_the_process() -> None:
    """Other processes with other hash seeds make the same programs, mutants and crossings."""
    digests = set()
    for hash_seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", DIGEST], env=environment, capture_output=True, check=True, text=True
        )
        digests.add(done.stdout.strip())
    assert len(digests) == 1
    assert len(digests.pop()) == hashlib.sha256().digest_size * 2


def test_every_call_comes_up() -> None:
    """Within 3,000 programs, none is forgotten."""
    assert {op.call for program in PROGRAMS for op in program.ops} == set(CALLS) - set(SPECIAL)


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_comes_up(name: str) -> None:
    """Within 3,000 programs the bytes of each row of the catalogue are poked in several."""
    opcode = ENTRIES[name].code
    pokes = [op.args[1] for program in PROGRAMS for op in program.ops if op.call == "poke"]
    assert sum(isinstance(code, bytes) and opcode in code for code in pokes) > 5


@pytest.mark.parametrize("prefix", PREFIXES[64])
def test_every_prefix_comes_up(prefix: int) -> None:
    """Within 3,000 programs each stands directly before an entry: legacy ones, LOCK, and in 64-bit code every REX."""
    entries = [bytes((prefix,)) + entry.code for entry in ENTRIES.values() if entry.gate]
    pokes = [op.args[1] for program in PROGRAMS for op in program.ops if op.call == "poke"]
    assert any(isinstance(code, bytes) and entry in code for code in pokes for entry in entries)


def test_boundaries_and_marks_are_common(reference: Target) -> None:
    """Of 500 programs, most have a flagged page, a third has one beside an unflagged mapping, and most ops succeed."""
    flagged = beside = failed = total = 0
    for program in PROGRAMS[:500]:
        outcome = reference.run(program)
        assert outcome.panic is None
        views = [view for step in outcome.steps for view in step.views]
        flagged += any(region.attributes for view in views for region in view.regions)
        beside += any(
            first.end == second.start and first.attributes != second.attributes
            for view in views
            for first, second in zip(view.regions, view.regions[1:], strict=False)
        )
        failed += sum(isinstance(step.result, str) for step in outcome.steps)
        total += len(program.ops)
    assert flagged > 0.85 * 500
    assert beside > 0.33 * 500
    assert failed < 0.08 * total


def test_entries_are_both_blocked_and_let_through(reference: Target) -> None:
    """Of 500 programs, a third sees SIGILL with ILL_ILLTRP and a quarter a dispatched call."""
    blocked = entered = 0
    for program in PROGRAMS[:500]:
        events = [event for step in reference.run(program).steps for event in step.events]
        blocked += any(e.reply and e.reply.signal and e.reply.signal.code == "ILL_ILLTRP" for e in events)
        entered += any(event.kind == "enter" for event in events)
    assert blocked > 0.33 * 500
    assert entered > 0.25 * 500


def test_programs_are_values() -> None:
    """Nothing of a program can be changed by who gets it."""
    program = PROGRAMS[0]
    assert isinstance(program, Program)
    assert isinstance(program.ops, tuple)
    assert hash(program) == hash(fresh(Random(0)))
