"""Golden programs in the JUnit report: a suite of them beside those of the findings, for runs that check both.

A program that fails for a bug that is accepted is skipped, with the reason; why it is accepted was decided elsewhere.
"""

from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

from sysfuzz.report.document import legal


class Case(NamedTuple):
    """One golden program on one target."""

    file: str
    line: int  # of the first op that did not yield what it shall; 1 if all did
    target: str
    failure: str = ""  # what did not hold, one line each; "" if all did
    skipped: str = ""  # why that is accepted


def with_golden(junit: str, cases: Sequence[Case], name: str = "golden programs") -> str:
    """The text of a JUnit report, with a suite of `cases` behind its own; without any it stays as it is."""
    if not cases:
        return junit
    root = ElementTree.fromstring(junit.encode())
    suite = ElementTree.SubElement(root, "testsuite", name=name, tests=str(len(cases)), errors="0", time="0")
    failures = sum(bool(case.failure) and not case.skipped for case in cases)
    skipped = sum(bool(case.skipped) for case in cases)
    suite.set("failures", str(failures))
    suite.set("skipped", str(skipped))
    for key, more in (("tests", len(cases)), ("failures", failures), ("skipped", skipped)):
        root.set(key, str(int(root.get(key, "0")) + more))
    for case in cases:
        suite.append(_element(case))
    ElementTree.indent(root)
    return legal('<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n")


def _element(case: Case) -> ElementTree.Element:
    # A dot in a class name is a package to viewers, which fold by it.
    element = ElementTree.Element(
        "testcase",
        classname=f"sysfuzz.{case.target.replace('.', '/')}",
        name=case.file,
        file=case.file,
        line=str(case.line),
        time="0",
    )
    if case.skipped:
        ElementTree.SubElement(element, "skipped", message=case.skipped)
    elif case.failure:
        first = case.failure.splitlines()[0]
        ElementTree.SubElement(element, "failure", message=first, type="golden").text = legal(case.failure)
    return element
