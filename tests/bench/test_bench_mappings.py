"""The cost of an op against the number of mappings: what is timed, how it is judged and drawn. How long anything takes is no test."""

import json
from math import log2
from xml.etree import ElementTree

import pytest

from sysfuzz.bench.mappings import MEASURED, Crowd, fit, measure, place, sizes
from sysfuzz.bench.mappings_plot import draw
from sysfuzz.cli.bench_mappings import command
from sysfuzz.cli.errors import BadInput

COUNTS = [1, 3, 10, 30, 100, 300, 1000]
# What the map does in each op that is timed; () where it does nothing.
TRANSITIONS = {
    "entry: check and getpid": (),
    "page fault: page is there": (),
    "page fault: first touch": (),
    "mmap: into a hole": ("enter",),
    "mmap: at an end, merged": ("merge-back",),
    "mmap: anywhere, behind all": ("merge-back",),
    "munmap: the middle": ("clip", "clip", "remove"),
    "mprotect: the middle": ("clip", "clip", "protect"),
    "mremap: grown": ("merge-back", "grow"),
    "mremap: moved": ("clip", "remove", "move"),
    "mlock: the middle": ("clip", "clip", "wire"),
    "fork": ("fork",),
    "map told: after a change": (),
    "map told: after none": (),
    "consistency check": (),
}


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("op", MEASURED, ids=lambda op: op.name)
def test_an_op_does_what_its_name_says_and_is_undone(op, count):
    """The map makes the transitions of that op at every entry, the last one as well, and is then as it was, with process 1 alone."""
    crowd = Crowd(count)
    before = crowd.vm.regions()
    for number in range(count):
        op.prepare(crowd, place(number))
        crowd.kernel.transitions()
        op.act(crowd, place(number))
        assert crowd.kernel.transitions() == TRANSITIONS[op.name]
        op.undo(crowd, place(number))
        assert crowd.vm.regions() == before
        assert list(crowd.kernel.processes.alive) == [1]


@pytest.mark.parametrize("count", [1, 300])
def test_a_crowd_is_as_many_entries(count):
    """More entries than the address-space limit allows are no obstacle, and to the core's own check the map is sound."""
    crowd = Crowd(count)
    assert len(crowd.vm.regions()) == count
    assert all(len(view.regions) == count for view in crowd.kernel.views())
    crowd.check()


def test_the_check_sees_a_wrong_count():
    """A page that is not counted is not hidden by the pages that are taken out of the count."""
    crowd = Crowd(3)
    crowd.vm.pages += 1
    with pytest.raises(AssertionError, match="counted"):
        crowd.check()


@pytest.mark.parametrize(
    ("cost", "kind", "terms"),
    [
        (lambda n: 5.0, "logarithmic", (5, 0, 0)),
        (lambda n: 5 + 2 * log2(n), "logarithmic", (5, 2, 0)),
        (lambda n: 5 + 0.25 * n, "linear", (5, 0, 0.25)),
        (lambda n: 4 + 1 * log2(n) + 0.002 * n, "logarithmic", (4, 1, 0.002)),
    ],
    ids=["constant", "logarithmic", "linear", "hardly linear"],
)
def test_growth_is_told_by_the_terms_of_the_fit(cost, kind, terms):
    """Costs made from known terms give these terms back, and the one that decides at the most entries names the growth."""
    row = fit("op", COUNTS, [cost(n) for n in COUNTS])
    assert (row.constant, row.logarithmic, row.linear) == pytest.approx(terms, abs=1e-6)
    assert row.kind == kind


@pytest.mark.parametrize(
    ("most", "steps"), [(10, [1, 3, 10]), (100, [1, 3, 10, 30, 100]), (250, [1, 3, 10, 30, 100, 250])]
)
def test_sizes_end_with_the_most(most, steps):
    """Steps of about three, and the most itself."""
    assert sizes(most) == steps


def test_every_op_is_timed_at_every_size():
    """A row for each op, with a cost for each number of entries."""
    rows = measure(10, timings=3)
    assert [row.name for row in rows] == list(TRANSITIONS)
    assert all(len(row.costs) == 3 and min(row.costs) > 0 for row in rows)


def test_the_picture_depends_on_the_figures_alone():
    """Drawn twice it is the same text: an SVG with a line for each op, named, in the panel of its growth."""
    rows = [fit(name, COUNTS, [1 + slope * n for n in COUNTS]) for name, slope in (("walks", 1.0), ("looks up", 0.0))]
    picture = draw(COUNTS, rows)
    assert picture == draw(COUNTS, rows)
    assert ElementTree.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"
    order = [picture.index(f">{text}") for text in ("logarithmic", "looks up, 1.0 us", "linear: ", "walks, 1,001.0 us")]
    assert order[0] < order[2]
    assert order[1] < order[2] < order[3]


def test_the_command_writes_table_json_and_picture(tmp_path, capsys):
    """The rows of the table are those of the JSON; the picture is where -o says."""
    out, svg = tmp_path / "out.json", tmp_path / "out.svg"
    assert command.main(["--most", "100", "--json", str(out), "-o", str(svg)], standalone_mode=False) == 0
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written["entries"] == [1, 3, 10, 30, 100]
    assert [op["op"] for op in written["ops"]] == list(TRANSITIONS)
    lines = capsys.readouterr().out.splitlines()
    assert [line.startswith(name) for line, name in zip(lines[1:], TRANSITIONS, strict=False)] == [True] * len(
        TRANSITIONS
    )
    assert lines[-1].startswith(f"up to 100 entries: {len(TRANSITIONS)} ops")
    assert svg.read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize(
    ("where", "message"),
    [(".", "-o: .: Is a directory"), ("no/such.svg", "-o: no/such.svg: No such file or directory")],
)
def test_a_picture_that_cannot_be_written_is_refused_first(where, message, tmp_path, monkeypatch, capsys):
    """Before anything is timed."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=f"^{message}$"):
        command.main(["-o", where], standalone_mode=False)
    assert capsys.readouterr().out == ""
