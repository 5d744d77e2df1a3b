"""The pages, asked over real connections: whole HTML that everybody can use, and what the directory holds is on it."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from made_campaign import HOSTILE, MERGE_ID, TARGET, campaign, epoch, finding, small
from serving import Served, serving

from report.page import Node, read
from sysfuzz.findings.store import Store

PAGES = (
    "/",
    "/plots",
    "/findings",
    "/findings?kind=design",
    "/workers",
    "/corpus",
    "/weaknesses",
    f"/finding/{MERGE_ID}",
)
LIVELY = ("/", "/plots", "/workers")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard of a small campaign."""
    home = tmp_path_factory.mktemp("campaign")
    small(home)
    with serving(home) as found:
        yield found


def page(served: Served, path: str) -> Node:
    """A page, which every reader can read."""
    answer = served.ask(path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    return read(answer.text)


def story(served: Served, identity: str) -> Node:
    """The page of a finding, once its story is told."""
    while True:
        found = page(served, f"/finding/{identity}")
        if not [node for node in found.all("p") if node.attributes.get("role") == "status"]:
            return found


@pytest.mark.parametrize("path", PAGES)
def test_everybody_finds_the_way(served: Served, path: str) -> None:
    """A language, a title, one h1, headings without gaps, landmarks, a way past the navigation, and one link that says where we are."""
    document = page(served, path)
    (html,) = document.all("html")
    assert html.attributes["lang"] == "en"
    assert document.all("title")[0].words().strip()
    levels = [int(node.tag[1]) for node in document.all("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert [len(document.all(tag)) for tag in ("header", "main", "footer")] == [1, 1, 1]
    (skip,) = [node for node in document.all("a") if node.attributes.get("class") == "skip"]
    assert skip.attributes["href"] == f"#{document.all('main')[0].attributes['id']}"
    assert all(node.attributes.get("aria-label") for node in document.all("nav"))
    here = [node for node in document.all("a") if node.attributes.get("aria-current") == "page"]
    assert len(here) == 1


@pytest.mark.parametrize("path", PAGES)
def test_everybody_reads_tables_and_pictures(served: Served, path: str) -> None:
    """Cells have heads with a scope, fields have labels, what scrolls can be reached and has a name, and so has every picture."""
    document = page(served, path)
    assert all(node.attributes.get("scope") in ("col", "row") for node in document.all("th"))
    assert all(table.all("th") for table in document.all("table"))
    ids = [node.attributes["id"] for node in document.all() if "id" in node.attributes]
    assert len(set(ids)) == len(ids)
    labelled = {node.attributes["for"] for node in document.all("label")}
    fields = [node for node in document.all("input", "select") if node.attributes.get("type") != "hidden"]
    assert {node.attributes["id"] for node in fields} == labelled
    for node in document.all():
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(node.attributes.get(name, "").split()) <= set(ids)
        if node.attributes.get("class") == "scroll":
            assert node.attributes["tabindex"] == "0"
            assert node.attributes["aria-label"]
        if node.tag == "svg":
            assert node.attributes["role"] == "img"
            assert all(one.words().strip() for one in node.all("title", "desc"))


@pytest.mark.parametrize("path", PAGES)
def test_nothing_from_elsewhere(served: Served, path: str) -> None:
    """No script, no style in the page, no handler, and every address is one of this server."""
    document = page(served, path)
    assert document.all("script", "style", "img", "iframe", "object", "embed", "base") == []
    for node in document.all():
        assert not [
            name
            for name in node.attributes
            if name.startswith("on") or name in ("style", "src", "srcset", "xlink:href")
        ]
        for name in ("href", "action"):
            address = node.attributes.get(name, "/")
            assert address.startswith(("/", "#", "?"))
            assert not address.startswith("//")


@pytest.mark.parametrize("path", PAGES)
def test_links_lead_somewhere(served: Served, path: str) -> None:
    """Every link answers."""
    document = page(served, path)
    base = path.partition("?")[0]
    addresses = {node.attributes["href"] for node in document.all("a", "link") if "href" in node.attributes}
    for address in sorted(addresses):
        if not address.startswith("#"):
            assert served.ask(base + address if address.startswith("?") else address).status == 200, address


@pytest.mark.parametrize("path", PAGES)
def test_pages_that_live_are_loaded_again_unless_asked_not_to(served: Served, path: str) -> None:
    """Those that show what goes on come again, and have a link that stops it; the others stay, as a list that is read must."""
    kept = [node for node in page(served, path).all("meta") if node.attributes.get("http-equiv") == "refresh"]
    if path in LIVELY:
        assert [node.attributes["content"] for node in kept] == ["15"]
        (stop,) = [node for node in page(served, path).all("a") if node.attributes["href"] == f"{path}?refresh=off"]
        assert stop.words() == "Stop that"
        assert "refresh" not in {
            node.attributes.get("http-equiv") for node in page(served, f"{path}?refresh=off").all("meta")
        }
    elif not path.startswith("/finding/"):  # which is, while its story is being made
        assert kept == []


def test_overview(served: Served) -> None:
    """How the campaign stands is on the first page."""
    words = page(served, "/").all("main")[0].words()
    tiles = {node.all("dt")[0].words(): node.all("dd")[0].words() for node in page(served, "/").all("dl")[0].children}
    assert tiles["executions"] == "240,000"
    assert tiles["features"] == "225"
    assert tiles["programs"] == "24"
    assert tiles["open bugs"] == "3"
    assert tiles["since a finding was new"] == "1 h 20 min"
    assert "2 of 4 are found" in words
    assert "not running" in page(served, "/").words()


def test_list_says_how_it_is_sorted(served: Served) -> None:
    """The head of the column by which a list is sorted says so, and the link in it turns the order."""
    (head,) = [node for node in page(served, "/findings?sort=count").all("th") if "aria-sort" in node.attributes]
    assert head.attributes["aria-sort"] == "descending"
    (link,) = head.all("a")
    (head,) = [
        node for node in page(served, f"/findings{link.attributes['href']}").all("th") if "aria-sort" in node.attributes
    ]
    assert head.attributes["aria-sort"] == "ascending"


def test_list_filters(served: Served) -> None:
    """What is filtered is gone, and the form says by what."""
    document = page(served, "/findings?severity=critical&text=MERGE")
    rows = [node.words() for node in document.all("tbody")[0].all("th")]
    assert rows == ["attribute/mmap/merge"]
    (chosen,) = [node for node in document.all("option") if "selected" in node.attributes]
    assert chosen.words() == "critical"
    assert "None that are asked for." in page(served, "/findings?oracle=nothing").all("main")[0].words()


def test_features_by_domain_are_plotted(served: Served) -> None:
    """The plot of features has a line for each domain with its name and number, the same as a sentence, and on the page of plots as a table."""
    for path in ("/", "/plots", "/corpus"):
        (figure,) = [
            node
            for node in page(served, path).all("figure")
            if node.all("figcaption")[0].words() == "Features by domain"
        ]
        labels = [node.words() for node in figure.all("text") if "class" not in node.attributes]
        assert labels == ["150 calls", "55 entries", "20 events"]
        words = figure.all("desc")[0].words()
        assert all(
            f"{domain}: from 0 to {count}" in words
            for domain, count in (("calls", 150), ("entries", 55), ("events", 20))
        )
    (figure,) = [
        node
        for node in page(served, "/plots").all("figure")
        if node.all("figcaption")[0].words() == "Features by domain"
    ]
    assert [node.words() for node in figure.all("thead")[0].all("th")] == ["after", "calls", "entries", "events"]
    assert [node.words() for node in figure.all("tr")[-1].all("td")] == ["150", "55", "20"]


def test_nothing_to_plot(tmp_path: Path) -> None:
    """A campaign that has run and shows no feature yet has its pages, too."""
    layout = campaign(tmp_path)
    epoch(layout, "w0", 0, minute=1, features={})
    with serving(tmp_path) as found:
        captions = [node.words() for node in page(found, "/plots").all("figcaption")]
    assert "Executions a second" in captions
    assert "Features by domain" not in captions


def test_kin_are_told(tmp_path: Path) -> None:
    """What may be a simpler finding says so on the list and on its page, and the simpler one names it; once that is settled, neither does."""
    layout = small(tmp_path)
    elder = finding(layout, "escape", "check/int80", target=TARGET)
    kin = finding(layout, "escape", "check/int80/tail", target=TARGET)
    with serving(tmp_path) as found:
        (row,) = [node for node in page(found, "/findings").all("tr") if "check/int80/tail" in node.words()]
        assert "may be check/int80" in row.words()
        assert [node.attributes["href"] for node in row.all("a")] == [f"/finding/{kin}", f"/finding/{elder}"]
        row = page(found, "/findings?text=check%2Fint80&sort=bucket").all("tbody")[0].all("tr")[0]
        assert "may be" not in row.words()
        assert facts(page(found, f"/finding/{kin}"))["may be"] == "check/int80, which is simpler: look at that first"
        assert facts(page(found, f"/finding/{elder}"))["may show as"] == "check/int80/tail: look at this one first"
    Store(layout.findings).set_status(elder, "fixed")
    with serving(tmp_path) as found:
        assert "may be" not in page(found, "/findings").all("tbody")[0].words()
        assert "may be" not in facts(page(found, f"/finding/{kin}"))


def facts(document: Node) -> dict[str, str]:
    """The first list of facts on a page."""
    listed = document.all("dl")[0]
    return {term.words(): words.words() for term, words in zip(listed.all("dt"), listed.all("dd"), strict=True)}


def test_design_stands_apart(served: Served) -> None:
    """What the design states is not among the bugs."""
    assert "design/stated" not in page(served, "/findings").words()
    assert "design/stated" in page(served, "/findings?kind=design").words()


def test_story(served: Served) -> None:
    """A finding's page has what its program shows now: the life of the page, the instruction, the program, its code, and commands."""
    words = story(served, MERGE_ID).all("main")[0].words()
    for expected in (
        "mmap loses no-syscalls when it merges entries",
        "The life of page 0x11000 of process 1",
        "here core and spec part",
        "The instruction",
        "syscall",
        f"sysfuzz minimise {MERGE_ID} --findings",
        "sysfuzz exec ",
        'poke(0x11000, "b8140000000f05c3")',
        "escape 1,200",
    ):
        assert expected in words


def test_what_others_wrote_stays_text(served: Served) -> None:
    """Markup in a bucket, in evidence or in a fault is shown as it is, and is no part of any page."""
    (hostile,) = [
        node.attributes["href"] for node in page(served, "/findings").all("a") if node.words() == f"result/{HOSTILE}"
    ]
    for document in (
        page(served, "/findings"),
        page(served, "/workers"),
        story(served, hostile.removeprefix("/finding/")),
    ):
        assert HOSTILE in document.words()
        assert document.all("script", "img") == []


def test_notes_and_loss(served: Served, tmp_path: Path) -> None:
    """People's notes are on the page; a program that cannot be read is named there, and the rest is shown."""
    layout = small(tmp_path)
    (layout.findings / MERGE_ID / "notes.md").write_text("seen by <b>us</b>", encoding="utf-8")
    other = next(entry.id for entry in Store(layout.findings).entries().entries if entry.finding.oracle == "panic")
    (layout.findings / other / "program.prog").write_text("no program", encoding="utf-8")
    with serving(tmp_path) as found:
        assert "seen by <b>us</b>" in story(found, MERGE_ID).words()
        words = story(found, other).words()
        assert "Cannot be read" in words
        assert "panic/sys_mmap: bad flags" in words
