"""The pages in a real browser: Chromium shows them, follows their policy without a complaint, and reports nothing on its console."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_campaign import HOSTILE, MERGE_ID, small
from serving import Served, serving

from report.page import read

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (Debian's package: chromium)")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard of a small campaign."""
    home = tmp_path_factory.mktemp("campaign")
    small(home)
    with serving(home) as found:
        while 'role="status"' in found.ask(f"/finding/{MERGE_ID}").text:
            pass  # its story is being made; the browser would load the page again, as it must
        yield found


def browse(url: str, profile: Path, *options: str) -> tuple[str, list[str]]:
    """The document as Chromium has it once it is loaded, and the lines of its console."""
    assert CHROMIUM is not None
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses to make one for root
    common = [
        "--headless=new",
        "--disable-gpu",
        f"--user-data-dir={profile}",
        "--enable-logging=stderr",
        *sandbox,
        *options,
    ]
    done = subprocess.run([CHROMIUM, *common, url], capture_output=True, text=True, timeout=180, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


PAGES = ("/", "/plots?refresh=off", "/findings", f"/finding/{MERGE_ID}")


@pytest.mark.parametrize("path", PAGES)
def test_shown_without_a_complaint(served: Served, tmp_path: Path, path: str) -> None:
    """The document is what was sent: nothing of it was run, refused or reported."""
    document, console = browse(served.url + path[1:], tmp_path, "--dump-dom")
    assert console == []
    sent = read(served.ask(path).text)
    shown = read(document)
    assert shown.all("h1")[0].words() == sent.all("h1")[0].words()
    assert shown.all("main")[0].words().split() == sent.all("main")[0].words().split()
    assert shown.all("script") == []


def test_what_others_wrote_is_not_run(served: Served, tmp_path: Path) -> None:
    """A bucket that is markup is text for the browser, too."""
    document, console = browse(f"{served.url}findings", tmp_path, "--dump-dom")
    assert console == []
    assert HOSTILE in read(document).words()


def test_the_policy_is_applied(served: Served, tmp_path: Path) -> None:
    """Both themes have the style sheets of this server: the pictures of the two differ, and neither is blank."""
    pictures = []
    for theme in ("0", "1"):  # dark, light
        file = tmp_path / f"{theme}.png"
        setting = f"--blink-settings=preferredColorScheme={theme}"
        browse(served.url, tmp_path / theme, setting, "--window-size=800,600", f"--screenshot={file}")
        pictures.append(file.read_bytes())
    assert all(picture.startswith(b"\x89PNG") and len(picture) > 10_000 for picture in pictures)
    assert pictures[0] != pictures[1]


def test_a_complaint_would_be_seen(tmp_path: Path) -> None:
    """A page that breaks its own policy is reported on the console that these tests read."""
    page = tmp_path / "page.html"
    policy = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">"
    page.write_text(f"<!DOCTYPE html>{policy}<style>p {{ color: red }}</style><p>here</p>", encoding="utf-8")
    _, console = browse(page.as_uri(), tmp_path / "profile", "--dump-dom")
    assert any("Content Security Policy" in line for line in console)
