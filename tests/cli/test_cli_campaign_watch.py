"""`sysfuzz campaign status --watch` on a real terminal: it draws, follows what happens, and leaves the terminal as it was."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commandline import ENVIRONMENT, assert_refused, command, run

from dashboard.made_campaign import campaign, epoch, finding

ROWS, COLUMNS = 40, 120
PATIENCE = 120.0  # seconds, for a machine that has other things to do

# Of xterm: a private mode is set or reset. 25 is the cursor's being seen, 1049 the other screen.
MODE = re.compile(r"\x1b\[\?(\d+)([hl])")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][0-9A-B]|\r")


class Watched:
    """A process on a terminal of its own, and all that it has written there."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self.raw = ""
        self._terminal = terminal

    def read(self, seconds: float = 1.0) -> bool:
        """Take what is there or comes within a time; whether anything did."""
        if not select.select([self._terminal], [], [], seconds)[0]:
            return False
        self.raw += os.read(self._terminal, 1 << 16).decode(errors="replace")
        return True

    def shows(self, text: str) -> bool:
        """Whether a text comes to be written."""
        deadline = time.monotonic() + PATIENCE
        while text not in ESCAPE.sub("", self.raw):
            if time.monotonic() > deadline:
                return False
            self.read()
        return True

    def press(self, key: bytes) -> None:
        """As a person would."""
        os.write(self._terminal, key)

    def end(self) -> int:
        """The exit code, with all output read."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read()
        while self.read(0):
            pass
        return self.process.wait(0)


@contextmanager
def watched(home: Path, rows: int = ROWS, columns: int = COLUMNS) -> Iterator[Watched]:
    """The command, on a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    started = command("campaign", "status", home, "--watch")
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    # The first terminal that the first process of a session opens is the one whose Ctrl-C it hears.
    shell = ["sh", "-c", 'exec "$@" <"$0" >"$0" 2>&1', os.ttyname(theirs), *started]
    process = subprocess.Popen(shell, env=environment | {"TERM": "xterm-256color"}, start_new_session=True)
    try:
        yield Watched(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(theirs)
        os.close(ours)


def test_watches_until_interrupted(tmp_path: Path) -> None:
    """It draws how the campaign stands, draws it anew when an epoch or a finding is there, and Ctrl-C ends it: clean, with the old screen and
    its cursor, and no word of Python's.
    """
    layout = campaign(tmp_path)
    epoch(layout, "w0", 0, minute=1, features={"calls": 11, "entries": 5})
    with watched(tmp_path) as terminal:
        assert terminal.shows("20,000 in 1 min")
        assert terminal.shows("11 calls, 5 entries")
        assert terminal.shows("0 findings")
        epoch(layout, "w0", 1, minute=2, features={"calls": 123, "entries": 6})
        assert terminal.shows("40,000 in 2 min")
        assert terminal.shows("123 calls, 6 entries")
        identity = finding(layout, "escape", "attribute/mmap/merge")
        assert terminal.shows(f"crashing  1  {identity}")
        terminal.press(b"\x03")
        assert terminal.end() == 0
    assert "Traceback" not in terminal.raw
    modes = dict(MODE.findall(terminal.raw))  # the last one of each
    assert ("25", "l") in MODE.findall(terminal.raw)
    assert ("1049", "h") in MODE.findall(terminal.raw)
    assert modes == {"25": "h", "1049": "l"}


def test_a_campaign_that_goes_away_is_told(tmp_path: Path) -> None:
    """What cannot be read any more ends it with a line on the old screen, as without --watch."""
    layout = campaign(tmp_path)
    with watched(tmp_path) as terminal:
        assert terminal.shows("0 findings")
        layout.campaign.rename(layout.campaign.with_suffix(".away"))
        assert terminal.end() == 2
    assert f"{tmp_path}: holds no campaign" in ESCAPE.sub("", terminal.raw.rpartition("\x1b[?1049l")[2]).replace(
        "\n", ""
    )


def test_many_workers_leave_room_for_findings(tmp_path: Path) -> None:
    """On a small terminal a long list of workers is cut, and so is one of findings: the worst are there, and how many there are besides."""
    layout = campaign(tmp_path)
    for number in range(64):
        epoch(layout, f"w{number}", 0, minute=1, features={"calls": 11}, programs=0)
    worst = finding(layout, "escape", "attribute/mmap/merge")
    for number in range(20):
        finding(layout, "errno", f"result/made/{number}")
    with watched(tmp_path, rows=24, columns=100) as terminal:
        assert terminal.shows(f"crashing  1  {worst}")
        assert terminal.shows("21 findings: 1 critical, 20 low")
        assert terminal.shows("w3 ")
        assert terminal.shows("and 59 more")
        assert terminal.shows("and 16 more")
        terminal.press(b"\x03")
        assert terminal.end() == 0


def test_without_a_terminal(tmp_path: Path) -> None:
    """Where nothing can be drawn it is refused."""
    campaign(tmp_path)
    assert_refused(
        run("campaign", "status", tmp_path, "--watch"), "--watch: needs a terminal; supported elsewhere: --json"
    )
    refused = run("campaign", "status", tmp_path, "--watch", "--json", "-")
    assert_refused(refused, "--watch: contradicts --json")
