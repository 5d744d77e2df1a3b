"""A Dask cluster of processes on this machine, and a campaign's driver as a process of its own that says what happens in lines of JSON.

`python toy_cluster.py HOME ADDRESS EPOCHS RUNS [DEPOT]` is the driver.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SECONDS = 300.0  # for anything: a machine may be busy


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Cluster:
    """A scheduler at a fixed port, and workers without a nanny: who is killed stays dead."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self._home = home
        self._alive: list[subprocess.Popen[bytes]] = []
        self._scheduler: subprocess.Popen[bytes] | None = None

    def scheduler(self) -> None:
        """Start the scheduler, and wait until it answers."""
        self._scheduler = self._start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"
        )
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", self.port)):
                return
            assert self._scheduler.poll() is None, (self._home / "log").read_text()
            time.sleep(0.05)
        raise AssertionError("the scheduler does not answer")

    def kill_scheduler(self) -> None:
        """Kill it, whereupon its workers end."""
        assert self._scheduler is not None
        self._scheduler.kill()
        self._scheduler.wait()

    def worker(self, sources: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a worker, with another copy of the sources."""
        return self._start(
            "dask_worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
            "--local-directory", str(self._home), "--memory-limit", "0", path=sources,
        )  # fmt: skip

    def close(self) -> None:
        """End all."""
        for process in self._alive:
            process.kill()
            process.wait()

    def _start(self, program: str, *arguments: str, path: Path | None = None) -> subprocess.Popen[bytes]:
        environment = os.environ | {"TMPDIR": str(self._home), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "2"}
        if path is not None:
            environment["PYTHONPATH"] = str(path)
        command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments]
        with (self._home / "log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
        self._alive.append(process)
        return process


@contextmanager
def cluster(home: Path) -> Iterator[Cluster]:
    """A cluster whose processes end with the context."""
    home.mkdir()
    one = Cluster(home)
    try:
        yield one
    finally:
        one.close()


class Driver:
    """A driver, and what it has said so far."""

    def __init__(self, home: Path, address: str, epochs: int, runs: int = 60, depot: str = "") -> None:
        self.events: list[dict[str, Any]] = []
        self._said = home.with_name(f"{home.name}.{time.monotonic_ns()}")
        with self._said.open("wb") as said, self._said.with_suffix(".err").open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(home), address, str(epochs), str(runs), *([depot] if depot else [])],
                stdout=said, stderr=errors,
            )  # fmt: skip

    def said(self, event: str, least: int = 1) -> list[dict[str, Any]]:
        """Its events of this kind, once there are as many."""

        self.until(lambda: self._count(event) >= least)
        return [one for one in self.events if one["event"] == event]

    def until(self, true: Callable[[], Any]) -> Any:
        """What `true` answers once that is not nothing, while the driver lives."""
        deadline = time.monotonic() + SECONDS
        while True:
            has_ended = self._process.poll() is not None
            self._listen()
            if answer := true():
                return answer
            assert not has_ended, self._last_words()
            assert time.monotonic() < deadline, f"it has not happened: {self._last_words()}"
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        self._listen()

    def ended(self) -> Mapping[str, Any]:
        """How the run has ended, once it has."""
        ended = self.said("ended")[0]
        self._process.wait(SECONDS)
        return ended

    def stop(self) -> None:
        """Ask it to end."""
        self._process.send_signal(signal.SIGTERM)

    def _count(self, event: str) -> int:
        return sum(one["event"] == event for one in self.events)

    def _listen(self) -> None:
        text = self._said.read_bytes()
        self.events = [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]

    def _last_words(self) -> str:
        return f"{self.events[-3:]}\n{self._said.with_suffix('.err').read_text()}"


def main(home: str, address: str, epochs: str, runs: str, depot: str | None = None) -> None:
    """Drive a campaign on the design without bugs."""
    from sysfuzz.campaign.cluster import run
    from sysfuzz.campaign.runner import Settings

    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    settings = Settings(
        home=Path(home), target="nosyscalls", seed=1, otherwise=1, workers=1, epoch_runs=int(runs), epochs=int(epochs),
        who={"pid": os.getpid(), "host": "here", "started": "2026-01-31T12:00:00Z", "command": "toy_cluster"},
    )  # fmt: skip

    def say(event: dict[str, Any]) -> None:
        print(json.dumps(event), flush=True)

    ended = run(address, depot, settings, lambda: datetime.now(UTC), say, lambda standing: None, lambda: bool(stopped))
    say({"event": "ended", "why": ended.why, "error": str(ended.error or ""), **ended.standing._asdict()})


if __name__ == "__main__":
    main(*sys.argv[1:])
