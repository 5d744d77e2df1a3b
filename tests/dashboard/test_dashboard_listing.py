"""The list of findings: what a query string asks for, and what a page of the answer holds."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysfuzz.campaign.state import Finding
from sysfuzz.dashboard.listing import ROWS, SORTS, BadQuery, Query, parse, select
from sysfuzz.findings.finding import STATUSES
from sysfuzz.findings.severity import SEVERITIES, rank
from sysfuzz.findings.store import Entry
from toy_findings import NOON, made


def found(number: int, **changes: object) -> Finding:
    """A finding with an id of its own."""
    return Finding(Entry(f"id-{number}", made(**changes), Path("findings") / f"id-{number}"), "crashing", "", "", "")


findings = st.builds(
    found,
    st.integers(0, 10**6),
    severity=st.sampled_from(SEVERITIES),
    status=st.sampled_from(STATUSES),
    oracle=st.sampled_from(["escape", "map", "errno"]),
    bucket=st.sampled_from(["map/a", "MAP/B", "panic/x y"]),
    count=st.integers(1, 10**6),
    first_seen=st.integers(0, 10**6).map(lambda seconds: NOON + timedelta(seconds=seconds)),
)
queries = st.builds(
    Query,
    kind=st.sampled_from(["bugs", "design"]),
    severity=st.sampled_from(["", "critical", "low"]),
    status=st.sampled_from(["", *STATUSES]),
    oracle=st.sampled_from(["", "escape", "no such"]),
    text=st.sampled_from(["", "map", "x y", "ID-1"]),
    sort=st.sampled_from(SORTS),
    order=st.sampled_from(["ascending", "descending"]),
    page=st.integers(1, 5),
)


@given(queries)
def test_urls_say_the_query(query: Query) -> None:
    """What a link says is what is asked for when it is followed."""
    assert parse(parse_qsl(query.url()[1:])) == query


@given(st.lists(findings, max_size=3 * ROWS), queries)
def test_pages_are_parts_of_the_list(rows: list[Finding], query: Query) -> None:
    """All pages together hold each finding that was asked for once, in one order; no page has more rows than one can."""
    first = select(rows, query._replace(page=1))
    pages = [select(rows, query._replace(page=number)) for number in range(1, first.pages + 1)]
    joined = [row for page in pages for row in page.rows]
    assert len(joined) == first.total
    assert {id(row) for row in joined} <= {id(row) for row in rows}
    assert all(len(page.rows) <= ROWS for page in pages)
    assert all(page.first == 1 + ROWS * number for number, page in enumerate(pages) if page.rows)
    assert select(rows, query._replace(page=999)).rows == pages[-1].rows


@given(st.lists(findings, max_size=40), queries)
def test_filters_let_through_what_they_name(rows: list[Finding], query: Query) -> None:
    """A row is shown if, and only if, it is of the kind, severity, status and oracle asked for and holds the text, whatever its case."""
    shown = {id(row) for row in select(rows, query._replace(page=1)).rows}
    for row in rows:
        finding = row.entry.finding
        text = f"{finding.bucket} {row.entry.id} {finding.target} {finding.evidence.expected} {finding.evidence.actual}".lower()
        wanted = (
            (finding.severity == "by design") == (query.kind == "design")
            and query.severity in ("", finding.severity)
            and query.status in ("", finding.status)
            and query.oracle in ("", finding.oracle)
            and query.text.lower() in text
        )
        assert (id(row) in shown) == wanted


@given(st.lists(findings, max_size=40))
def test_worst_first(rows: list[Finding]) -> None:
    """A list that nobody has sorted has the worst first."""
    ranks = [rank(row.entry.finding.severity) for row in select(rows, Query()).rows]
    assert ranks == sorted(ranks)


@given(st.lists(findings, max_size=40))
def test_counts_fall_first(rows: list[Finding]) -> None:
    """The first click on the count shows the most seen, the second one the least."""
    query = Query().sorted_by("count")
    counts = [row.entry.finding.count for row in select(rows, query).rows]
    assert counts == sorted(counts, reverse=True)
    assert [row.entry.finding.count for row in select(rows, query.sorted_by("count")).rows] == sorted(counts)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("severity=awful", "severity: no 'awful'; supported: critical, high, medium, low"),
        ("severity=by+design", "severity: no 'by design'; supported: critical, high, medium, low"),
        ("status=open", "status: no 'open'; supported: new, confirmed, fixed, duplicate, rejected"),
        ("kind=all", "kind: no 'all'; supported: bugs, design"),
        ("order=up", "order: no 'up'; supported: ascending, descending"),
        ("page=0", "page: no '0'; supported: a number from 1"),
        ("page=-1", "page: no '-1'; supported: a number from 1"),
        ("page=9999999", "page: no '9999999'; supported: a number from 1"),
        ("page=%C2%B2", "page: no '²'; supported: a number from 1"),
        ("page=1&page=2", "page: is there twice; supported: one value"),
        (f"text={'x' * 201}", "text: has 201 characters; supported: at most 200"),
    ],
)
def test_what_cannot_be_asked(query: str, message: str) -> None:
    """A query that nothing can answer is refused with what is supported."""
    with pytest.raises(BadQuery) as error:
        parse(parse_qsl(query))
    assert str(error.value) == message


def test_unknown_fields_are_refused() -> None:
    """So is a field that is none."""
    with pytest.raises(BadQuery, match=r"unknown field 'x'; supported: kind, severity, status"):
        parse([("x", "1")])
