"""Probes put the entry exactly at a boundary and run it."""

from collections import Counter
from random import Random

from sysfuzz.generate import code, probes
from sysfuzz.generate.draft import Draft
from sysfuzz.generate.errands import GETPID
from sysfuzz.program.ir import Program

BOUNDARY = 0x11000


def pair(seed: int) -> Draft:
    """An unflagged page below BOUNDARY, a flagged one above."""
    draft = Draft(Random(seed), "i386", "amd")
    draft.map(BOUNDARY - 0x1000, 1, False)
    draft.map(BOUNDARY, 1, True)
    return draft


def test_the_first_opcode_byte_lies_at_every_distance_that_matters() -> None:
    """A seven-byte entry ends at the boundary, straddles it in each of six ways, or starts at it; others lie further away."""
    distances: Counter[int] = Counter()
    for seed in range(1500):
        draft = pair(seed)
        block = code.call(draft, "lcall7", GETPID)
        probes.probe(draft, BOUNDARY, block)
        poke = draft.ops[2]
        assert poke.call == "poke"
        assert isinstance(poke.args[0], int)
        distances[poke.args[0] + block.entry - BOUNDARY] += 1
    assert all(distances[distance] > 10 for distance in range(-7, 2))
    assert sum(distances[distance] for distance in range(-6, 0)) > 300


def test_a_probe_is_a_poke_and_a_run_in_mapped_pages() -> None:
    """It appends exactly these; code that would hang over the end of what is mapped is moved inside; most runs start at the start."""
    at_start = 0
    for seed in range(1000):
        draft = pair(seed)
        probes.probe(draft)
        poke, run = draft.ops[2:]
        assert (poke.call, run.call) == ("poke", "run")
        start, data = poke.args
        assert isinstance(start, int)
        assert isinstance(data, bytes)
        assert draft.forecast.is_mapped(start, start + len(data))
        assert isinstance(run.args[0], int)
        assert start <= run.args[0] < start + len(data)
        at_start += run.args[0] == start
    assert at_start > 750


def test_most_probes_are_about_flagged_pages() -> None:
    """Of a flagged and an unflagged area far apart, the flagged one is probed more often, the other sometimes."""
    flagged = 0
    for seed in range(500):
        draft = Draft(Random(seed), "amd64", "amd")
        draft.map(0x10000, 1, False)
        draft.map(0x40000, 1, True)
        probes.probe(draft)
        assert isinstance(draft.ops[-1].args[0], int)
        flagged += draft.ops[-1].args[0] >= 0x40000
    assert 0.75 * 500 < flagged < 0.95 * 500


def test_an_empty_space_is_mapped_first() -> None:
    """A probe always has something to run in."""
    draft = Draft(Random(0), "amd64", "amd")
    probes.probe(draft)
    assert [op.call for op in draft.ops][-3:] == ["mmap", "poke", "run"]
    Program("amd64", "amd", draft.registers(), tuple(draft.ops)).validate()
