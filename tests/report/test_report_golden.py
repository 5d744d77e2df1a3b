"""Golden programs in the JUnit report."""

from xml.etree import ElementTree

from sysfuzz.report.golden import Case, with_golden

JUNIT = """\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="sysfuzz" tests="1" failures="1" errors="0" skipped="0" time="0">
  <testsuite name="t" tests="1" failures="1" errors="0" skipped="0" time="0">
    <testcase classname="sysfuzz.t" name="b" time="0"><failure message="m" /></testcase>
  </testsuite>
</testsuites>
"""
CASES = [
    Case("a.prog", 1, "nosyscalls"),
    Case("b.prog", 3, "my.core:boot", "b.prog:3: expected <0>, got\x1b panic\nb.prog:4: more"),
    Case("c.prog", 4, "nosyscalls", "c.prog:4: expected 0", "confirmed in findings"),
]


def test_a_suite_is_added_and_counted() -> None:
    """What holds passes, what fails fails, what fails for a known reason is skipped; the sums of the whole are those of its suites."""
    root = ElementTree.fromstring(with_golden(JUNIT, CASES).encode())
    (old, new) = root.findall("testsuite")
    assert (old.get("name"), new.get("name")) == ("t", "golden programs")
    for key, expected in (("tests", 3), ("failures", 1), ("errors", 0), ("skipped", 1)):
        assert new.get(key) == str(expected)
        assert int(root.get(key, "")) == int(old.get(key, "")) + expected
    held, failed, skipped = new.findall("testcase")
    assert list(held) == []
    assert (failed.get("classname"), failed.get("file"), failed.get("line")) == ("sysfuzz.my/core:boot", "b.prog", "3")
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("message") == "b.prog:3: expected <0>, got\ufffd panic"
    assert failure.text == "b.prog:3: expected <0>, got\ufffd panic\nb.prog:4: more"
    assert [(part.tag, part.get("message")) for part in skipped] == [("skipped", "confirmed in findings")]


def test_without_programs_there_is_no_suite() -> None:
    """The report stays as it is."""
    assert with_golden(JUNIT, []) == JUNIT
