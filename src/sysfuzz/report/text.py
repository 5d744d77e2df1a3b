"""The report as plain text, for a terminal, a mail or a log."""

from collections.abc import Iterable, Iterator

from sysfuzz.report.contents import TIME, Item, Report
from sysfuzz.report.document import legal

_KEY = 10  # width of the names of facts


def render(report: Report) -> str:
    """The whole report."""
    return legal("\n".join(_lines(report)) + "\n")


def _lines(report: Report) -> Iterator[str]:
    yield f"sysfuzz report on {report.directory}: {headline(report)}"
    yield f"made {report.made:{TIME}} by sysfuzz {report.versions.get('sysfuzz', '')}".rstrip()
    yield from _section("open", report.open)
    yield from _section("by design", report.by_design)
    yield from _section("closed", report.closed)
    yield from _section("ignored", report.ignored)
    if report.damaged:
        yield "\ncannot be read"
        yield from (f"  {line}" for line in report.damaged)


def headline(report: Report) -> str:
    """`3 open (1 critical, 2 high), 1 closed`: what there is, in one line."""
    by_severity = ", ".join(f"{count} {severity}" for severity, count in report.counts.items() if count)
    parts = [f"{len(report.open)} open" + (f" ({by_severity})" if by_severity else "")]
    others = {
        "by design": len(report.by_design),
        "closed": len(report.closed),
        "ignored": len(report.ignored),
        "cannot be read": len(report.damaged),
        "not shown": report.hidden,
    }
    parts += [f"{count} {what}" for what, count in others.items() if count]
    return ", ".join(parts)


def _section(title: str, items: Iterable[Item]) -> Iterator[str]:
    for item in items:
        yield ""
        severity = f"  {item.finding.severity}" if item.finding.severity != title else ""
        yield f"{title}{severity}  {item.entry.id}"
        for key, value in _facts(item):
            yield f"  {key:<{_KEY}}{value}"
        if item.text:
            yield "  program"
            yield from (f"    {line}".rstrip() for line in item.text.splitlines())


def _facts(item: Item) -> Iterator[tuple[str, str]]:
    finding = item.finding
    yield "bucket", f"{finding.bucket} ({finding.oracle}, on {finding.target})"
    yield "status", item.standing
    if item.ignored:
        yield "ignored", item.ignored
    if item.kin_of:
        yield "may be", item.kin_of
    yield "seen", f"{item.times}, replays {finding.replays}"
    yield "evidence", item.evidence
    if item.explanation is not None:
        yield "summary", item.explanation.summary
        yield "rule", item.explanation.rule
    else:
        yield "now", item.unexplained
    yield from item.commands[:1]
