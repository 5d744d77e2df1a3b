"""`sysfuzz campaign status --plots`: a campaign over time as pictures in files."""

import json
import os
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from commandline import assert_refused, run

from dashboard.made_campaign import BEGAN, CORE, campaign, epoch, event, small

SVG = "{http://www.w3.org/2000/svg}"
NAMES = [f"{name}.svg" for name in ("rate", "executions", "features", "domains", "programs", "findings")]


def texts(path: Path) -> list[str]:
    """What stands in a picture."""
    return [node.text or "" for node in ElementTree.parse(path).iter(f"{SVG}text")]


def test_plots_are_written(tmp_path: Path) -> None:
    """Each is a file of its own, named after the status, with its title, of what campaign and how long a time it is, and the last numbers."""
    small(tmp_path / "campaign")
    out = tmp_path / "some" / "where"
    result = run("campaign", "status", tmp_path / "campaign", "--plots", out)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == run("campaign", "status", tmp_path / "campaign").stdout + "".join(
        f"{out / name}\n" for name in NAMES
    )
    assert sorted(os.listdir(out)) == sorted(NAMES)
    for name in NAMES:
        assert f"nosyscalls-2011, 58 min from {BEGAN:%Y-%m-%dT%H:%M:%SZ} on" in texts(out / name)
    assert {"Executions", "240,000"} <= set(texts(out / "executions.svg"))
    assert {"Features by domain", "150 calls", "55 entries", "20 events"} <= set(texts(out / "domains.svg"))
    assert {"Programs of the corpus", "24"} <= set(texts(out / "programs.svg"))
    assert {"Bugs found", "1 critical", "1 high", "0 medium", "2 low"} <= set(texts(out / "findings.svg"))


@pytest.mark.parametrize("minutes", [(), (10,), (10, 25, 26)])
def test_further_runs_are_marked(tmp_path: Path, minutes: tuple[int, ...]) -> None:
    """A reader sees where the campaign was resumed, and what the marks are; one that was not has none."""
    layout = campaign(tmp_path / "campaign")
    epoch(layout, "w0", 0, minute=1, features={"calls": 5})
    for minute in minutes:
        event(layout, BEGAN + timedelta(minutes=minute), "started", core=CORE, before=CORE)
    epoch(layout, "w0", 1, minute=100, features={"calls": 6})
    assert run("campaign", "status", tmp_path / "campaign", "--plots", tmp_path / "out").exit_code == 0
    for name in NAMES:
        root = ElementTree.parse(tmp_path / "out" / name).getroot()
        marks = [node.attrib for node in root.iter(f"{SVG}line") if node.attrib["class"] == "run"]
        grid = next(node.attrib for node in root.iter(f"{SVG}line") if node.attrib["class"] == "grid")
        left, right = float(grid["x1"]), float(grid["x2"])
        found = [float(line["x1"]) for line in marks if float(line["y2"]) - float(line["y1"]) > 100]
        assert found == pytest.approx([left + (right - left) * minute / 100 for minute in minutes], abs=1)
        assert ("a new run starts" in texts(tmp_path / "out" / name)) == bool(minutes)


def test_json_has_standard_output_for_itself(tmp_path: Path) -> None:
    """With --json - the names are on standard error."""
    small(tmp_path / "campaign")
    result = run("campaign", "status", tmp_path / "campaign", "--plots", tmp_path / "out", "--json", "-")
    assert json.loads(result.stdout)["epochs"] == 12
    assert result.stderr.endswith(f"{tmp_path / 'out' / 'findings.svg'}\n")


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Drawn again, a plot is another file under the old name: whoever reads the old one reads it to its end."""
    small(tmp_path / "campaign")
    for _ in range(2):
        assert run("campaign", "status", tmp_path / "campaign", "--plots", tmp_path).exit_code == 0
        with (tmp_path / "rate.svg").open(encoding="utf-8") as old:
            assert run("campaign", "status", tmp_path / "campaign", "--plots", tmp_path).exit_code == 0
            assert os.fstat(old.fileno()).st_nlink == 0
            assert old.read() == (tmp_path / "rate.svg").read_text(encoding="utf-8")
    assert sorted(os.listdir(tmp_path)) == sorted(["campaign", *NAMES])


def test_nothing_to_draw(tmp_path: Path) -> None:
    """Of a campaign without a past there is no picture, and no directory for it."""
    campaign(tmp_path / "campaign")
    result = run("campaign", "status", tmp_path / "campaign", "--plots", tmp_path / "out")
    reason = "nothing has happened yet; supported: a campaign that has finished an epoch"
    assert (result.exit_code, result.stderr) == (2, f"--plots: {tmp_path / 'campaign'}: {reason}\n")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be(tmp_path: Path) -> None:
    """A screen has no place for files, and a file none for others."""
    small(tmp_path / "campaign")
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    refused = run("campaign", "status", tmp_path / "campaign", "--plots", tmp_path / "out", "--watch")
    assert_refused(refused, "--watch: contradicts --plots")
    result = run("campaign", "status", tmp_path / "campaign", "--plots", tmp_path / "file")
    assert (result.exit_code, result.stderr) == (2, f"{tmp_path / 'file'}: File exists\n")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"
