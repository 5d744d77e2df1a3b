"""Commands beside the workers: their time, what they leave behind, and their end."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sysfuzz.campaign.children import Children

FOREVER = 600.0  # seconds that no test waits


def is_alive(pid: str) -> bool:
    """Whether there is such a process; one that is dead and not waited for is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ended(pids: list[str]) -> bool:
    """Whether all of them end soon."""
    deadline = time.monotonic() + 60.0
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(is_alive, pids))


def appeared(path: Path) -> list[str]:
    """The words of a file that somebody is about to put there."""
    while not path.exists():
        time.sleep(0.02)
    return path.read_text().split()


def pair(path: Path) -> list[str]:
    """A command that starts another, tells both numbers in a file, and does not end."""
    return ["sh", "-c", f"sleep 600 & echo $! $$ > {path}.new; mv {path}.new {path}; wait"]


@pytest.mark.parametrize(
    ("script", "status", "errors"),
    [("cat > got", 0, b""), ("echo lost; echo why >&2; exit 3", 3, b"why\n"), ("kill -9 $$", -9, b"")],
)
def test_a_command_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, status: int, errors: bytes
) -> None:
    """Its status and the end of its errors are told, and it had the message."""
    monkeypatch.chdir(tmp_path)
    assert Children().run(["sh", "-c", script], os.environ, b"news") == (status, errors, False)
    assert not Path("got").exists() or Path("got").read_bytes() == b"news"


def test_what_it_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    """A command that starts something and ends has ended."""
    done = Children().run(["sh", "-c", f"sleep 600 & echo $! > {tmp_path}/pid"], os.environ, seconds=FOREVER)
    (pid,) = appeared(tmp_path / "pid")
    assert (done.status, done.late, is_alive(pid)) == (0, False, True)
    os.kill(int(pid), signal.SIGKILL)


def test_its_time_is_up(tmp_path: Path) -> None:
    """It ends with all that it has started."""
    done = Children().run(pair(tmp_path / "pids"), os.environ, seconds=2.0)
    assert (done.status, done.late) == (-signal.SIGKILL, True)
    assert ended(appeared(tmp_path / "pids") if (tmp_path / "pids").exists() else [])


def test_closing_ends_all(tmp_path: Path) -> None:
    """Those under way, with all that they have started, and those that come later."""
    children = Children()
    running = threading.Thread(target=children.run, args=(pair(tmp_path / "pids"), os.environ))
    running.start()
    pids = appeared(tmp_path / "pids")
    children.close()
    running.join()
    assert ended(pids)
    assert children.run(["sleep", "600"], os.environ).status == -signal.SIGKILL


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """A runner that is killed leaves none of its commands."""
    command = ["sh", "-c", f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 600"]
    script = f"import os\nfrom sysfuzz.campaign.children import Children\nChildren().run({command}, os.environ)\n"
    places = os.pathsep.join(path or os.getcwd() for path in sys.path)
    parent = subprocess.Popen([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": places})
    pids = appeared(tmp_path / "pid")
    parent.kill()
    parent.wait()
    assert ended(pids)
