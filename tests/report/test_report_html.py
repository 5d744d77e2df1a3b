"""The report as one HTML file: whole, safe, and readable by everybody."""

import base64
import hashlib
import re
from importlib import resources
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from page import Node, read
from reported import HOSTILE, MERGE, MERGE_ID, WEAK, full, record, report_on, saying

from sysfuzz.findings.store import Store
from sysfuzz.report.html import render

CSS = resources.files("sysfuzz.report").joinpath("report.css").read_text(encoding="utf-8")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with one finding."""
    found = Store(tmp_path / "findings")
    record(found, "escape", "attribute/mmap/merge")
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Node:
    """The page of a store with findings of every kind."""
    return read(render(report_on(full(tmp_path_factory.mktemp("store") / "findings"))))


def ids(page: Node) -> list[str]:
    """Names of places in the page."""
    return [node.attributes["id"] for node in page.all() if "id" in node.attributes]


def test_nothing_from_elsewhere(page: Node) -> None:
    """No script, no style attribute, no handler, and no address but places in the page itself."""
    assert page.all("script", "link", "img", "iframe", "object", "embed", "form", "base") == []
    for node in page.all():
        assert not [
            name
            for name in node.attributes
            if name.startswith("on") or name in ("style", "src", "srcset", "xlink:href")
        ]
        assert node.attributes.get("href", "#").startswith("#")
    assert "url(" not in CSS
    assert "@import" not in CSS


def test_policy(page: Node) -> None:
    """The page forbids itself everything but its one style sheet, by the hash that a browser will compute."""
    (meta,) = [node for node in page.all("meta") if node.attributes.get("http-equiv") == "Content-Security-Policy"]
    policy = dict(part.strip().split(" ", 1) for part in meta.attributes["content"].split(";"))
    (style,) = page.all("style")
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_parts(page: Node) -> None:
    """Open findings stand in the page, closed and ignored ones are folded in sections of their own, and what cannot be read is named."""
    sections = {node.attributes["aria-labelledby"]: node for node in page.all("section")}
    assert list(sections) == ["open", "closed", "ignored", "damaged"]
    assert [len(sections[name].all("article")) for name in sections] == [3, 0, 0, 0]
    assert [len(sections[name].all("details")) for name in sections] == [0, 3, 1, 0]
    assert "finding.json" in sections["damaged"].words()
    counts = {
        node.all("dt")[0].words(): node.all("dd")[0].words()
        for node in page.all("div")
        if node.attributes.get("class") in ("critical", "high", "medium", "low", "none")
    }
    assert counts == {"critical": "1", "high": "1", "medium": "0", "low": "1"}


def test_a_finding(store: Store) -> None:
    """Program, disassembly, picture, map before and after, commands, notes."""
    (store.directory / MERGE_ID / "notes.md").write_text("Seen by *us*.", encoding="utf-8")
    (article,) = read(render(report_on(store))).all("article")
    assert [node.words() for node in article.all("h4")] == [
        "The life of page 0x11000 of process 1",
        "The instruction",
        "The core's map where the two part",
        "Program",
        "Code",
        "Commands",
        "Notes",
    ]
    words = " ".join(article.words().split())
    for line in MERGE.splitlines():
        assert line in words
    (picture,) = article.all("svg")
    assert {"core", "spec", "r-x", "r-x no-syscalls", "here core and spec part"} <= {
        node.text for node in picture.all("text")
    }
    assert "syscall" in words
    before, after = (node for node in article.all("table") if node.attributes["class"] == "map")
    assert [before.all("caption")[0].text, after.all("caption")[0].text] == ["before", "after"]
    assert "0x10000-0x11000" in before.words()
    assert "0x10000-0x12000" in after.words()
    assert f"sysfuzz exec {store.directory / MERGE_ID / 'program.prog'} --target {WEAK}" in words
    assert "Seen by *us*." in words
    here = [node for node in article.all("li") if node.attributes.get("class") == "here"]
    assert [node.all("code")[0].text for node in here] == ["run(0x11000)"]


def test_unexplained(page: Node) -> None:
    """A finding whose target is not here is shown with its program, and the reason."""
    (article,) = [node for node in page.all("article") if "their.core:boot" in node.words()]
    assert "importing their.core failed" in article.words()
    assert "run(0x11000)" in article.words()
    assert article.all("svg") == []


def test_an_empty_store(tmp_path: Path) -> None:
    """A page about nothing says so."""
    (tmp_path / "findings").mkdir()
    page = read(render(report_on(Store(tmp_path / "findings"))))
    assert page.all("h1")[0].words() == "sysfuzz report"
    assert "Nothing." in page.words()


def test_for_readers_who_do_not_see(page: Node) -> None:
    """Headings in order, tables with captions and scopes, pictures with title and description, names that lead somewhere."""
    (html,) = page.all("html")
    assert html.attributes["lang"] == "en"
    levels = [int(node.tag[1]) for node in page.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert len(set(ids(page))) == len(ids(page))
    for node in page.all():
        for name in node.attributes.get("aria-labelledby", "").split():
            assert name in ids(page)
        if node.tag == "a":
            assert node.attributes["href"][1:] in ids(page)
        if node.tag == "table":
            assert node.children[0].tag == "caption"
        if node.tag == "th":
            assert node.attributes["scope"] in ("col", "row")
        if node.tag == "svg":
            assert node.attributes["role"] == "img"
            assert [child.tag for child in node.children[:2]] == ["title", "desc"]
            assert all(child.text for child in node.children[:2])
        if node.attributes.get("tabindex") == "0":
            assert node.attributes["role"] == "region"
            assert node.attributes["aria-label"]


def shape(node: Node) -> list[tuple[str, list[str]]]:
    """The elements of a page with the names of their attributes: all that is not text."""
    return [(found.tag, sorted(found.attributes)) for found in node.all()]


def test_hostile_text(store: Store) -> None:
    """What others wrote is text wherever it stands: markup, template syntax and entities are shown as they are."""
    (store.directory / MERGE_ID / "notes.md").write_text(HOSTILE, encoding="utf-8")
    page = read(render(report_on(store, explainer=saying(HOSTILE))))
    (article,) = page.all("article")
    assert article.words().count(HOSTILE) >= 10
    assert page.all("script", "img") == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec=None), min_size=1) | st.text("<>\"'&/!-{}%#= a", min_size=1))
def test_text_never_changes_the_page(store: Store, text: str) -> None:
    """Whatever is said, the page has the same elements and attributes, but for words and lines that are told apart."""
    said = read(render(report_on(store, explainer=saying(f"x{text}"))))
    plain = read(render(report_on(store, explainer=saying("x"))))
    optional = [("span", ["class"]), ("wbr", []), ("text", ["text-anchor", "x", "y"])]
    assert [e for e in shape(said) if e not in optional] == [e for e in shape(plain) if e not in optional]


def test_same_store_same_bytes(tmp_path: Path) -> None:
    """Two stores with the same findings make the same page."""
    one, other = (
        render(report_on(full(tmp_path / name / "findings"))).replace(str(tmp_path / name), "") for name in "ab"
    )
    assert one == other


def colours(block: str) -> dict[str, str]:
    """The colours that a part of the style sheet names."""
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


LIGHT, DARK = (colours(block) for block in CSS.split("@media (prefers-color-scheme: dark)"))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast as WCAG 2 defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wcag() -> None:
    """The measure itself: black on white is 21, a colour on itself 1, and #767676 on white the darkest grey that just passes."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#123456", "#123456") == 1
    assert contrast("#777777", "#ffffff") < 4.5 < contrast("#767676", "#ffffff")


def test_both_schemes_name_all_colours() -> None:
    """No colour of the light scheme is left over in the dark one."""
    assert len(LIGHT) > 10
    assert set(LIGHT) == set(DARK)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        *[(text, ground) for text in ("ink", "quiet") for ground in ("paper", "sheet")],
        ("link", "paper"),
        ("part", "paper"),
        ("ink", "mark"),
        *[("on-badge", severity) for severity in ("critical", "high", "medium", "low")],
        ("on-attribute", "attribute"),
        ("on-plain", "plain"),
    ],
)
def test_contrast(scheme: dict[str, str], text: str, ground: str) -> None:
    """Text stands out from its ground as WCAG 2 AA asks, in both schemes."""
    assert contrast(scheme[text], scheme[ground]) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_picture_needs_no_colour_sense(scheme: dict[str, str]) -> None:
    """A page with the attribute is told from one without by brightness alone."""
    assert contrast(scheme["attribute"], scheme["plain"]) >= 3
