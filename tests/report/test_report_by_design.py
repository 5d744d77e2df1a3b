"""What a design's own documents state, in every format: in a class of its own, never a failure, never left out."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from reported import full, record, report_on

from sysfuzz.findings.finding import Evidence
from sysfuzz.findings.store import Store
from sysfuzz.report import FORMATS

FORKS = "mode amd64\nsud(PR_SYS_DISPATCH_ON, 0x10000, 0x1000, 0)\nfork()\n"
ID = "sud--guard--fork"
EVIDENCE = Evidence(1, "process 2: guard 1", "process 2: guard 0 (documented: PR_SET_SYSCALL_USER_DISPATCH(2const))")


@pytest.fixture
def report(tmp_path: Path):
    """A report on a store of every kind, with a finding that is by design."""
    store = full(tmp_path / "findings")
    assert record(store, "by-design", "guard/fork", target="sud", program=FORKS, evidence=EVIDENCE) == ID
    return report_on(store)


def test_a_part_of_its_own(report):
    """It is no open bug, and counts for none; explained it is as any other."""
    (item,) = report.by_design
    assert item.entry.id == ID
    assert item.explanation.oracle == "by-design"
    assert ID not in [other.entry.id for other in report.open]
    assert item in report.items
    assert report.counts == {"critical": 1, "high": 1, "medium": 0, "low": 1}


def test_a_closed_one_is_closed(tmp_path: Path):
    """What people have settled is settled, by design or not."""
    store = Store(tmp_path / "findings")
    store.set_status(record(store, "by-design", "guard/fork", target="sud", program=FORKS), "rejected", "we know")
    report = report_on(store)
    assert (len(report.by_design), len(report.closed)) == (0, 1)


def test_text(report):
    """The headline counts it apart, and its entry stands behind the open ones."""
    lines = FORMATS["text"](report).splitlines()
    assert lines[0].endswith("3 open (1 critical, 1 high, 1 low), 1 by design, 3 closed, 1 ignored, 1 cannot be read")
    heads = [line.partition("  ")[0] for line in lines if line.startswith(("open", "by design", "closed", "ignored"))]
    assert heads == ["open"] * 3 + ["by design"] + ["closed"] * 3 + ["ignored"]
    assert f"by design  {ID}" in lines


def test_json(report):
    """A list of its own, and a number."""
    value = json.loads(FORMATS["json"](report))
    assert value["summary"]["by_design"] == 1
    assert [item["id"] for item in value["by_design"]] == [ID]
    assert value["by_design"][0]["severity"] == "by design"


def test_junit(report):
    """The case is skipped with the reason; failures are the open bugs."""
    root = ElementTree.fromstring(FORMATS["junit"](report))
    (suite,) = root.findall("testsuite[@name='sud']")
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("1", "0", "1")
    assert suite.find("testcase/skipped").get("message").startswith("by design: fork leaves process 2 without")
    assert root.get("failures") == "3"


def test_sarif(report):
    """A result that says that it is no problem: kind informational, level none; the others fail."""
    results = json.loads(FORMATS["sarif"](report))["runs"][0]["results"]
    kinds = {result["properties"]["id"]: (result["kind"], result["level"]) for result in results}
    assert kinds.pop(ID) == ("informational", "none")
    assert [kind for kind, _ in kinds.values()] == ["fail"] * 3
    assert "none" not in [level for _, level in kinds.values()]


def test_html(report):
    """A section and a tile of its own, with the card open."""
    page = FORMATS["html"](report)
    assert '<div class="design"><dt>by design</dt><dd>1</dd></div>' in page
    assert '<h2 id="by-design">By design <span class="count">1</span></h2>' in page
    assert f'<article id="{ID}"' in page


def test_without_any(tmp_path: Path):
    """Where nothing is by design, nothing is said of it but a number in JSON."""
    report = report_on(full(tmp_path / "findings"))
    for name in ("text", "junit", "html"):
        assert "by design" not in FORMATS[name](report).replace("--design", "").lower()
