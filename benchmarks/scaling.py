"""What a second worker is worth: `python benchmarks/scaling.py --target syscallemu --for 10m --seeds 1 2 3`, on a machine with two idle cores.

For each seed a campaign of one worker and one of two are run, one after the other, each from nothing and for the same time. Executions at equal
time are compared as they are. Features cannot be: the longer one fuzzes, the rarer they get, so that twice the work brings a few per cent more
of them, and of a design that is nearly exhausted none. No number of workers shows 1.8 times the features.

What two perfect workers are is one that is twice as fast: they have at any time t what one has at 2t. So the figure that is 2 for them, 1 for a
second worker that is worth nothing, and the same whatever the shape of the curve, is the speed-up in time: how long one worker takes to some
number of features, by how long two take to as many (as Böhme and Falk compare machines, "Fuzzing: on the exponential cost of vulnerability
discovery", ESEC/FSE 2020: the same findings come in half the time, and not twice as many in the same). The levels are what one worker has after
a quarter, a half and all of the time.

It is made of two things, which are printed as well: executions at equal time, which starting, memory, disk and scheduler cost; and features at
equal executions, which workers lose that find the same between two exchanges. Time counts from the start of the run, with all that an epoch
needs besides executing. A campaign knows its features after each epoch: before the first nothing is said, and between two the curves are
straight lines, so that the length of an epoch (`--epoch-runs`) should be a small part of the run. Findings are recorded, but not minimised,
which would take of the cores what it can get.
"""

import argparse
import math
import os
import tempfile
import time
from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import click

from sysfuzz.campaign.runner import Settings, run
from sysfuzz.cli.duration import to_seconds
from sysfuzz.engine import accelerator

_PARTS = (0.25, 0.5, 1.0)  # of the time that both have run


class Curve(NamedTuple):
    """How a campaign stood after each epoch; nothing ever falls."""

    seconds: Sequence[float]
    executions: Sequence[float]
    features: Sequence[float]


def measure(home: Path, workers: int, seed: int, asked: argparse.Namespace) -> Curve:
    """Run a campaign from nothing."""
    points: list[tuple[float, int, int]] = []
    began = time.monotonic()

    def heard(event: dict[str, Any]) -> None:
        if event["event"] == "epoch":
            points.append((time.monotonic() - began, event["executions"], sum(event["features"].values())))

    compiled = None if ":" in asked.target else accelerator.ready()
    settings = Settings(
        home=home, target=asked.target, seed=seed, otherwise=seed, workers=workers, epoch_runs=asked.epoch_runs,
        epochs=math.ceil(asked.runs / asked.epoch_runs) if asked.runs else None, seconds=asked.seconds,
        sources="" if compiled is None else str(compiled),
    )  # fmt: skip
    ended = run(settings, lambda: datetime.now(UTC), heard, lambda standing: None, lambda: False)
    if ended.error is not None:
        raise ended.error
    seconds, executions, features = zip(*sorted(points), strict=True)
    return Curve(seconds, list(accumulate(executions)), list(accumulate(features, max)))


def at(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    """The first y at x, on straight lines between the points; NaN before the first and behind the last one."""
    place = bisect_left(xs, x)
    if place == len(xs):
        return math.nan
    if place == 0:
        return ys[0] if x == xs[0] else math.nan
    share = (x - xs[place - 1]) / (xs[place] - xs[place - 1])
    return ys[place - 1] + share * (ys[place] - ys[place - 1])


def compare(one: Curve, two: Curve) -> dict[str, float]:
    """The figures of one seed, and a table of how they come about."""
    until = min(one.seconds[-1], two.seconds[-1])
    print("                     one worker                  two workers                 one worker for twice as long")
    ratios = {"executions": at(two.seconds, two.executions, until) / at(one.seconds, one.executions, until)}
    for part in _PARTS:
        now = part * until
        executions = at(one.seconds, one.executions, now)
        features = at(one.seconds, one.features, now)
        ratios[f"speed-up to the features of {part:.0%}"] = now / at(two.features, two.seconds, features)
        ratios[f"features at the executions of {part:.0%}"] = at(two.executions, two.features, executions) / features
        print(f"  after {now:7.1f} s  {_words(one, now)}  {_words(two, now)}  {_words(one, 2 * now)}")
    for what, ratio in ratios.items():
        print(f"  {what}: {ratio:.3f}")
    return ratios


def _words(curve: Curve, now: float) -> str:
    values = at(curve.seconds, curve.executions, now), at(curve.seconds, curve.features, now)
    words = ("-" if math.isnan(value) else f"{value:,.0f}" for value in values)
    return " ".join(f"{word:>8} {name}" for word, name in zip(words, ("runs", "feat."), strict=True)).ljust(26)


def summary(rows: Sequence[dict[str, float]]) -> None:
    """Each figure over all seeds: geometric mean, least and most, of those that have one."""
    print(f"two workers against one, {len(rows)} seeds: geometric mean (least to most)")
    for what in rows[0]:
        known = [row[what] for row in rows if not math.isnan(row[what])]
        if known:
            mean = math.exp(sum(map(math.log, known)) / len(known))
            print(f"  {what}: {mean:.2f} ({min(known):.2f} to {max(known):.2f}, {len(known)} of {len(rows)} seeds)")
        else:
            print(f"  {what}: no figure, for lack of epochs")


def _seconds(text: str) -> float | None:
    try:
        return to_seconds(None, None, text)
    except click.BadParameter as error:
        raise argparse.ArgumentTypeError(error.message) from None


def main() -> None:
    """Measure, and print a table for each seed and one for all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--target", default="syscallemu")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--for", dest="seconds", type=_seconds, help="of each campaign: 60s, 10m, 1h")
    budget.add_argument("--runs", type=int, help="executions of each campaign, in whole epochs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epoch-runs", type=int, default=5_000, help="executions of an epoch")
    parser.add_argument("--in", dest="home", default=None, help="a directory for the campaigns")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{asked.target}, {os.cpu_count()} cores, of which others use {load:.1f}", flush=True)
    rows = []
    for number, seed in enumerate(asked.seeds):
        curves = {}
        for workers in (1, 2) if number % 2 == 0 else (2, 1):  # what changes with time favours neither
            with tempfile.TemporaryDirectory(dir=asked.home) as name:
                curves[workers] = measure(Path(name) / "campaign", workers, seed, asked)
        print(f"seed {seed}", flush=True)
        rows.append(compare(curves[1], curves[2]))
    summary(rows)


if __name__ == "__main__":
    main()
