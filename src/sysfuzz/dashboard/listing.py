"""Which findings a page shows: what a query string asks for, and the part of the list that answers it.

What the design's own documents state is no bug and stands on a list of its own. A query that asks for what is not there is refused with what is
supported. Knows no HTML.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, TypeVar, get_args
from urllib.parse import urlencode

from sysfuzz.campaign.state import Finding
from sysfuzz.findings.finding import STATUSES
from sysfuzz.findings.severity import SEVERITIES, is_bug, rank

ROWS = 50  # of a page: some screens, and a tenth of a second of nobody's time
_MAX_TEXT = 200  # characters; a bucket has 160 at most

_T = TypeVar("_T", bound=str)

Kind = Literal["bugs", "design"]
Sort = Literal["severity", "bucket", "oracle", "status", "life", "count", "first", "last"]
Order = Literal["ascending", "descending"]  # the words of aria-sort

SORTS: tuple[Sort, ...] = get_args(Sort)
BUGS = tuple(severity for severity in SEVERITIES if is_bug(severity))
_ORDERS: tuple[Order, ...] = get_args(Order)
_KINDS: tuple[Kind, ...] = get_args(Kind)

# What people look for first: the worst, and the most and latest of whatever is counted.
_FIRST: dict[Sort, Order] = {"count": "descending", "first": "descending", "last": "descending"}

_KEYS: dict[Sort, Callable[[Finding], object]] = {
    "severity": lambda found: rank(found.entry.finding.severity),
    "bucket": lambda found: found.entry.finding.bucket,
    "oracle": lambda found: found.entry.finding.oracle,
    "status": lambda found: STATUSES.index(found.entry.finding.status),
    "life": lambda found: found.life,
    "count": lambda found: found.entry.finding.count,
    "first": lambda found: found.entry.finding.first_seen,
    "last": lambda found: found.entry.finding.last_seen,
}


class BadQuery(Exception):
    """A query string cannot be answered; the text is one line that says what is supported."""


class Query(NamedTuple):
    """What is asked for; "" is anything."""

    kind: Kind = "bugs"
    severity: str = ""
    status: str = ""
    oracle: str = ""
    text: str = ""  # in the bucket, the id, the target or the evidence; case does not matter
    sort: Sort = "severity"
    order: Order = "ascending"
    page: int = 1

    def url(self, **changes: object) -> str:
        """The query string of this query with some fields changed, such as `?sort=count`; what is as usual is left out."""
        new = self._replace(**changes)  # type: ignore[arg-type]
        usual = Query()._replace(order=first_order(new.sort))
        fields = {name: value for name, value in new._asdict().items() if value != getattr(usual, name)}
        return f"?{urlencode(fields)}" if fields else "?"

    def sorted_by(self, sort: Sort) -> "Query":
        """The same findings by another column, or by the same one the other way round; the first page of them."""
        if sort != self.sort:
            return self._replace(sort=sort, order=first_order(sort), page=1)
        return self._replace(order="descending" if self.order == "ascending" else "ascending", page=1)


class Page(NamedTuple):
    """A part of the list."""

    rows: tuple[Finding, ...]
    total: int  # findings that the query is about
    page: int  # of `pages`, from 1
    pages: int
    first: int  # number of the first row, from 1; 0 if there is none


def first_order(sort: Sort) -> Order:
    """The order in which a column is shown first."""
    return _FIRST.get(sort, "ascending")


def parse(fields: Iterable[tuple[str, str]]) -> Query:
    """The query of a query string's fields. Raises BadQuery."""
    given: dict[str, str] = {}
    for name, value in fields:
        if name not in Query._fields:
            raise BadQuery(f"unknown field {name!r:.40}; supported: {', '.join(Query._fields)}")
        if name in given:
            raise BadQuery(f"{name}: is there twice; supported: one value")
        given[name] = value.strip()
    sort: Sort = _one(given, "sort", SORTS) or "severity"
    kind = _one(given, "kind", _KINDS)
    text = given.get("text", "")
    if len(text) > _MAX_TEXT:
        raise BadQuery(f"text: has {len(text)} characters; supported: at most {_MAX_TEXT}")
    return Query(
        kind=kind or "bugs",
        severity=_one(given, "severity", BUGS) or "",
        status=_one(given, "status", STATUSES) or "",
        oracle=given.get("oracle", "")[:_MAX_TEXT],
        text=text,
        sort=sort,
        order=_one(given, "order", _ORDERS) or first_order(sort),
        page=_page(given.get("page", "")),
    )


def select(findings: Sequence[Finding], query: Query) -> Page:
    """The part of `findings`, which are in the usual order, that a query asks for; the last page if there are not so many."""
    wanted = [found for found in findings if _matches(found, query)]
    wanted.sort(key=_KEYS[query.sort], reverse=query.order == "descending")  # type: ignore[arg-type]  # keys of one kind
    pages = max(1, -(-len(wanted) // ROWS))
    page = min(query.page, pages)
    start = (page - 1) * ROWS
    return Page(tuple(wanted[start : start + ROWS]), len(wanted), page, pages, start + 1 if wanted else 0)


def _matches(found: Finding, query: Query) -> bool:
    finding = found.entry.finding
    if is_bug(finding.severity) != (query.kind == "bugs"):
        return False
    if query.severity not in ("", finding.severity) or query.status not in ("", finding.status):
        return False
    if query.oracle not in ("", finding.oracle):
        return False
    if not query.text:
        return True
    words = (finding.bucket, found.entry.id, finding.target, finding.evidence.expected, finding.evidence.actual)
    return query.text.casefold() in "\n".join(words).casefold()


def _one(given: dict[str, str], name: str, supported: tuple[_T, ...]) -> _T | None:
    value = given.get(name, "")
    if not value:
        return None
    for one in supported:
        if value == one:
            return one
    raise BadQuery(f"{name}: no {value!r:.40}; supported: {', '.join(supported)}")


def _page(text: str) -> int:
    if not text:
        return 1
    if not (text.isascii() and text.isdecimal() and len(text) <= 6 and int(text)):
        raise BadQuery(f"page: no {text!r:.40}; supported: a number from 1")
    return int(text)
