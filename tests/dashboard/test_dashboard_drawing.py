"""Plots as SVG: a file says all that a page does, can be read on light and on dark, and needs nothing else."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from made_campaign import HOSTILE

from sysfuzz.dashboard.charts import Chart, chart
from sysfuzz.dashboard.drawing import drawn, stand_alone

SVG = "{http://www.w3.org/2000/svg}"
LINES = {"calls": [0.0, 40.0, 90.0], "entries": [0.0, 10.0, 12.0], "code": [1.0, 2.0, 3.0]}


def made(**lines: list[float]) -> Chart:
    """A plot with marks."""
    return chart("domains", "Features by domain", [0.0, 60.0, 120.0], lines or LINES, [30.0, 90.0], "a new run starts")


def parsed(c: Chart, about: str = "a target, 2 min") -> ElementTree.Element:
    """The file, read by a parser that allows no mistake."""
    return ElementTree.fromstring(stand_alone(c, about))


def texts(root: ElementTree.Element) -> list[str]:
    """What stands in a picture."""
    return [node.text or "" for node in root.iter(f"{SVG}text")]


def test_a_file_says_what_it_shows() -> None:
    """It has its title and what it is about, the name of each line, what marks are, and the sentence for those who see none of it."""
    c = made()
    root = parsed(c)
    assert {"Features by domain", "a target, 2 min", "90 calls", "12 entries", "3 code", "a new run starts"} <= set(
        texts(root)
    )
    assert root.attrib["role"] == "img"
    assert [node.text for node in root.iter(f"{SVG}desc")] == [c.description]
    assert "Marks (a new run starts): 30 s, 1 min 30 s." in c.description


def test_a_file_is_the_page_s_own_picture() -> None:
    """All that a page draws of it is in the file, in the same words."""
    page = drawn(made()).splitlines()[1:-1]
    assert len(page) > 20
    assert page == [line for line in stand_alone(made(), "").splitlines() if line in set(page)]


def test_all_lies_on_the_paper() -> None:
    """The paper is as large as the picture, and everything is on it."""
    root = parsed(made())
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    (paper,) = root.iter(f"{SVG}rect")
    assert [float(paper.attrib[name]) for name in ("x", "y", "width", "height")] == [left, top, width, height]
    lines = list(root.iter(f"{SVG}line"))
    assert all(left <= float(line.attrib[name]) <= left + width for line in lines for name in ("x1", "x2"))
    assert all(top <= float(line.attrib[name]) <= top + height for line in lines for name in ("y1", "y2"))
    assert all(top + 10 <= float(node.attrib["y"]) <= top + height for node in root.iter(f"{SVG}text"))


def test_marks_stand_for_themselves() -> None:
    """There is a thin line from top to bottom for each mark, and one like it beside what they are."""
    c = made()
    found = [node.attrib for node in parsed(c).iter(f"{SVG}line") if node.attrib["class"] == "run"]
    across = [float(line["x1"]) for line in found if float(line["y1"]) == c.top and float(line["y2"]) == c.bottom]
    span = c.right - c.left
    assert across == pytest.approx([c.left + span / 4, c.left + span * 3 / 4], abs=1)
    assert len(found) == 3
    assert all(line["x1"] == line["x2"] for line in found)


def test_both_themes() -> None:
    """Every rule that colours something says a colour, and another one for dark pages."""
    (style,) = parsed(made()).iter(f"{SVG}style")
    light, media, dark = (style.text or "").partition("@media (prefers-color-scheme: dark) {")
    assert media
    assert "var(" not in light + dark
    colours = [re.findall("(?:fill|stroke): (#[0-9a-f]{6})", part) for part in (light, dark)]
    assert len(colours[0]) == len(colours[1]) >= 9
    assert all(one != other for one, other in zip(*colours, strict=True))


def test_nothing_is_loaded() -> None:
    """A file names nothing outside itself, so that every page may show it."""
    text = stand_alone(made(), "a target")
    assert text.count("http") == 1  # the name of SVG itself
    assert not re.search("href|url\\(|@import|<script|<image", text)


@pytest.mark.parametrize("name", [HOSTILE, "]]>", "a\x00b", "\ud800", "\x1b[31m", "\u202etxt.exe"])
def test_names_stay_text(name: str) -> None:
    """Whatever a domain or a target is called is text in a file that parses; what XML cannot hold, or disguises the rest, is U+FFFD."""
    root = parsed(made(**{name: [1.0, 2.0, 3.0], "other": [0.0, 0.0, 0.0]}), name)
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in name)
    assert {shown, f"3 {shown}"} <= set(texts(root))
    assert not list(root.iter(f"{SVG}script"))
    stand_alone(made(), name).encode()


def test_no_server_and_no_template_is_needed() -> None:
    """Plots are drawn where neither is installed."""
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('jinja2', 'prometheus_client', 'starlette', 'uvicorn')))\n"
        "import sysfuzz.dashboard.drawing, sysfuzz.dashboard.plots, sysfuzz.cli.campaign_status\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
