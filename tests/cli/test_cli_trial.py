"""A trial in a process of its own: an answer, or why there is none, whatever is tried."""

import os
import signal
import time
from pathlib import Path

import pytest

import hostile_cores
from sysfuzz.cli import trial
from sysfuzz.cli.trial import NoAnswer, tried


@pytest.mark.parametrize("answer", ["", "yes", "many words " * 1000])
def test_an_answer(answer: str) -> None:
    """What is answered arrives whole."""
    assert tried(lambda: answer) == answer


def test_it_happens_elsewhere(capfd: pytest.CaptureFixture[str]) -> None:
    """Neither words nor changes of the trial reach this process."""
    seen = []

    def question() -> str:
        seen.append(os.getpid())
        print("heard?")
        os.write(2, b"heard?")
        return str(seen[0])

    assert tried(question) != str(os.getpid())
    assert seen == []
    assert capfd.readouterr() == ("", "")


def test_it_may_fork() -> None:
    """Of two processes that answer, one is heard."""

    def question() -> str:
        os.fork()
        return "twice"

    assert tried(question) == "twice"


def _killed() -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return ""


def _left() -> str:
    os._exit(3)


def _raised() -> str:
    raise SystemExit("out")


@pytest.mark.parametrize(
    ("question", "why"),
    [
        (_killed, "killed the process with SIGKILL"),
        (_left, "ended the process with status 3"),
        (_raised, "ended the process with status 0"),
    ],
)
def test_an_end_without_an_answer(question: object, why: str) -> None:
    """A process that ends has its end told."""
    with pytest.raises(NoAnswer, match=f"^{why}$"):
        tried(question)  # type: ignore[arg-type]


def test_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that does not end is given up, and killed with all that it has started."""
    monkeypatch.setattr(trial, "SECONDS", 0.3)
    reader, writer = os.pipe()

    def question() -> str:
        os.fork()
        os.write(writer, b"%d " % os.getpid())
        hostile_cores.no_end()
        return ""

    with pytest.raises(NoAnswer, match=r"^did not end within 0\.3 s$"):
        tried(question)
    os.close(writer)
    pids = os.read(reader, 100).split()
    os.close(reader)
    assert len(pids) == 2
    for pid in pids:
        _await_end(int(pid))


def _await_end(pid: int) -> None:
    """Wait until a process that was killed is gone, or is a corpse that nobody has waited for."""
    status = Path(f"/proc/{pid}/stat")
    for _ in range(1000):
        try:
            if status.read_text().rpartition(")")[2].split()[0] in "ZX":
                return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.01)
    pytest.fail(f"process {pid} lives on")
