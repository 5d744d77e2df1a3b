"""Mutants under the engine: what becomes of them, and that a run goes on where another ended."""

import json

import pytest

from sysfuzz.bench.mutants.listing import mutants
from sysfuzz.bench.mutants.results import read, row, survivors, uncovered
from sysfuzz.bench.mutants.run import start
from sysfuzz.bench.mutants.trial import Effort

EFFORT = Effort(1, 300)
SOURCES = "0123456789abcdef"
# One of each fate, and the oracles that can see it; which comes first is up to the generator.
FATES = {
    ("trap.py", "def blocked", "return False"): ("killed", {"escape", "sigill-frame"}),
    ("trap.py", "def blocked", "return True"): ("killed", {"blocked", "sigill-frame"}),
    ("vmmap.py", "def carries", "return False"): ("killed", {"escape", "lock", "sigill-frame"}),
    ("process.py", "child.marked = parent.marked", "pass"): ("killed", {"process-flag", "insane", "escape"}),
    ("vmmap.py", "while low < high:", "break at its end"): ("killed", None),
    ("vmmap.py", "low = middle + 1", "pass"): ("hang", {""}),
    ("flags.py", "'MAP_NOSYSCALLS'", "'MAP_FILE'"): ("killed", None),
    ("vmmap.py", "raise KernelPanic(f'uvm_map: {new.start:#x}-{new.end:#x} is not free')", "pass"): ("uncovered", {""}),
}


@pytest.fixture(scope="module")
def chosen():
    """The mutants of FATES, in their order."""
    everything = [mutant for file in ("trap.py", "vmmap.py", "process.py", "flags.py") for mutant in mutants(file)]
    found = {(mutant.file, mutant.before, mutant.after): mutant for mutant in everything}
    return {key: found[key] for key in FATES}


@pytest.fixture(scope="module")
def out(tmp_path_factory, chosen):
    """The file of a run over them."""
    path = tmp_path_factory.mktemp("mutants") / "results.jsonl"
    assert start(path, list(chosen.values()), EFFORT, 2, SOURCES) == 0
    return path


@pytest.mark.parametrize("key", FATES)
def test_each_mutant_meets_its_fate(out, chosen, key):
    """The child has run the changed code: checks that are gone let calls escape, an attribute's flag that is another one is seen, and so on."""
    mutant = chosen[key]
    known = read(out, SOURCES, EFFORT)
    end, oracles = FATES[key]
    if end == "uncovered":
        assert not known.covers(mutant)
        assert known.of(mutant, EFFORT.runs) is None
        return
    result = known.of(mutant, EFFORT.runs)
    assert known.covers(mutant)
    assert result.end == end, result
    assert oracles is None or result.oracle in oracles
    assert result.executions <= EFFORT.runs


def test_the_counts_add_up(out, chosen):
    """Each covered mutant is killed, broken or a survivor; the others are told apart."""
    known = read(out, SOURCES, EFFORT)
    listed = list(chosen.values())
    counted = row("vmmap.py", listed, known, EFFORT.runs)
    assert (counted.mutants, counted.covered, counted.killed, counted.broken, counted.survived) == (4, 3, 2, 1, 0)
    assert [mutant.after for mutant in uncovered(listed, known)] == ["pass"]
    assert survivors(listed, known, EFFORT.runs) == []


def test_what_is_done_is_not_done_again(out, chosen):
    """A second run adds nothing; with the reference's line gone, that alone is run again."""
    text = out.read_text(encoding="utf-8")
    assert start(out, list(chosen.values()), EFFORT, 1, SOURCES) == 0
    assert out.read_text(encoding="utf-8") == text
    lines = text.splitlines(keepends=True)
    shorter = out.with_name("shorter.jsonl")
    shorter.write_text("".join(lines[1:]), encoding="utf-8")
    assert start(shorter, list(chosen.values()), EFFORT, 1, SOURCES) == 0
    again = shorter.read_text(encoding="utf-8").splitlines(keepends=True)
    assert len(again) == len(lines)
    before, after = json.loads(lines[0]), json.loads(again[-1])
    assert {**before, "seconds": 0} == {**after, "seconds": 0}
