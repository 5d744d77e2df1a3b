"""Which results of a file are used, and what is refused."""

import json

import pytest

from sysfuzz.bench.mutants.argued import BadPage
from sysfuzz.bench.mutants.argued import read as read_page
from sysfuzz.bench.mutants.listing import Mutant
from sysfuzz.bench.mutants.results import BadResults, read, row, survivors, total
from sysfuzz.bench.mutants.trial import Effort

EFFORT = Effort(3, 100)


def mutant(line, reached=5, file="a.py"):
    return Mutant(file, line, 1, "compare", "a < b", "a <= b", "f", reached)


def result(of, end="survived", **more):
    return {"sources": "c", "seed": 3, "name": of.name, "runs": 100, "end": end} | more


def reference(**more):
    return {"sources": "c", "seed": 3, "runs": 100, "end": "survived", "reached": {"a.py": [5, 7]}} | more


@pytest.fixture
def known(tmp_path):
    """What is known from a file of the given records."""

    def write(*records):
        path = tmp_path / "results.jsonl"
        path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
        return read(path, "c", EFFORT)

    return write


@pytest.mark.parametrize(
    ("record", "used"),
    [
        (result(mutant(1)), True),
        (result(mutant(1), sources="d"), False),
        (result(mutant(1), seed=4), False),
        (result(mutant(1), runs=99), False),
        (result(mutant(1), end="fault", runs=99), False),
        (result(mutant(1), end="killed", runs=99), True),
        (result(mutant(1), end="hang", runs=99), True),
        (result(mutant(1), runs=101), True),
    ],
)
def test_a_result_is_used_where_it_tells_what_is_asked(known, record, used):
    """Of these sources and this seed; a survivor of fewer executions tells nothing about more."""
    assert (known(reference(), record).of(mutant(1), 100) is not None) == used


def test_the_largest_budget_counts(known):
    """Whatever the order, a mutant that a larger budget kills is no survivor."""
    records = [result(mutant(1), end="killed", oracle="map", runs=500), result(mutant(1))]
    assert known(reference(), *records).of(mutant(1), 500).end == "killed"


@pytest.mark.parametrize(("reached", "covered"), [(5, True), (6, False), (0, True)])
def test_a_mutant_is_covered_if_its_statement_runs(known, reached, covered):
    """What importing the file runs is covered always."""
    assert known(reference()).covers(mutant(1, reached)) == covered


@pytest.mark.parametrize("record", [reference(sources="d"), reference(seed=4), reference(runs=99)])
def test_another_reference_tells_nothing(known, record):
    """The lines that another effort reaches are not those that are asked for."""
    assert known(record).reached is None


def test_counts(known):
    """By file and in all; the share is of those that were run."""
    ends = ["killed", "killed", "died", "survived"]
    records = [result(mutant(line), end=end, oracle="map" if end == "killed" else "") for line, end in enumerate(ends)]
    chosen = [
        *map(mutant, range(6)),
        mutant(7, 6),
        mutant(1, 5, "b.py"),
    ]  # two were not run, one is not covered, one is elsewhere
    found = row("a.py", chosen, known(reference(), *records), 100)
    assert found[1:] == (7, 6, 2, 1, 1, {"map": 2})
    assert found.share == 0.75
    assert total([found, found])[:6] == ("all", 14, 12, 4, 2, 2)
    assert survivors(chosen, known(reference(), *records), 100) == [mutant(3)]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "{}",
        "[" * 100_000,
        '{"sources": "c", "seed": 3, "name": "x", "colour": 1}',
        '{"sources": "c", "seed": 3, "name": ["x"], "runs": 100, "end": "killed"}',
    ],
)
def test_a_line_that_is_no_result_is_named(tmp_path, line):
    """With file and line."""
    path = tmp_path / "r.jsonl"
    path.write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(BadResults, match=r"r\.jsonl:2: "):
        read(path, "c", EFFORT)


def test_a_half_line_tells_nothing(tmp_path, known):
    """A killed run can leave it at the end."""
    assert known(reference(), result(mutant(1))).settled(mutant(1), 100)
    path = tmp_path / "results.jsonl"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + '{"sour', encoding="utf-8")
    assert read(path, "c", EFFORT).settled(mutant(1), 100)


@pytest.mark.parametrize(
    "page",
    [b"- `a.py:1:1 x: a -> b`\n", b"- `a.py:1:1 x: a -> b`: one\n- `a.py:1:1 x: a -> b`: two\n", b"\x7fELF\xad"],
)
def test_a_bad_page_is_refused(tmp_path, page):
    """An item without a reason, one that is there twice, and what is no text."""
    path = tmp_path / "page.md"
    path.write_bytes(page)
    with pytest.raises(BadPage, match=r"page\.md:\d: "):
        read_page(path)
