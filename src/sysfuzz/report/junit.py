"""The report as JUnit XML: a suite for each target, a test case for each finding.

The format has no schema of its own; what Jenkins, GitLab and GitHub's viewers read is used: counts on every suite, class name and
name that stay the same from run to run. An open finding fails, a fixed one passes, one that nobody will act on is skipped.
"""

from collections.abc import Sequence
from xml.etree import ElementTree

from sysfuzz.findings.severity import is_bug
from sysfuzz.report.contents import Item, Report
from sysfuzz.report.document import legal

_UNREADABLE = "cannot be read"

Element = ElementTree.Element


def render(report: Report) -> str:
    """The whole report."""
    by_target: dict[str, list[Element]] = {}
    for item in report.items:
        by_target.setdefault(item.finding.target, []).append(_case(item))
    suites = [_suite(target, cases) for target, cases in sorted(by_target.items())]
    if report.damaged:
        suites.append(_suite(_UNREADABLE, [_unreadable(line) for line in report.damaged]))
    root = _counted(
        Element("testsuites", name="sysfuzz"), [case for suite in suites for case in suite.iter("testcase")]
    )
    root.extend(suites)
    ElementTree.indent(root)
    return legal('<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n")


def _suite(name: str, cases: Sequence[Element]) -> Element:
    suite = _counted(Element("testsuite", name=name), cases)
    suite.extend(cases)
    return suite


def _counted(element: Element, cases: Sequence[Element]) -> Element:
    """`element` with the numbers of its cases by what became of them."""
    element.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    element.set("time", "0")
    return element


def _case(item: Item) -> Element:
    finding = item.finding
    # A dot in a class name is a package to viewers, which fold by it.
    case = Element(
        "testcase",
        classname=f"sysfuzz.{finding.target.replace('.', '/')}",
        name=finding.bucket,
        file=item.location,
        line=str(item.line),
        time="0",
    )
    if item.ignored:
        ElementTree.SubElement(case, "skipped", message=f"ignored: {item.ignored}")
    elif finding.status in ("duplicate", "rejected"):
        ElementTree.SubElement(case, "skipped", message=item.standing)
    elif item.is_open and not is_bug(finding.severity):
        ElementTree.SubElement(case, "skipped", message=f"{finding.severity}: {item.summary}")
    elif item.is_open:
        failure = ElementTree.SubElement(
            case, "failure", message=f"{finding.severity}: {item.summary}", type=finding.oracle
        )
        failure.text = _body(item)
    return case


def _unreadable(line: str) -> Element:
    case = Element("testcase", classname=f"sysfuzz.{_UNREADABLE}", name=line.partition(":")[0], time="0")
    ElementTree.SubElement(case, "error", message=line, type="unreadable")
    return case


def _body(item: Item) -> str:
    said = item.explanation.rule if item.explanation else item.unexplained
    commands = "".join(f"{what}: {command}\n" for what, command in item.commands)
    kin = f"may be: {item.kin_of}\n" if item.kin_of else ""
    return f"{item.entry.id} ({item.standing})\n{kin}{item.evidence}\n{said}\n{commands}\n{item.text}"
