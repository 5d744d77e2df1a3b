"""What an epoch costs those who do not run it: `python benchmarks/exchange.py --workers 100 1000 10000`.

The driver of a campaign on a cluster, its ledger and its directory are the real ones, and so are the sizes of what is sent and comes back: those
of an epoch that is run first, and of its corpus. Only the workers are not there: whatever is sent comes back at once, as if each epoch had just
ended. One epoch in ten brings a program that shows something new. What a Dask scheduler takes for handing tasks on is measured apart, with two
real workers and tasks that do nothing.
"""

import argparse
import os
import pickle
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

from distributed import Client

from sysfuzz.campaign.cluster import Driver
from sysfuzz.campaign.core import Core
from sysfuzz.campaign.durable import make
from sysfuzz.campaign.errand import Answer, Errand, carry_out, pack, unpack
from sysfuzz.campaign.fleet import Arrival
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.lock import hold
from sysfuzz.campaign.run import Run, Settings
from sysfuzz.campaign.task import Surveyed, Task
from sysfuzz.generate.fresh import fresh
from sysfuzz.program.wire import encode

_TARGET = "nosyscalls-2011"
_NEW = 10  # epochs of which one brings something new
_SAMPLE = 6_000  # executions of the epoch that is run


def sample() -> Answer:
    """What a real epoch brings."""
    task = Task(
        shard="w0", number=0, seed=1, target=_TARGET, inputs=(), quarantine=frozenset(), findings="", runs=_SAMPLE,
        seconds=600.0, rss_limit_mb=2048,
    )  # fmt: skip
    answer = carry_out(Errand(run="sample", core=Core.of(_TARGET).version, task=task, programs=pack(())))
    assert answer.outcome is not None, answer.refusal
    return answer


class Echo:
    """Workers that are done at once."""

    def __init__(self, size: int, answer: Answer) -> None:
        self.remarks: list[str] = []
        self.sent = self.received = self.largest = 0  # bytes
        self.filled = 0.0  # seconds until all of them had their first errands
        self.handing = 0.0  # seconds in which the driver waited for this side
        self._started = 0.0
        self._size = size
        self._answer = answer
        self._waiting: deque[Errand] = deque()
        self._count = 0
        self._rng = random.Random(1)

    def size(self) -> int:
        return self._size

    def send(self, errand: Errand) -> None:
        began = time.monotonic()
        self._started = self._started or began
        data = pickle.dumps(errand)
        self.sent += len(data)
        self.largest = max(self.largest, len(data))
        self._waiting.append(errand)
        self.handing += time.monotonic() - began

    def arrivals(self, seconds: float) -> list[Arrival]:
        self.filled = self.filled or time.monotonic() - self._started
        began = time.monotonic()
        found = []
        while self._waiting and len(found) < 256:
            answer = pack(self._brought())
            self.received += len(answer)
            found.append(Arrival(self._waiting.popleft(), unpack(answer)))
        self.handing += time.monotonic() - began
        return found

    def halt(self) -> None:
        """They are done."""

    def _brought(self) -> Answer:
        outcome = self._answer.outcome
        assert outcome is not None
        self._count += 1
        programs: tuple[Surveyed, ...] = ()
        if self._count % _NEW == 0:
            model = outcome.programs[self._count % len(outcome.programs)]
            data = encode(fresh(self._rng))
            programs = (Surveyed(data, {**model.features, "invented": (f"feature{self._count}",)}),)
        known = tuple(one._replace(program="") for one in self._answer.sighted)
        return self._answer._replace(outcome=outcome._replace(programs=programs), sighted=known)


