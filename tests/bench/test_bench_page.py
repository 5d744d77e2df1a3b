"""The page, the plots and the figures of a benchmark: small sets of trials of which a reader can say what must be said."""

import json
import re
import xml.etree.ElementTree as ET

import pytest
from made_trials import made, row

from sysfuzz.bench.evaluation import evaluate
from sysfuzz.bench.page import page
from sysfuzz.bench.plots import survival, weaknesses
from sysfuzz.bench.records import Effort
from sysfuzz.bench.sentences import amount, factor, in_short
from sysfuzz.bench.summary import summary

SVG = "{http://www.w3.org/2000/svg}"


def engine(name, start, count=9, **other):
    """It detects weakness w00 with its five seeds at executions from `start` on, w01 a little later, and so on."""
    return [
        trial
        for number in range(count)
        for trial in row(name, f"w{number:02}", [start + 3 * number + seed for seed in range(5)], **other)
    ]


@pytest.fixture(scope="module")
def small():
    """Full, two baselines of which one is slower and one as good, and a domain that pays and one that does not; full misses one weakness."""
    trials = [
        *engine("full", 10),
        *row("full", "w99", [None, None, 700, None, None]),
        *engine("uniform", 600),
        *row("uniform", "w99", [None] * 5),
        *engine("generator", 10),
        *row("generator", "w99", [5, 5, 5, 5, 5]),
        *engine("without-code", 300),
        *row("without-code", "w99", [None] * 5),
        *engine("without-calls", 10),
        *row("without-calls", "w99", [None, None, 700, None, None]),
    ]
    return evaluate(trials)


def test_each_engine_stands_as_counted(small):
    """Weaknesses by seeds, trials by marks, executions by second and restricted means, as counted by hand."""
    full, uniform = small.standings["full"], small.standings["uniform"]
    assert list(small.standings) == ["full", "uniform", "generator", "without-calls", "without-code"]
    assert (full.in_all, full.in_some, full.in_none) == (9, 1, 0)
    assert (uniform.in_all, uniform.in_some, uniform.in_none) == (9, 0, 1)
    assert (full.trials, full.reached, full.triggered, full.detected) == (50, 50, 46, 46)
    assert full.executions_per_second == pytest.approx(100)
    assert full.cells["w00"].means == {"executions": 12, "seconds": pytest.approx(0.12)}
    assert full.cells["w99"].means["executions"] == (4 * 1000 + 700) / 5
    assert full.mean("executions") == pytest.approx((sum(12 + 3 * n for n in range(9)) + 940) / 10)


def test_the_page_says_who_is_ahead(small):
    """And on what the other engine took less, and which domains pay: each name where it belongs and nowhere else."""
    said = list(in_short(small))
    assert said[0] == "full detects 9 of 10 weaknesses with every seed, 1 with some, 0 with none."
    assert said[1] == "Not with every seed: w99 (1 of 5)."
    ahead = next(line for line in said if line.startswith("In executions, full is ahead of"))
    assert re.findall(r"(\S+) \(\d+ against \d+, A12 [0-9.]+ large\)", ahead) == ["uniform", "without-code"]
    same = next(line for line in said if line.startswith("In executions, the measures do not agree"))
    assert re.findall(r"(\S+) \(\d+ against \d+\)", same) == ["generator", "without-calls"]
    assert not any("behind" in line for line in said)
    assert "In executions, generator took less than full on 1 of 10 weaknesses: w99 (188 times)." in said
    assert "In executions, on no weakness less than full: uniform." in said
    assert said[-1] == "Feature domains, by executions: pay: code; neither shown to pay nor to cost: calls."


def test_the_page_says_who_is_behind():
    """The full engine is not spared."""
    said = list(in_short(evaluate([*engine("full", 500), *engine("uniform", 10), *engine("without-code", 20)])))
    assert any(line.startswith("In executions, full is behind uniform (") for line in said)
    assert not any("ahead" in line for line in said)
    assert any(line.startswith("In seconds, uniform took less than full on 9 of 9 weaknesses: w00 (4") for line in said)
    assert said[-1] == "Feature domains, by executions: cost more than they give: code."


def test_the_page_holds_all_tables(small):
    """A row for each engine, each contrast on each scale, each domain, each weakness; the factor of whoever is quicker, and who it is."""
    text = page(small)
    lines = text.splitlines()
    assert sum(line.startswith("| `uniform` ") for line in lines) == 3
    assert sum(line.startswith("| code | ") for line in lines) == 2
    assert "250 trials; weaknesses: 10; engines: 5; seeds: 1 to 5." in text
    assert "Versions: sysfuzz 1.0, unicorn 2.1.4." in text
    assert "| w00 | 1,000 | 12 | 50 | = | = | 25 |" in lines
    assert "| w99 | 1,000 | 940 | 1.1 | **188** | = | 1.1 |" in lines
    assert "Mind" not in text
    for name in ("survival-executions.svg", "survival-seconds.svg", "weaknesses.svg", "summary.json"):
        assert f"({name})" in text


