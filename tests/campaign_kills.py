"""A campaign whose processes are killed at random moments, and what must hold after each: `python tests/campaign_kills.py 200 DIR`.

The victim is the runner, or any process below it: a worker, a survey, a search for a smaller program. One that is not the runner must not
end the run. With `--over 3600` the kills are spread over an hour of one campaign with epochs of the usual length, which goes on in between.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from sysfuzz.campaign.check import check
from sysfuzz.campaign.layout import Layout

TARGET = "nosyscalls-2011"
SHORT = ("--epoch-runs", "400")
LATEST = 10.0  # seconds after its start in which a runner is killed: some epochs


def start(
    home: Path, *more: str, target: str = TARGET, output: IO[bytes] | int = subprocess.PIPE
) -> "subprocess.Popen[bytes]":
    """A real runner of two workers."""
    import sysfuzz

    environment = os.environ | {"PYTHONPATH": str(Path(sysfuzz.__file__).parents[1])}
    command = [
        sys.executable,
        "-m",
        "sysfuzz",
        "campaign",
        "run",
        str(home),
        "--target",
        target,
        "--seed",
        "1",
        "-j",
        "2",
        *more,
    ]
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)


def below(pid: int) -> list[int]:
    """All living descendants of a process."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [one for child in children for one in (child, *below(child))]


def alive(pid: int) -> bool:
    """Whether a process runs, and is not dead and unburied."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def committed(layout: Layout) -> dict[str, list[str]]:
    """The programs of each epoch on record."""
    paths = [layout.epoch(shard, number) for shard in layout.epoch_shards() for number in layout.epoch_numbers(shard)]
    return {str(path): json.loads(path.read_text())["programs"] for path in paths}


def strike(runner: int, rng: random.Random) -> tuple[int, str]:
    """Kill the runner or, as often, some process below it; which, and what it was."""
    family = below(runner)
    victim = rng.choice(family) if family and rng.random() < 0.5 else runner
    command = Path(f"/proc/{victim}/cmdline").read_text() if alive(victim) else ""
    os.kill(victim, signal.SIGKILL) if alive(victim) else None
    if victim == runner:
        return victim, "runner"
    return victim, next((word for word in ("worker", "survey", "replay", "minimise") if word in command), "gone")


def is_whole(layout: Layout, before: dict[str, list[str]], family: list[int], output: str) -> None:
    """AssertionError unless a campaign whose runner has just been killed is consistent, and nothing of it lost."""
    deadline = time.monotonic() + 10.0
    while any(map(alive, family)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(alive, family)), "a child has outlived its runner"
    if layout.campaign.exists():
        checked = check(layout)
        assert not checked.problems, (checked.problems, output)
    assert before.items() <= committed(layout).items(), "an epoch that was on record is lost, or another"


def kill_once(home: Path, rng: random.Random, latest: float = LATEST) -> str:
    """Start a runner, kill something after a while, and in the end the runner; who the first victim was. AssertionError: something is lost."""
    layout = Layout(home)
    before = committed(layout)
    with start(home, *SHORT) as runner:
        time.sleep(rng.uniform(0.1, latest))
        family = below(runner.pid)
        victim, name = strike(runner.pid, rng)
        if victim != runner.pid:
            time.sleep(rng.uniform(0.1, latest / 2))
            assert runner.poll() is None, f"a runner has ended with a child of it: {runner.communicate()[0].decode()}"
            family = below(runner.pid)
            runner.kill()
        runner.wait()
        output = runner.stdout.read().decode() if runner.stdout else ""
    is_whole(layout, before, family, output)
    return name


def kill_over(home: Path, target: str, kills: int, seconds: float, rng: random.Random) -> None:
    """Kill at random moments within these seconds, begin again at once, and look at what is there each time. AssertionError as above."""
    layout = Layout(home)
    began = time.monotonic()
    with home.with_suffix(".log").open("ab") as log:
        runner = start(home, "--forever", target=target, output=log)
        for moment in sorted(rng.uniform(0.0, seconds) for _ in range(kills)):
            time.sleep(max(0.0, began + moment - time.monotonic()))
            before, family = committed(layout), below(runner.pid)
            victim, name = strike(runner.pid, rng)
            if victim == runner.pid:
                runner.wait()
                is_whole(layout, before, family, f"see {log.name}")
                runner = start(home, "--forever", target=target, output=log)
            print(f"{time.monotonic() - began:.0f} s: {name}, {len(committed(layout))} epochs", flush=True)
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        assert runner.poll() is None, f"the runner has ended: see {log.name}"
        runner.terminate()  # SIGINT is ignored by what a shell has started in the background
        print(f"ended in {runner.wait()}", check(layout))


def kill_often(home: Path, kills: int, rng: random.Random) -> None:
    """Kill so often, and say what was hit."""
    victims: dict[str, int] = {}
    for number in range(kills):
        victim = kill_once(home, rng)
        victims[victim] = victims.get(victim, 0) + 1
        print(f"{number + 1}: {victim}, {len(committed(Layout(home)))} epochs", flush=True)
    print(victims, check(Layout(home)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("kills", type=int)
    parser.add_argument("home", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--over", type=float, help="spread over so many seconds")
    parser.add_argument("--target", default=TARGET, help="with --over")
    asked = parser.parse_args()
    if asked.over:
        kill_over(asked.home, asked.target, asked.kills, asked.over, random.Random(asked.seed))
    else:
        kill_often(asked.home, asked.kills, random.Random(asked.seed))