def drive(home: Path, workers: int, epochs: int, answer: Answer) -> dict[str, object]:
    """The figures of one size: `epochs` are committed after all workers have their first errands."""
    layout = Layout(home)
    make(layout.home)
    assert answer.outcome is not None
    settings = Settings(
        home=home, target=_TARGET, seed=1, otherwise=1, given=tuple(one.data for one in answer.outcome.programs)
    )
    crew = Echo(workers, answer)
    until = {"epochs": 0, "began": 0.0, "ended": 0.0, "processor": 0.0}

    def heard(event: dict[str, object]) -> None:
        if event["event"] == "epoch":
            if not until["epochs"]:
                until["began"], until["processor"] = time.monotonic(), -time.process_time()
            until["epochs"] += 1
            until["ended"] = time.monotonic()

    with hold(layout, {}):
        run = Run(
            settings, layout, lambda: datetime.now(UTC), heard, lambda standing: None, lambda: until["epochs"] >= epochs
        )
        run.go(Driver(run, crew).work)
    used = until["processor"] + time.process_time()
    seconds = until["ended"] - until["began"]
    done = until["epochs"]
    files = sum(len(names) for _, _, names in os.walk(home))
    return {
        "workers": workers,
        "first errands, s": round(crew.filled, 1),
        "epochs": done,
        "epochs/s": round(done / seconds, 1),
        "ms an epoch": round(seconds / done * 1000, 2),
        "CPU ms": round(used / done * 1000, 2),
        "of these pickling": round(crew.handing / (2 * workers + done) * 1000, 2),
        "MB of memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "bytes out": crew.sent // (2 * workers + done),
        "bytes in": crew.received // done,
        "files": files,
        "directories": sum(len(names) for _, names, _ in os.walk(home)),
    }


def scheduler(payload: int, tasks: int) -> dict[str, object]:
    """What a Dask scheduler takes to hand on a task of so many bytes; it and two workers are processes of their own."""
    command = [sys.executable, "-m"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with tempfile.TemporaryDirectory() as home:
        file = Path(home) / "scheduler.json"
        asked = ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        processes = [subprocess.Popen([*command, *asked, "--scheduler-file", str(file)], **quiet)]
        for _ in range(2):
            asked = [
                "distributed.cli.dask_worker",
                "--scheduler-file",
                str(file),
                "--nthreads",
                "1",
                "--no-nanny",
                "--no-dashboard",
            ]
            processes.append(subprocess.Popen([*command, *asked, "--local-directory", home], **quiet))
        try:
            with Client(scheduler_file=str(file), set_as_default=False) as client:
                client.wait_for_workers(2)
                client.gather([client.submit(len, os.urandom(payload), pure=False) for _ in range(50)])
                before, began = _processor(processes[0].pid), time.monotonic()
                client.gather([client.submit(len, os.urandom(payload), pure=False) for _ in range(tasks)])
                seconds, used = time.monotonic() - began, _processor(processes[0].pid) - before
        finally:
            for process in processes:
                process.kill()
                process.wait()
    return {
        "bytes of a task": payload,
        "tasks/s": round(tasks / seconds),
        "scheduler, CPU ms a task": round(used / tasks * 1000, 2),
    }


def _processor(process: int) -> float:
    """Seconds of a core that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--epochs", type=int, default=2000, help="committed for each number of workers")
    parser.add_argument("--tasks", type=int, default=1000, help="through a real scheduler; 0 for none")
    parser.add_argument("--in", dest="home", default=None, help="a directory on the disk that is to be measured")
    asked = parser.parse_args()
    answer = sample()
    assert answer.outcome is not None
    sizes = f"{len(pickle.dumps(answer)):,} bytes, packed {len(pack(answer)):,}"
    print(f"a first epoch of {answer.outcome.executions:,} executions brings {sizes}", flush=True)
    for workers in asked.workers:
        with tempfile.TemporaryDirectory(dir=asked.home) as name:
            print(drive(Path(name) / "campaign", workers, asked.epochs, answer), flush=True)
    if asked.tasks:
        for payload in (1_000, 50_000):
            print(scheduler(payload, asked.tasks), flush=True)


if __name__ == "__main__":
    main()
