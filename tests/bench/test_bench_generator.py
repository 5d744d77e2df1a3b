"""The measure of the generator counts what happens, and what it measures is good enough."""

import json
from collections import Counter

import pytest

from sysfuzz.bench.generator import AWAY, ERRNOS, NEAR, SUCCESS, Stream, measure, nearest
from sysfuzz.cli.bench_generator import command
from sysfuzz.generate.idioms import IDIOMS
from sysfuzz.program.ir import CALLS
from sysfuzz.program.outcome import NOSYSCALLS, Region
from sysfuzz.program.text import parse
from sysfuzz.targets.table import get

RUNS = 6000  # each distance of an entry of seven bytes comes up eight times in the mean


@pytest.fixture(scope="module")
def quality():
    """The generator as it is."""
    return measure(RUNS, 2)


def region(start, end, attributes=0):
    return Region(start, end, 5, 7, 1, 0, 0, attributes)


PAIR = (region(0x1000, 0x2000), region(0x2000, 0x3000, NOSYSCALLS), region(0x3000, 0x4000), region(0x4000, 0x5000))


@pytest.mark.parametrize(
    ("opcode", "size", "expected"),
    [
        (0x1FFE, 2, ("unflagged|flagged", -2)),
        (0x1FFF, 2, ("unflagged|flagged", -1)),
        (0x2000, 2, ("unflagged|flagged", 0)),
        (0x2010, 7, ("unflagged|flagged", 16)),
        (0x2011, 7, ("other end", AWAY)),
        (0x2FFA, 7, ("flagged|unflagged", -6)),
        (0x2FE9, 7, ("flagged|unflagged", -23)),
        (0x2FE8, 7, ("other end", AWAY)),
        (0x3FFF, 2, ("other end", -1)),
        (0x4FFE, 2, ("other end", -2)),
        (0x1003, 2, ("other end", 3)),
    ],
)
def test_an_entry_is_near_the_end_of_a_region(opcode, size, expected):
    """The distance of its first byte from the end that fewest bytes lie between; AWAY where these are too many."""
    assert nearest(PAIR, opcode, size) == expected


def test_nothing_is_near_where_nothing_is_mapped():
    """An empty map has no ends."""
    assert nearest((), 0x1000, 2) == ("other end", AWAY)


def test_a_stream_counts_a_program():
    """Results by call, calls by code, decisions, ends, gates and distances of one that is known."""
    text = """mode amd64
    reg rax = 0x14
    mmap(0x10000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)
    mmap(0x11000, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)
    munmap(0x10000, 0xfffffffffffff000)
    poke(0x10000, "0f05c3")
    poke(0x10fff, "0f05c3")
    run(0x10000)
    run(0x10fff)
    run(0x20000)
    """
    program = parse("\n".join(line.strip() for line in text.splitlines()) + "\n").program
    stream = Stream()
    stream.add(program, get("nosyscalls").run(program))
    assert (stream.programs, stream.ops, stream.runs) == (1, 8, 3)
    assert stream.results["mmap"] == Counter({SUCCESS: 2})
    assert stream.results["munmap"] == Counter({"EINVAL": 1})
    assert stream.all_results == Counter({SUCCESS: 7, "EINVAL": 1})
    assert stream.by_code == {"getpid": Counter({SUCCESS: 1})}
    assert stream.decisions == Counter({"let in": 1, "blocked": 1, "neither": 1})
    assert stream.ends == Counter({"done": 1, "blocked": 1, "SIGSEGV": 1})
    assert stream.gates == Counter({"syscall": 2})
    assert stream.distances == {("other end", 2): Counter({0: 1}), ("unflagged|flagged", 2): Counter({-1: 1})}
    assert "munmap" not in stream.missing
    assert stream.missing["mprotect"] == ERRNOS["mprotect"]


def test_errnos_are_of_calls():
    """The table names ops that there are."""
    assert set(ERRNOS) <= set(CALLS)


def test_most_ops_succeed(quality):
    """19 of 20 in fresh programs less those of idioms about refusals, and 17 of 20 in mutants; accidents are rare."""
    fresh, mutants = quality.fresh.all_results, quality.mutants.all_results
    assert fresh[SUCCESS] > 0.93 * fresh.total()
    assert mutants[SUCCESS] > 0.85 * mutants.total()
    assert quality.accidents < 0.025 * quality.plain_ops


def test_every_failure_that_there_is_comes_up(quality):
    """Each errno that semantics allow, in fresh programs; and no op answers one that is not listed."""
    assert quality.fresh.missing == {}
    for call, results in quality.fresh.results.items():
        assert set(results) - {SUCCESS, "ESRCH"} <= set(ERRNOS.get(call, ())), call


def test_most_runs_reach_an_entry(quality):
    """Two thirds of the runs of fresh programs and 2 in 5 of the mutants' see a call let in or blocked; both are common."""
    for stream, share in ((quality.fresh, 0.33), (quality.mutants, 0.6)):
        assert stream.decisions["neither"] < share * stream.runs
        assert stream.decisions["let in"] > 0.1 * stream.runs
        assert stream.decisions["blocked"] > 0.2 * stream.runs


def test_every_way_in_is_used(quality):
    """All five gates; and nearly every system call that the built-in kernel has is made by code."""
    assert set(quality.fresh.gates) == {"syscall", "int80", "sysenter", "lcall7", "lcall27"}
    assert set(quality.fresh.by_code) >= {
        "mmap",
        "munmap",
        "mprotect",
        "mremap",
        "minherit",
        "fork",
        "execve",
        "setcontext",
    }


@pytest.mark.parametrize("side", ["unflagged|flagged", "flagged|unflagged"])
@pytest.mark.parametrize("size", [2, 7])
def test_entries_lie_at_every_distance(quality, side, size):
    """Each that makes a difference to a check: from wholly before the boundary, over every straddle, to the byte behind it."""
    assert all(quality.fresh.distances[side, size][distance] for distance in range(-size, 1))
    behind = sum(quality.fresh.distances[side, size][distance] for distance in range(1, NEAR + 1))
    assert behind > 0


def test_every_idiom_comes_up(quality):
    """None is so rare that thousands of programs go by without it."""
    assert set(quality.idioms) == set(IDIOMS)
    assert min(quality.idioms.values()) > 0.01 * RUNS


def test_the_same_seed_measures_the_same():
    """And another seed something else."""
    assert measure(50, 7) == measure(50, 7)
    assert measure(50, 7).fresh != measure(50, 8).fresh


def test_the_verb_prints_and_writes(tmp_path, capsys):
    """Tables for people, with what was never seen named loudly; the JSON holds the same figures."""
    file = tmp_path / "generator.json"
    assert command.main(["--runs", "40", "--seed", "3", "--json", str(file)], standalone_mode=False) == 0
    text = capsys.readouterr().out
    assert "NEVER SEEN in fresh: mprotect" in text
    assert "40 fresh programs, seed 3:" in text.splitlines()[-1]
    record = json.loads(file.read_text())
    measured = measure(40, 3)
    assert (record["runs"], record["seed"], record["plain_ops"]) == (40, 3, measured.plain_ops)
    for name, stream in (("fresh", measured.fresh), ("mutants", measured.mutants)):
        assert record["streams"][name]["results"]["mmap"] == dict(stream.results["mmap"])
        assert record["streams"][name]["ends"] == dict(stream.ends)
        entries = sum(row["entries"] for row in record["streams"][name]["distances"])
        assert entries == sum(counter.total() for counter in stream.distances.values())