def test_tables_are_whole(small):
    """All rows of a table have as many cells as its head."""
    for table in re.findall(r"(?:^\|.*\|\n)+", page(small), flags=re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (amount(1234.4, "executions"), "1,234"), (amount(-12.3456, "seconds"), "-12.3"), (amount(-1234.5, "seconds"), "-1,234"),
        (amount(0.01234, "seconds"), "0.0123"), (factor(1.26), "1.3"), (factor(99.6), "100"), (factor(1234), "1,234"),
    ],
)  # fmt: skip
def test_numbers_have_the_digits_that_matter(text, expected):
    """Never an exponent where people read."""
    assert text == expected


@pytest.mark.parametrize(
    ("trials", "warning"),
    [
        (
            [made(seed=1), made(seed=2, versions=(("unicorn", "2.1.3"),))],
            "Trials are of different versions of unicorn (trials of each): 2.1.3 (1), 2.1.4 (1).",
        ),
        (
            [made(seed=1), made(seed=2, budget=Effort(5000, 10.0))],
            "Trials of one weakness have different budgets, of which the smallest counts: merge_ignores.",
        ),
        ([made(), made("afl"), made(seed=2)], "afl has run 1 of 2 pairs of weakness and seed."),
        (
            [made(spent=4)],
            "Trials of full that ended without a detection before either budget was used up, as if they had been stopped: 1.",
        ),
        (
            [made(found=4)._replace(triggered=None)],
            "Detected or triggered without what should come before, so perhaps not the planted weakness: merge_ignores by full with seed 1.",
        ),
    ],
    ids=["versions", "budgets", "missing", "stopped", "odd"],
)
def test_what_does_not_fit_together_is_said(trials, warning):
    """Above all figures."""
    evaluation = evaluate(trials)
    assert list(evaluation.warnings) == [warning]
    text = page(evaluation)
    assert text.index(f"> **Mind:** {warning}") < text.index("## In short")


@pytest.mark.parametrize(
    "trials",
    [
        [made()],
        [made(found=1, rate=float("inf"))],
        [made(), made("uniform")],
        [made(), made("without-code", found=1)],
        [made(), made("afl", weakness="other")],
    ],
    ids=["alone", "in no time", "nothing found", "no baseline", "nothing in common"],
)
def test_the_smallest_sets_give_a_page(trials):
    """Whatever is missing, the page and the plots are made."""
    evaluation = evaluate(trials)
    assert page(evaluation).startswith("# ")
    for text in (survival(evaluation, "executions"), survival(evaluation, "seconds"), weaknesses(evaluation)):
        ET.fromstring(text)


def test_the_order_of_trials_does_not_matter():
    """The same set of trials gives the same page, plots and figures."""
    trials = [*engine("full", 10, count=2), *engine("uniform", 40, count=2)]
    one, other = evaluate(trials), evaluate(trials[::-1])
    assert page(one) == page(other)
    assert survival(one, "executions") == survival(other, "executions")
    assert weaknesses(one) == weaknesses(other)
    assert summary(one) == summary(other)


def words(svg):
    return ["".join(text.itertext()) for text in ET.fromstring(svg).iter(f"{SVG}text")]


def test_curves_have_a_title_axes_and_a_legend(small):
    """As text, with the unit; each engine with its detections, the full one in both panels."""
    said = words(survival(small, "seconds"))
    assert said.count("seconds") == 2
    assert "share of trials without a detection" in said
    assert {"Seconds until a planted weakness is detected", "(Kaplan-Meier; lower is better)"} <= set(said)
    legend = [text for text in said if text.endswith(" of 50)")]
    assert sorted(legend) == [
        "full (46 of 50)", "full (46 of 50)", "generator (50 of 50)", "uniform (45 of 50)", "without-calls (46 of 50)",
        "without-code (45 of 50)",
    ]  # fmt: skip


def test_weaknesses_are_rows_and_engines_columns(small):
    """The full engine's quickest first; who did not always find it is said in the cell."""
    said = words(weaknesses(small))
    assert [text for text in said if re.fullmatch(r"w\d\d", text)] == [
        *(f"w{number:02}" for number in range(9)),
        "w99",
    ]
    assert [text for text in said if text in small.standings] == list(small.standings)
    assert (said.count("1/5"), said.count("none")) == (2, 2)


def test_the_figures_are_json(small):
    """All keys that scripts are promised; numbers that were counted by hand."""
    value = json.loads(json.dumps(summary(small)))
    uniform = value["contrasts"]["executions"]["uniform"]
    assert uniform["standing"] == "ahead"
    assert uniform["weaknesses"]["w00"] == {"full": 12.0, "other": 602.0, "a12": 1.0}
    assert uniform["p_holm"].keys() == uniform["p"].keys() == {"log_rank", "mann_whitney", "signed_rank"}
    assert value["engines"]["full"]["weaknesses_by_seeds"] == {"all": 9, "some": 1, "none": 0}
    assert value["horizons"]["executions"]["w99"] == 1000
