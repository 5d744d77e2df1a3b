"""The report as JUnit XML."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from reported import HOSTILE, MERGE_ID, full, record, report_on, saying

from sysfuzz.findings.finding import STATUSES
from sysfuzz.findings.store import Store
from sysfuzz.report.junit import render

# What consumers know: Jenkins' junit-10.xsd, of which GitLab and the GitHub viewers read a part.
ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"name", "classname", "file", "line", "time"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
}
CHILDREN = {"testsuites": {"testsuite"}, "testsuite": {"testcase"}, "testcase": {"failure", "error", "skipped"}}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "findings")


def parsed(text: str) -> ElementTree.Element:
    """The document, which holds only what consumers know, with counts that are true and cases that have their own names."""
    root = ElementTree.fromstring(text.encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        assert set(element.attrib) <= ATTRIBUTES[element.tag]
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
        if element.tag in ("testsuites", "testsuite"):
            cases = list(element.iter("testcase"))
            assert int(element.attrib["tests"]) == len(cases)
            for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
                assert int(element.attrib[attribute]) == len([case for case in cases if case.find(tag) is not None])
        if element.tag == "testcase":
            assert len(element) <= 1
    names = [(case.attrib["classname"], case.attrib["name"]) for case in root.iter("testcase")]
    assert len(set(names)) == len(names)
    return root


def test_a_store_of_every_kind(tmp_path: Path) -> None:
    """A suite for each target, a case for each finding, and an error for what cannot be read."""
    root = parsed(render(report_on(full(tmp_path / "findings"))))
    suites = {suite.attrib["name"]: int(suite.attrib["tests"]) for suite in root}
    assert suites == {"nosyscalls-2011": 6, "their.core:boot": 1, "cannot be read": 1}
    assert {key: root.attrib[key] for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "8",
        "failures": "3",
        "errors": "1",
        "skipped": "3",
    }


def test_an_empty_store(store: Store) -> None:
    """A report on nothing has no case."""
    store.directory.mkdir()
    assert parsed(render(report_on(store))).attrib["tests"] == "0"


@pytest.mark.parametrize("status", STATUSES)
def test_outcome(store: Store, status: str) -> None:
    """An open finding fails, a fixed one passes, one that nobody will act on is skipped with the reason."""
    identity = record(store, "lock", "lock/syscall")
    merge = record(store, "escape", "attribute/mmap/merge")
    if status != "new":
        store.set_status(identity, status, "so we say", duplicate_of=merge if status == "duplicate" else "")
    case = next(c for c in parsed(render(report_on(store))).iter("testcase") if c.attrib["name"] == "lock/syscall")
    expected = {"fixed": [], "duplicate": ["skipped"], "rejected": ["skipped"]}.get(status, ["failure"])
    assert [child.tag for child in case] == expected
    if expected == ["skipped"]:
        assert "so we say" in case[0].attrib["message"]


def test_failure(store: Store) -> None:
    """A failure says what went wrong, with the program and the command that replays it; the case is at the op's line."""
    record(store, "escape", "attribute/mmap/merge")
    (case,) = parsed(render(report_on(store))).iter("testcase")
    assert case.attrib["classname"] == "sysfuzz.nosyscalls-2011"
    assert case.attrib["file"] == f"findings/{MERGE_ID}/program.prog"
    text = (store.directory / MERGE_ID / "program.prog").read_text(encoding="utf-8")
    assert text.splitlines()[int(case.attrib["line"]) - 1] == "run(0x11000)"
    failure = case[0]
    assert failure.attrib["type"] == "escape"
    assert failure.attrib["message"].startswith("critical: getpid")
    assert failure.text is not None
    assert text in failure.text
    assert "replay: sysfuzz exec " in failure.text


def test_own_core_is_one_package(store: Store) -> None:
    """A target's dots would be packages to viewers."""
    record(store, "lock", "lock/int80", target="my.core:boot")
    (case,) = parsed(render(report_on(store))).iter("testcase")
    assert case.attrib["classname"] == "sysfuzz.my/core:boot"


@pytest.mark.parametrize("text", [HOSTILE, "\x1b[31mred\x00\udc80\ufffe", "a\nb"])
def test_hostile_text(store: Store, text: str) -> None:
    """Any text makes a document, in which it is text."""
    record(store, "escape", "attribute/mmap/merge")
    (case,) = parsed(render(report_on(store, explainer=saying(text)))).iter("testcase")
    assert len(case[0].attrib["message"]) == len(f"critical: {text}")
    assert len(list(case[0])) == 0


def test_same_store_same_bytes(tmp_path: Path) -> None:
    """Two stores with the same findings make the same report."""
    one, other = (
        render(report_on(full(tmp_path / name / "findings"))).replace(str(tmp_path / name), "") for name in "ab"
    )
    assert one == other
