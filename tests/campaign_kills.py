"""A campaign whose processes are killed at random moments, and what must hold after each: `python tests/campaign_kills.py 200 DIR [SEED]`.

The victim is the runner, or any process below it: a worker, a survey, a search for a smaller program. One that is not the runner must not
end the run.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from sysfuzz.campaign.check import check
from sysfuzz.campaign.layout import Layout

RUN = ("--target", "nosyscalls-2011", "--seed", "1", "-j", "2", "--epoch-runs", "400")
LATEST = 10.0  # seconds after its start in which a runner is killed: some epochs


def start(home: Path, *more: str) -> "subprocess.Popen[bytes]":
    """A real runner."""
    import sysfuzz

    environment = os.environ | {"PYTHONPATH": str(Path(sysfuzz.__file__).parents[1])}
    command = [sys.executable, "-m", "sysfuzz", "campaign", "run", str(home), *RUN, *more]
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


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


def kill_once(home: Path, rng: random.Random, latest: float = LATEST) -> str:
    """Start a runner, kill something after a while, and in the end the runner; who the first victim was. AssertionError: something is lost."""
    layout = Layout(home)
    before = committed(layout)
    with start(home) as runner:
        time.sleep(rng.uniform(0.1, latest))
        family = below(runner.pid)
        victim = rng.choice(family) if family and rng.random() < 0.5 else runner.pid
        name = Path(f"/proc/{victim}/cmdline").read_text().replace("\0", " ")[:200] if alive(victim) else "gone"
        os.kill(victim, signal.SIGKILL) if alive(victim) else None
        if victim != runner.pid:
            time.sleep(rng.uniform(0.1, latest / 2))
            assert runner.poll() is None, f"a runner has ended with a child of it: {runner.communicate()[0].decode()}"
            family = below(runner.pid)
            runner.kill()
        runner.wait()
        output = runner.stdout.read().decode() if runner.stdout else ""
    deadline = time.monotonic() + 10.0
    while any(map(alive, family)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(alive, family)), "a child has outlived its runner"
    if layout.campaign.exists():
        checked = check(layout)
        assert not checked.problems, (checked.problems, output)
    after = committed(layout)
    assert before.items() <= after.items(), "an epoch that was on record is lost, or another"
    return (
        "runner"
        if victim == runner.pid
        else next((word for word in ("worker", "survey", "replay", "minimise") if word in name), name)
    )


def main(kills: int, home: Path, seed: int) -> None:
    """Kill so often, and say what was hit."""
    rng = random.Random(seed)
    victims: dict[str, int] = {}
    for number in range(kills):
        victim = kill_once(home, rng)
        victims[victim] = victims.get(victim, 0) + 1
        print(f"{number + 1}: {victim}, {len(committed(Layout(home)))} epochs", flush=True)
    print(victims, check(Layout(home)))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
